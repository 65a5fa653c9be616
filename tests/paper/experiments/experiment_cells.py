"""What the tests of the experiments on the organism share: cells, and all that a summary says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic
from typing import Any

from paper.experiments.experiment import Experiment, Key, Lab, Row
from paper.experiments.summary import Summary, as_json, as_markdown

CONFIG: dict[str, Any] = {"seed": 7, "quick": True, "words": 19, "themes": 1, "seeds": 2}
STAMP = {
    "experiment": "x", "version": "0", "spec": "0" * 64, "sources": "0" * 64, "seed": 7,
    "config": {}, "config_hash": "0", "command": "leo experiment x",
}  # fmt: skip


def measured(
    experiment: Experiment, key: Key, tmp_path: Path, config: Mapping[str, Any] = CONFIG
) -> list[Row]:
    """The rows of one cell, measured in a folder of its own."""
    return list(experiment.measure(config, key, Lab(Path(mkdtemp(dir=tmp_path)), monotonic)))


def told(summary: Summary) -> str:
    """All that a summary says, in all formats."""
    return as_markdown(summary, STAMP, ()) + as_json(summary, STAMP)
