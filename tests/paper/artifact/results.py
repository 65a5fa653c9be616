"""Result files as the commands would write them, small and without TLC, z3 or an experiment."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from matplotlib.figure import Figure

from leo_model.checking.check import spec_hash
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.checking.orders import load_orders, orders_json
from leo_model.checking.plan import plan
from leo_model.files import made_from, sealed
from leo_model.machine.reachable import bounded_world, explore
from paper.artifact.results import EXPERIMENTS
from paper.experiments.registry import load, module_of
from paper.experiments.sources import sources_of
from paper.experiments.summary import as_json
from tests.model.fallen import violations

# Theorems and facts that the sentences about the section name.
TITLES = (
    "MutualExclusion", "Serializable", "Refines", "Lock no-op", "One stale observation",
)  # fmt: skip
VERDICTS = {
    None: "ok", "DeadlockFree": "deadlock", "Answered": "temporal", "AloneReturns": "temporal",
}  # fmt: skip
TOLD = ("asyncio-lock", "unit-of-work")
PLOTS = {
    "confound": ["shares"], "lock-isolation": ["defects"], "published": ["published-length"],
}  # fmt: skip


def write_results(build: Path) -> Path:
    """Write everything that the artifact reads below `build`, and return `build`."""
    for name, data in _files().items():
        (build / name).parent.mkdir(parents=True, exist_ok=True)
        (build / name).write_bytes(data)
    return build


@cache
def _files() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        build = _make(Path(folder))
        files = (path for path in build.rglob("*") if path.is_file())
        return {str(path.relative_to(build)): path.read_bytes() for path in files}


def _make(build: Path) -> Path:
    put(build / "check" / "results.json", check_results())
    put(build / "proofs" / "theorems.json", stamped("theorems.json", theorems=theorems()))
    for name in EXPERIMENTS[:-1]:
        put(build / "experiments" / name / "summary.json", summary(name))
    put(build / "verify" / "traces.json", stamped("traces.json", traces=[trace()]))
    orders = orders_json(load_orders())
    put(build / "check" / "orders.json", stamped("orders.json", orders=orders, findings=[]))
    for name, plots in PLOTS.items():
        for plot in plots:
            path = build / "experiments" / name / plot
            path.with_suffix(".svg").write_text(SVG, "utf-8")
            path.with_suffix(".pdf").write_bytes(page())
    return build


def stamped(name: str, **rest: Any) -> dict[str, Any]:
    """A result with what it was made from."""
    return {"spec": spec_hash(), "made_from": made_from(name), **rest}


def put(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = sealed(data) if "made_from" in data else data
    path.write_text(json.dumps(data), "utf-8")


def check_results() -> dict[str, Any]:
    claims = load_claims()
    found = []
    for discipline in TOLD:
        fallen = claims.titles(discipline, FALLS, FALLS_WITH_FAULTS)
        world = bounded_world(discipline, 2, 1)
        found += [
            {"discipline": discipline, "property": violation.property, "sessions": 2, "turns": 1,
             "faults": sorted(world.faults), "back_to": None, "witness": violation.witness,
             "schedule": [list(move) for move in violation.schedule]}
            for violation in violations(world, explore(world))
            if violation.property in fallen
        ]  # fmt: skip
    cells = [
        {name: getattr(cell, name) for name in ("discipline", "property", "verdict", "reason")}
        for cell in claims.cells.values()
    ]
    runs = {
        run.name: {
            "verdict": VERDICTS.get(run.falls, "invariant"), "property": run.falls,
            "titles": list(run.titles), "distinct": claims.numbers[run.name].distinct,
            "depth": claims.numbers[run.name].depth,
        }
        for run in plan(claims)
    }  # fmt: skip
    return {
        **stamped("results.json"), "spec": {"folder": "spec", "hash": spec_hash()},
        "claims": cells, "runs": runs, "counterexamples": found, "findings": [],
    }  # fmt: skip


def theorems() -> list[dict[str, Any]]:
    cells = load_claims().cells
    return [
        {
            "number": number, "title": title, "claim": title, "sketch": "By induction.",
            "latex": r"For $n \ge 1$ sessions: \emph{always}.", "assumptions": ["one store"],
            "place": "proofs/invariants/unbounded.py", "tool": "z3 4", "obligations": 3,
            "fragment": "", "mutant": "a guard less", "counter_model": "s1",
            "cells": [{"discipline": discipline, "property": title, "faults": True}
                      for discipline in ("actor", "shielded-unit-of-work")
                      if (discipline, title) in cells],
        }
        for number, title in enumerate(TITLES, 1)
    ]  # fmt: skip


def trace() -> dict[str, Any]:
    fall = {"property": "AllOrNothing", "line": 4, "witness": "s1.1 half <applied>", "count": 2}
    outcomes = {"returned": 98, "cancelled": 2}
    return {
        "discipline": "asyncio-lock", "accepted": True,
        "native": {"events": 1200, "replies": 100, "outcomes": outcomes, "violations": [fall]},
    }  # fmt: skip


@cache
def published_facts() -> dict[str, Any]:
    """The facts of the published figures, which need no organism."""
    experiment = load("published")
    config = {"seed": 7, "quick": False}
    lab: Any = None
    rows = [row for key in experiment.cells(config) for row in experiment.measure(config, key, lab)]
    facts: dict[str, Any] = json.loads(as_json(experiment.summarise(config, rows, []), {}))["facts"]
    return facts


def interval(low: float, high: float) -> dict[str, float]:
    return {"value": (low + high) / 2, "low": low, "high": high}


def facts_of(name: str) -> dict[str, Any]:
    """What the section quotes of an experiment."""
    if name == "published":
        return published_facts()
    found: dict[str, dict[str, Any]] = {
        "confound": {
            "share_lock": interval(0.0, 0.0),
            "share_length": interval(-0.3, -0.1),
            "share_metric": interval(0.1, 0.2),
            "total": interval(-0.2, -0.1),
            "ends": [0.3, 0.2],
        },
        "lock-isolation": {
            "sequential_differences": 0, "sequential_replies": 1680, "cycles_free": [300.0, 700.0],
            "cycles_locked": [0.0], "detected": 0, "comparisons": 36, "published_replies": 200,
            "published_differences": 0, "published_alone": {"february": {"Refines": 1000.0}},
        },
        "concurrent": {
            "largest": 50, "validated": 1234, "broken": ["bare"], "whole": ["asyncio-lock"],
        },
        "long-run": {
            "turns": 1000, "snapshots": 20, "failed": 0, "stops": 1, "whole_stops": 1,
            "conversations": {"0": 1000}, "changes": 0, "tests": 3,
            "reachable": 1.0, "trauma_stable": 1.0,
        },
        "perturbation": {
            "contexts": 99, "crossed": 0, "differ_at_once": 0.4, "differ_later": 0.5, "last": 15,
            "shallow": {"mean": 0.4, "largest": 0.9}, "deep": {"mean": 0.01, "largest": 0.02},
        },
    }  # fmt: skip
    return found[name]


def summary(name: str) -> dict[str, Any]:
    return {
        "stamp": {
            "spec": spec_hash(), "sources": sources_of(module_of(name)), "seed": 1,
            "command": f"leo experiment {name}", "config": {"seeds": 30, "quick": False},
        },
        "title": f"On {name}", "question": "What?", "done": "Counted.",
        "answer": f"{name} < 50 % & more_or_less.", "findings": ["a finding"],
        "unexpected": [], "limits": ["a limit"], "facts": facts_of(name),
        "plots": [{"name": plot, "caption": "The shares"} for plot in PLOTS.get(name, ())],
        "tables": [{
            "name": f"table-{name}", "caption": "Some figures", "columns": ["arm", "mean"],
            "digits": 1,
            "rows": [["sync", {"value": 0.1, "low": 0.0, "high": 0.2}], ["async", None]],
        }],
    }  # fmt: skip


SVG = '<svg xmlns="http://www.w3.org/2000/svg"/>'


@cache
def page() -> bytes:
    """An empty picture as PDF."""
    out = io.BytesIO()
    Figure().savefig(out, format="pdf", metadata={"CreationDate": None})
    return out.getvalue()
