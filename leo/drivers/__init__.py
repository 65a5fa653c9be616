"""The drivers: they carry out the actions of a reply on an event loop.

Other rooms may import these files.
"""

__all__ = ["actor", "inner", "tasks"]
