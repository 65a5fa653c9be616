"""Theorems about the field: for any number of sessions (z3) and about its algebra (sympy)."""
