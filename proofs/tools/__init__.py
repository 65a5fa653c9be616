"""What discharges an obligation: z3, cvc5, sympy; counter-models and certificates."""

__all__ = ["countermodel", "crosscheck", "discharge", "errors", "exact", "theorem"]
