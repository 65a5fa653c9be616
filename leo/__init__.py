"""The organism: one program of steps, many disciplines, a real SQLite store."""

__version__ = "0.1.0"
