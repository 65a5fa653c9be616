"""The store: one SQLite file, its tables, its operations, one transaction each.

Other rooms may import these files; only benchmarks import `fold`.
"""

__all__ = [
    "archive",
    "asynchronous",
    "backup",
    "checkup",
    "connection",
    "fold",
    "inspection",
    "loading",
    "ngrams",
    "operations",
    "owner",
    "rows",
    "schema",
    "synchronous",
]
