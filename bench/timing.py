"""Times in milliseconds: median, 95th percentile, mean, largest."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

__all__ = ["median_ms", "p95_ms", "summary"]


def median_ms(seconds: Sequence[float]) -> float:
    """The median, in milliseconds."""
    return 1000 * statistics.median(seconds)


def p95_ms(seconds: Sequence[float]) -> float:
    """The 95th percentile, in milliseconds."""
    return 1000 * sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def summary(seconds: Sequence[float]) -> str:
    """Four cells of a table."""
    mean, most = 1000 * statistics.fmean(seconds), 1000 * max(seconds)
    return f"{median_ms(seconds):.2f} | {p95_ms(seconds):.2f} | {mean:.2f} | {most:.1f}"
