"""The commands of this package, one file each; the entry points name them."""

__all__: list[str] = []
