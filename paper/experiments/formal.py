"""What the results page says of the formalization: what `leo check` and `leo prove` wrote, or that
they were not run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

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

__all__ = ["COMMANDS", "Formal", "formal_of"]

COMMANDS = ("leo check", "leo prove")
SAID = {
    HOLDS: "holds",
    FALLS: "falls",
    FALLS_WITH_FAULTS: "falls with a fault",
    NEEDS_STRONG_FAIRNESS: "holds under strong fairness only",
}


class Formal(NamedTuple):
    """What was done, and what came of it; `missing` are the commands that have no result here."""

    done: str
    result: str
    missing: tuple[str, ...]


def formal_of(build: Path) -> Formal:
    """Read the results of both commands below `build`. Raises ExperimentError for one that is no
    result.
    """
    check = _read(build / "check" / "results.json")
    proofs = _read(build / "proofs" / "theorems.json")
    results, missing = [], []
    done = "A TLA+ specification of a reply under each discipline"
    if isinstance(check, str):
        results.append(f"The claims: {check}.")
        missing.append("leo check")
    else:
        done += ", model-checked"
        results.append(_checked(check))
    if isinstance(proofs, str):
        results.append(f"The theorems: {proofs}.")
        missing.append("leo prove")
    else:
        done += f", and {len(proofs['theorems'])} theorems, each with a mutant that does not prove"
        about = sum(bool(theorem["cells"]) for theorem in proofs["theorems"])
        results.append(f"{about} of the theorems decide a verdict for any number of sessions.")
    return Formal(f"{done}.", " ".join(results), tuple(missing))


def _read(path: Path) -> Mapping[str, Any] | str:
    """The result, or why there is none to be quoted."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return "not run"
    except (OSError, ValueError) as error:
        raise ExperimentError(
            f"{path}: no result ({error}); remove it, and run the command again"
        ) from None
    made = made_from(path.name)
    if not isinstance(value, dict) or (made is not None and value.get("made_from") != made):
        return "run with other sources, not with these"
    return value


def _checked(check: Mapping[str, Any]) -> str:
    """The verdicts, counted, when all searches are there and found what is claimed."""
    planned = {run.name for run in plan(load_claims())}
    decided = [claim for claim in check["claims"] if claim["verdict"] in SAID]
    count = Counter(claim["verdict"] for claim in decided)
    verdicts = (
        f"{len(decided)} verdicts: {count[HOLDS]} hold, {count[FALLS]} fall, "
        f"{count[FALLS_WITH_FAULTS]} fall only with faults, {count[NEEDS_STRONG_FAIRNESS]} hold "
        "under strong fairness only"
    )
    if check["findings"]:
        return (
            f"NOT AS CLAIMED: {len(check['findings'])} findings against what is claimed, "
            f"{verdicts}; `leo check` says which."
        )
    done = planned & check["runs"].keys()
    if done != planned:
        return f"Claimed are {verdicts}; only {len(done)} of {len(planned)} searches were run."
    lock = {
        claim["property"]: SAID[claim["verdict"]]
        for claim in decided
        if claim["discipline"] == "asyncio-lock"
    }
    return (
        f"{len(planned)} searches came to {verdicts}. Of the paper's asyncio.Lock, Serializable "
        f"{lock['Serializable']} and AllOrNothing {lock['AllOrNothing']}."
    )
