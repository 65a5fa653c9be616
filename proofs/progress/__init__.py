"""Progress for any number of sessions: no deadlock, and answers where the lock serves in turn."""

__all__ = ["index"]
