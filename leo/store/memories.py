"""The rows that recall reads, whoever asks for them: how many they are, and their columns."""

from __future__ import annotations

from typing import Final

from leo.field.recall import Memory

__all__ = ["CAP", "newest"]

# No more snapshots than these live (organism, section 10).
CAP: Final = 512


def newest(condition: str = "1") -> str:
    """The SELECT of the newest memories that meet a condition, in the columns of `Memory`."""
    return (
        f"SELECT {', '.join(Memory._fields)} FROM snapshots WHERE {condition} "
        f"ORDER BY id DESC LIMIT {CAP}"
    )
