"""The store: one SQLite file, its tables, its operations, one transaction each.

Other rooms may import these files; `fold` is open to what measures the store.
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
