"""The commands of this package, one file each; the entry points name them."""

# The arguments that the commands of other packages have as well.
__all__ = ["options"]
