"""The drivers: who carries the actions of a reply out on an event loop, and when.

Other rooms may import these files.
"""

__all__ = ["actor", "inner", "tasks"]
