"""Theorems about the field: for any number of sessions (z3) and about its algebra (sympy)."""

# The command `leo` takes subcommands only from packages that carry this mark.
__leo_field__ = True
