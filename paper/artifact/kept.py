"""Kept results of `leo check`, `leo orders` and `leo prove`, in paper/results: `make paper` takes
one if it was made from the sources, claims and specification that are here, and else makes it.

    python -m paper.artifact.kept           keep those in build
    python -m paper.artifact.kept FILE      take that one; exit code 1: none is of these sources
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from leo_model.files import made_from
from paper.experiments.results import RESULTS

NAMES = ("check/results.json", "check/orders.json", "proofs/theorems.json")


def keep(build: Path, folder: Path = RESULTS) -> list[Path]:
    """Keep what `build` has, compressed without a time, and return the files."""
    kept = [folder / f"{Path(name).name}.gz" for name in NAMES]
    for name, path in zip(NAMES, kept, strict=True):
        path.write_bytes(gzip.compress((build / name).read_bytes(), mtime=0))
    return kept


def take(path: Path, folder: Path = RESULTS) -> bool:
    """Write the kept result to `path`, if there is one of the sources here."""
    kept = folder / f"{path.name}.gz"
    data = gzip.decompress(kept.read_bytes()) if kept.exists() else b"{}"
    if json.loads(data).get("made_from", "") != made_from(path.name):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return True


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(not take(Path(sys.argv[1])))
    print(*keep(Path("build")), sep="\n")
