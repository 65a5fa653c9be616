"""The specification seen from Python: transition system, TLC driver, claims, traces, organism."""
