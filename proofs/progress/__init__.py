"""Progress for any number of sessions: no deadlock, and an answer to every call."""

__all__ = ["index"]
