"""Experiments: seeded measurements of the organism, with raw rows, statistics and a results page.

`registry` knows their names; each experiment is one value of `experiment.Experiment`. Nothing here
is imported by the other packages: numpy, scipy and matplotlib are needed for `leo experiment` only.
"""

__all__ = ["plots", "published", "registry", "results", "sources", "summary"]
