"""The field: text to counts, counts to a view, a walk through the view.

Pure: no input, no output, no clock; randomness is an argument.

Other rooms may import these files.
"""

__all__ = [
    "cooccurrence",
    "counts",
    "decay",
    "draw",
    "generation",
    "growth",
    "measure",
    "metrics",
    "overlay",
    "reading",
    "recall",
    "seed",
    "sentences",
    "tables",
    "text",
    "themes",
    "view",
]
