"""The files that an experiment's rows depend on, as one hash.

They are found, not listed: from the module that measures, along its imports, into every module of
this project. What only tells of rows (a report, a plot) is not followed. The organism is taken
whole, since some of its parts are loaded by name, and so are the data files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from leo_model.files import ROOT, claims_of, hash_of, modules_of

__all__ = ["TELLING", "measuring", "sources_of"]

# The endings of modules that see rows only after they were measured.
TELLING: Final = (".report", ".summary", ".plots", ".tables")


def measuring(start: str, root: Path = ROOT) -> dict[str, Path]:
    """The modules on which the rows depend that the module `start` measures, with their files."""
    return modules_of(start, root, TELLING)


def sources_of(start: str, root: Path = ROOT) -> str:
    """The SHA-256 of everything that the rows of the measuring module `start` depend on, but the
    specification, which has a hash of its own.

    `root` is the folder that holds the packages.
    """
    data = (root / "paper" / "experiments").rglob("*.csv")
    organism = (root / "leo").rglob("*.py")
    return hash_of({*measuring(start, root).values(), *organism, *data, claims_of(root)}, root)
