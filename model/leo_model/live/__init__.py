"""`leo live`: the real organism on a stage, scenes to play there, and a local page to watch.

Start with `stage`. The door is the command `leo live`; no other room imports this one.
"""

__all__ = ["server", "stage"]
