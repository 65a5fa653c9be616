"""The two published programs, rebuilt: December 2025, which the paper measured, and February 2026.

They exist to be recorded and judged. Do not keep a field with them: `leo.published.february` loses
texts.
"""

__all__ = ["december", "february"]
