"""The command line: what other packages may import from here."""

__all__ = ["ending", "main", "places"]
