"""The reply: a program of steps as data, and its actions in order under each discipline.

Other rooms may import these files.
"""

__all__ = ["chorus", "commit", "context", "given", "module", "program", "turn", "voice"]
