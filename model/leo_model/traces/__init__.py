"""Recorded runs, judged: what other rooms may import from here."""

__all__ = [
    "coverage",
    "events",
    "merge",
    "native",
    "reader",
    "report",
    "story",
    "strength",
    "tlc_engine",
    "validate",
    "workload",
]
