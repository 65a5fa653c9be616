"""The claims and how TLC decides them: what other rooms may import from here."""

__all__ = [
    "check",
    "claims",
    "distributed",
    "graph",
    "mutants",
    "orders",
    "plan",
    "questions",
    "results",
    "table",
]
