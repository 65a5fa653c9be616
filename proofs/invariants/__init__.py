"""Safety for any number of sessions: invariants, properties, refinement, occasions."""

__all__ = [
    "contents",
    "execution",
    "invariants",
    "noop",
    "occasions",
    "program",
    "safety",
    "simulation",
    "unbounded",
]
