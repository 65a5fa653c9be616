"""What a paper cites and a reader steps through, made from the result files."""

__all__ = ["commands"]
