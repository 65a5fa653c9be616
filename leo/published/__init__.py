"""The two programs that the paper's numbers come from, rebuilt: December 2025 and February 2026.

They are for recording and judging, not for keeping a field: `leo.published.february` loses texts.
"""

__all__ = ["december", "february"]
