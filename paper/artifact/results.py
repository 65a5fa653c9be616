"""The result files, read and held to the specification they speak of.

Nothing is computed here. A file that is missing, or that was made with another specification, stops
the build and names the command that makes it anew. The kept rows of an experiment are exempt: they
depend on the code that their first line names (`made`), and are held to it by being made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leo import __version__
from leo_model.checking.check import spec_hash
from leo_model.checking.claims import (
    FALLS,
    FALLS_WITH_FAULTS,
    HOLDS,
    NEEDS_STRONG_FAIRNESS,
    load_claims,
)
from leo_model.checking.orders import load_orders, orders_json
from leo_model.checking.results import problems
from leo_model.files import MAKERS, contents_of, made_from
from paper.artifact.errors import ArtifactError
from paper.experiments.registry import module_of
from paper.experiments.sources import sources_of

Json = Mapping[str, Any]

# What the artifact quotes; `leo experiment all --kept` makes those that have a kept result. The
# published figures are always there; what else has no result, or that of a quick run, is said to
# have none.
EXPERIMENTS = (
    "published", "confound", "lock-isolation", "concurrent", "long-run", "perturbation", "ocean",
)  # fmt: skip
# Result files below the build folder, with the commands that make them.
COMMANDS = {
    "check/results.json": "leo check",
    "proofs/theorems.json": "leo prove",
    "check/orders.json": "leo orders",
    "schedules/replayed.json": "leo replay --claims",
    "verify/traces.json": "leo verify",
}
REQUIRED = ("check/results.json", "proofs/theorems.json")


@dataclass(frozen=True)
class Results:
    """Everything that the artifact says, as its commands wrote it.

    claims: one object per cell (discipline, property, verdict, reason). runs: one per search, by
    name. counterexamples: one per cell that falls, with its schedule. theorems: one per theorem.
    experiments: the summary of each, by name.
    replayed: for "discipline / property", what the real organism did with the counterexample; empty
    when that was not asked.
    traces: the reports on the traces that `leo verify` recorded, empty when it was not run.
    orders: for each order of the four steps what falls, empty when that was not asked.
    """

    version: str
    spec: str
    claims: Sequence[Json]
    runs: Mapping[str, Json]
    counterexamples: Sequence[Json]
    theorems: Sequence[Json]
    experiments: Mapping[str, Json]
    replayed: Mapping[str, str]
    traces: Sequence[Json]
    orders: Sequence[Json]

    @property
    def missing(self) -> list[str]:
        """The experiments that have no full result."""
        return [name for name in EXPERIMENTS if name not in self.experiments]

    @property
    def stamp(self) -> str:
        """The line that every output carries."""
        return f"leo-field {self.version}, specification {self.spec[:16]}"

    def verdict(self, discipline: str, title: str) -> Json:
        """The cell of the table. Raises ArtifactError when the result file has no such cell."""
        for claim in self.claims:
            if (claim["discipline"], claim["property"]) == (discipline, title):
                return claim
        raise ArtifactError(
            f"the result of `leo check` has no cell {discipline} / {title}: run `leo check`"
        )

    def has(self, discipline: str) -> bool:
        """Whether the claims speak of a discipline."""
        return any(claim["discipline"] == discipline for claim in self.claims)

    def steps(self, discipline: str, title: str) -> int:
        """The length of a cell's counterexample; 0 when there is none."""
        for found in self.counterexamples:
            if (found["discipline"], found["property"]) == (discipline, title):
                return len(found["schedule"])
        return 0

    @property
    def numbers(self) -> dict[str, int]:
        """How much was checked and proved."""
        names = {claim["discipline"] for claim in self.claims}
        return {
            "disciplines": len(names),
            "programs": sum(name.startswith("published") for name in names),
            "claims": sum(claim["verdict"] != "not-applicable" for claim in self.claims),
            "searches": len(self.runs),
            "states": sum(run["distinct"] or 0 for run in self.runs.values()),
            "counterexamples": len(self.counterexamples),
            "theorems": len(self.theorems),
            # Those about cells of the table; the others are about programs at large, or algebra.
            "unbounded": sum(bool(theorem["cells"]) for theorem in self.theorems),
        }

    def theorem(self, title: str) -> Json:
        """The theorem of that title. Raises ArtifactError when the result file has none."""
        for theorem in self.theorems:
            if theorem["title"] == title:
                return theorem
        raise ArtifactError(f"the result of `leo prove` has no theorem {title!r}: run `leo prove`")


def load(build: Path) -> Results:
    """Read all results below `build`. Raises ArtifactError for what is missing or stale."""
    spec = spec_hash()
    found = {name: _result(build, name, spec) for name in COMMANDS}
    check = found["check/results.json"]
    _believed(check, build / "check/results.json")
    _as_claimed(found["proofs/theorems.json"], found["verify/traces.json"], build)
    orders = found["check/orders.json"].get("orders", [])
    if orders and orders != orders_json(load_orders()):
        raise ArtifactError(
            f"{build / 'check/orders.json'} is not what is claimed: run `leo orders` again"
        )
    return Results(
        __version__,
        spec,
        check["claims"],
        check["runs"],
        check["counterexamples"],
        found["proofs/theorems.json"]["theorems"],
        {name: told for name in EXPERIMENTS if (told := _experiment(build, name, spec))},
        {
            cell: f"it breaks the property too; leo replay {one['token']}"
            if one["replayed"]
            else f"not replayed, because {one['why']}"
            for cell, one in found["schedules/replayed.json"].get("cells", {}).items()
        },
        found["verify/traces.json"].get("traces", []),
        orders,
    )


def _result(build: Path, name: str, spec: str) -> Json:
    """A result file, empty where there is none and the artifact can do without it. Raises
    ArtifactError when it was made with another specification or from other sources, or when it
    records findings.
    """
    path, command = build / name, COMMANDS[name]
    if name not in REQUIRED and not path.exists():
        return {}
    data: Json = _read(path, command)
    made_with = data["spec"]
    _fresh(made_with["hash"] if isinstance(made_with, dict) else made_with, spec, path, command)
    made = made_from(path.name) if path.name in MAKERS else None
    if made is not None and data.get("made_from") != made:
        raise ArtifactError(
            f"{path} was made from other sources or other claims than the ones here: run "
            f"`{command}` again"
        )
    if data.get("findings"):
        raise ArtifactError(
            f"{path} records {len(data['findings'])} verdicts that are not as claimed: an artifact "
            f"is made of what holds; `{command}` says which"
        )
    if made is not None and data.get("contents") != contents_of(data):
        raise ArtifactError(
            f"{path} is not what `{command}` wrote: somebody has changed it since; run `{command}` "
            "again"
        )
    return data


def _experiment(build: Path, name: str, spec: str) -> Json | None:
    path = build / "experiments" / name / "summary.json"
    if name != "published" and not path.exists():
        return None
    summary: Json = _read(path, f"leo experiment {name} --kept")
    if summary["stamp"]["config"]["quick"]:
        return None
    if "kept" in summary["stamp"]:
        # Such rows are compared with the sources here by making some of them again.
        return summary
    _fresh(summary["stamp"]["spec"], spec, path, f"leo experiment {name}")
    if summary["stamp"]["sources"] != sources_of(module_of(name)):
        raise ArtifactError(
            f"{path} is of rows that other sources measured: run `leo experiment {name}` again"
        )
    return summary


def _read(path: Path, command: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"{path} is not there: `{command}` makes it") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"{path} cannot be read ({error}): delete it and run `{command}`"
        ) from error


def _fresh(found: str, spec: str, path: Path, command: str) -> None:
    if found != spec:
        raise ArtifactError(
            f"{path} was made with the specification {found[:16]}, and the one here is "
            f"{spec[:16]}: run `{command}` again"
        )


def _believed(check: Json, path: Path) -> None:
    """Raise ArtifactError when a result says something else than the claims, or than its own
    counterexamples show.
    """
    wrong = problems(check, load_claims())
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise ArtifactError(
            f"{path} is not what `leo check` writes here: {wrong[0]}{more}: run `leo check` "
            "without arguments"
        )


def _as_claimed(proofs: Json, verified: Json, build: Path) -> None:
    """Raise ArtifactError for a theorem about a cell that is claimed to fall, and for a trace that
    is no behaviour or breaks what is claimed to hold.
    """
    claims = load_claims()
    for theorem in proofs["theorems"]:
        for cell in theorem["cells"]:
            key = cell["discipline"], cell["property"]
            held = {HOLDS, NEEDS_STRONG_FAIRNESS}
            held |= set() if cell["faults"] else {FALLS_WITH_FAULTS}
            claim = claims.cells.get(key)
            if (claim.verdict if claim else claims.also.get(key)) not in held:
                raise ArtifactError(
                    f"{build / 'proofs/theorems.json'}: {theorem['title']} is said to decide "
                    f"{' / '.join(key)}, which is not claimed to hold: run `leo prove` again"
                )
    for trace in verified.get("traces", []):
        broken = set(trace.get("broken", ()))
        broken -= set(claims.titles(trace["discipline"], FALLS, FALLS_WITH_FAULTS))
        if not trace["accepted"] or broken:
            raise ArtifactError(
                f"{build / 'verify/traces.json'}: a trace of {trace['discipline']} is said to "
                f"{'break ' + ', '.join(sorted(broken)) if broken else 'be no behaviour'}, which "
                "is not claimed: run `leo verify` again"
            )
