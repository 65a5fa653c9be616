"""The results page: the paper's list in its order, each entry with what was pending or claimed,
what was done and found, and the command.

Every sentence with a number is taken from the summaries that the experiments wrote. What was not
run is said to be not run. `templates/results.md` has the page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from leo import __version__
from leo_model.checking.check import spec_hash
from leo_model.files import write_file
from paper.experiments.errors import ExperimentError
from paper.experiments.published.data import CLAIMED
from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.sources import sources_of
from paper.experiments.summary import template


class Item(NamedTuple):
    """One entry of the paper's list: what was `pending` or `claimed` there, in our words, and which
    experiments answer it; where there is none, the claims and the theorems do.
    """

    title: str
    place: str
    status: str
    said: str
    experiments: tuple[str, ...] = ()


BOTH, PENDING, CLAIM = "8.6.7 and 8.6.9", "pending", "claimed"
ITEMS = (
    Item("Lock isolation test", BOTH, PENDING,
         "Put a threading.Lock around the synchronous reply and measure the metric, so that the "
         "effect of the lock is separated from that of the refactoring.", ("lock-isolation",)),
    Item("Concurrent sessions", BOTH, PENDING,
         "A stress test with several sessions at a time, three to five parallel observers.",
         ("concurrent",)),
    Item("Long-term stability", BOTH, PENDING,
         "More than 1,000 turns, observed over a week.", ("long-run",)),
    Item("Theoretical formalization", "8.6.9", PENDING,
         "A mathematical model of execution that preserves coherence."),
    Item("The 47 % improvement", "8.6.2", CLAIM,
         f"The asynchronous run has a lower external_vocab, {CLAIMED['async']['mean']} against "
         f"{CLAIMED['sync']['mean']}, and only the execution model is said to differ.",
         ("published",)),
    Item("Hypotheses H1 to H3", "8.6.3", CLAIM,
         "H1, the lock, and H2, the refactoring, are said to have made the difference together; "
         "H3, a difference in the baseline, was dismissed.", ("confound",)),
    Item("The crystal and the ocean", "8.6.5", CLAIM,
         "A field is said to keep a defect for ever, where a transformer would not notice it.",
         ("perturbation", "ocean")),
)  # fmt: skip
# On the page if it was run: it needs files that are not in this project.
TRANSCRIPTS = Item("The transcripts", "8.6.2", CLAIM,
                   "The printed values are said to be of one metric.",
                   ("reanalyse",))  # fmt: skip


def write_report(build: Path) -> Path:
    """Write build/report.md from the summaries in build, and return its path.

    Raises ExperimentError when there is no summary, or a file that is none.
    """
    found = {name: _summary(name, build / name / "summary.json") for name in EXPERIMENTS}
    summaries = {name: value for name, value in found.items() if value is not None}
    if not summaries:
        raise ExperimentError(
            f"{build}: no experiment has been run there; begin with leo experiment all --quick, "
            "or name the folder with --build"
        )
    page = template("templates/results.md").render(
        version=__version__,
        spec=spec_hash(),
        items=[*ITEMS, TRANSCRIPTS] if "reanalyse" in summaries else ITEMS,
        summaries=summaries,
        first=_first,
    )
    path = build / "report.md"
    write_file(path, page.encode())
    return path


def _summary(name: str, path: Path) -> Mapping[str, Any] | None:
    """A summary, with what it is `stale` by: changed files where rows were kept, else anything."""
    try:
        value = json.loads(path.read_text("utf-8"))
        stamp = value["stamp"]
        now = {"spec": spec_hash(), "sources": sources_of(load(name).measure.__module__)}
        stale = [kind for kind, hash in now.items() if stamp[kind] != hash]
        return {**value, "stale": stamp["kept"]["changed"] if "kept" in stamp else stale}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f"{path}: no summary of an experiment ({error}); remove it, and run it again"
        ) from None


def _first(text: str) -> str:
    """The first sentence of a paragraph: up to a full stop before a capital."""
    for place, sign in enumerate(text):
        if sign in ".?!" and text[place + 1 : place + 2] == " " and text[place + 2].isupper():
            return text[: place + 1]
    return text
