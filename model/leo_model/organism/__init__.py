"""The real organism under a scheduler: what other rooms may import from here."""

__all__ = ["case", "cover", "organism", "published", "recording", "replay", "stores"]
