"""The specification seen from Python: transition system, explorer, TLC driver, traces, claims."""

# `model` is a common name: the command `leo` looks for this mark before it trusts a package of it.
__leo_field__ = True
