"""Safety for any number of sessions: invariants, properties, refinement, occasions."""

__all__ = ["execution", "invariants", "noop", "program", "safety", "simulation", "unbounded"]
