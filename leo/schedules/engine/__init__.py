"""Searches among the schedules of any system; `system.py` is what they ask of one.

Other rooms may import these files.
"""

__all__ = ["chance", "depth_first", "optimal", "search", "system"]
