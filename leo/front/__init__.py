"""The fields that a program opens: `tasks` has AsyncLeoField, `threads` has LeoField.

Other rooms may import these files.
"""

__all__ = [
    "tasks",
    "threads",
]
