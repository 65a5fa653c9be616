"""The transition relation of `spec/Field.tla` in z3, and its tie to the machine in Python."""

__all__ = ["endings", "relation", "tie", "vocabulary"]
