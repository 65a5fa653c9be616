"""The organism watched live: a stage with the real organism on it, scenes, and a local page.

Start with `stage`. The door is the command `leo live`; no other room imports this one.
"""

__all__ = ["server", "stage"]
