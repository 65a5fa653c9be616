"""Safety for any number of sessions: invariants, properties, refinement, non-vacuity."""

__all__ = ["execution", "invariants", "noop", "program", "safety", "simulation", "unbounded"]
