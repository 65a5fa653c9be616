"""The results page: the paper's list in its order, each entry with what was pending or claimed,
what was done and found, and the command.

Every sentence with a number is taken from the results that the commands wrote. What was not run is
said to be not run. `templates/results.md` has the page.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from leo import __version__
from leo_model.checking.check import spec_hash
from leo_model.checking.claims import (
    FALLS,
    FALLS_WITH_FAULTS,
    HOLDS,
    NEEDS_STRONG_FAIRNESS,
    load_claims,
)
from leo_model.checking.plan import plan
from leo_model.files import made_from
from paper.experiments.errors import ExperimentError
from paper.experiments.published.data import CLAIMED
from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.runner import write
from paper.experiments.sources import sources_of
from paper.experiments.summary import template

__all__ = ["ITEMS", "Item", "write_report"]

NEEDED = {
    "stamp", "title", "question", "done", "answer", "findings", "unexpected", "limits", "plots",
}  # fmt: skip
STAMPED = {"command", "config", "config_hash", "seed", "sources", "spec"}
SAID = {
    HOLDS: "holds",
    FALLS: "falls",
    FALLS_WITH_FAULTS: "falls with a fault",
    NEEDS_STRONG_FAIRNESS: "holds under strong fairness only",
}


class Item(NamedTuple):
    """One entry of the paper's list: what was `pending` or `claimed` there, in our words, and which
    experiments answer it. `formal`: the claims and the theorems answer it.
    """

    title: str
    place: str
    status: str
    said: str
    experiments: tuple[str, ...] = ()
    formal: bool = False


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
         "A mathematical model of execution that preserves coherence.", formal=True),
    Item("The 47 % improvement", "8.6.2", CLAIM,
         f"The asynchronous run has a lower external_vocab, {CLAIMED['async']['mean']} against "
         f"{CLAIMED['sync']['mean']}, and only the execution model is said to differ.",
         ("published",)),
    Item("Hypotheses H1 to H3", "8.6.3", CLAIM,
         "H1, the lock, and H2, the refactoring, are said to have made the difference together; "
         "H3, a difference in the baseline, was dismissed.", ("confound",)),
    Item("The crystal and the ocean", "8.6.5", CLAIM,
         "A field is said to keep a defect for ever, where a transformer would not notice it.",
         tuple(name for name in ("perturbation", "ocean") if name in EXPERIMENTS)),
)  # fmt: skip


def write_report(build: Path) -> Path:
    """Write build/report.md from the summaries in build, and return its path. What `leo check` and
    `leo prove` wrote is looked for beside build.

    Raises ExperimentError when there is no summary, or a file that is none.
    """
    found = {name: _summary(build / name / "summary.json") for name in EXPERIMENTS}
    summaries = {name: value for name, value in found.items() if value is not None}
    if not summaries:
        raise ExperimentError(
            f"{build}: no experiment has been run there; begin with leo experiment all --quick, "
            "or name the folder with --build"
        )
    page = template("templates/results.md").render(
        version=__version__,
        spec=spec_hash(),
        items=ITEMS,
        summaries=summaries,
        others=[n for n in summaries if not any(n in item.experiments for item in ITEMS)],
        # Whether kept rows are what the sources here give is found out by making some again.
        older=[
            name
            for name, value in summaries.items()
            if "kept" not in value["stamp"]
            and value["stamp"]["sources"] != sources_of(load(name).measure.__module__)
        ],
        formal=_formal(build.parent),
        first=_first,
    )
    path = build / "report.md"
    write(path, page)
    return path


def _json(path: Path) -> Any:
    """What a file has, None when there is none. Raises ExperimentError when it is no JSON."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ExperimentError(
            f"{path}: no result ({error}); remove it, and run the command again"
        ) from None


def _summary(path: Path) -> Mapping[str, Any] | None:
    value = _json(path)
    if value is None or (
        isinstance(value, dict)
        and value.keys() >= NEEDED
        and isinstance(value["stamp"], dict)
        and value["stamp"].keys() >= STAMPED
        and isinstance(value["stamp"]["config"], dict)
        and "quick" in value["stamp"]["config"]
    ):
        return value
    raise ExperimentError(
        f"{path}: no summary of an experiment; remove it, and run the experiment again"
    )


def _first(text: str) -> str:
    """The first sentence of a paragraph: up to a full stop before a capital."""
    for place, sign in enumerate(text):
        if sign in ".?!" and text[place + 1 : place + 2] == " " and text[place + 2].isupper():
            return text[: place + 1]
    return text


def _formal(build: Path) -> dict[str, Any]:
    """What `leo check` and `leo prove` wrote below `build`: the state of each (an empty string when
    its result may be quoted, else why not) and its figures.
    """
    found: dict[str, Any] = {}
    for kind, path in (("check", "check/results.json"), ("proofs", "proofs/theorems.json")):
        value = _json(build / path)
        made = made_from(Path(path).name)
        if value is None:
            found[kind] = {"state": "not run"}
        elif not isinstance(value, dict) or (made is not None and value.get("made_from") != made):
            found[kind] = {"state": "run with other sources, not with these"}
        else:
            found[kind] = {"state": "", **(_checked if kind == "check" else _proved)(value)}
    return found


def _proved(proofs: Mapping[str, Any]) -> dict[str, int]:
    theorems = proofs["theorems"]
    return {"theorems": len(theorems), "deciding": sum(bool(t["cells"]) for t in theorems)}


def _checked(check: Mapping[str, Any]) -> dict[str, Any]:
    planned = {run.name for run in plan(load_claims())}
    decided = [claim for claim in check["claims"] if claim["verdict"] in SAID]
    lock = [claim for claim in decided if claim["discipline"] == "asyncio-lock"]
    return {
        "verdicts": len(decided),
        "count": Counter(claim["verdict"] for claim in decided),
        "findings": len(check["findings"]),
        "planned": len(planned),
        "searched": len(planned & check["runs"].keys()),
        "lock": {claim["property"]: SAID[claim["verdict"]] for claim in lock},
    }
