"""The fast path of the native engine. Its door is `engine.feed_all`; nobody else comes in."""

__all__ = ["engine"]
