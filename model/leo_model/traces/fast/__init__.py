"""The fast path of the native engine. Other rooms call `engine.feed_all` and nothing else."""

__all__ = ["engine"]
