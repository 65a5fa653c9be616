"""What the results say of a claim of the section: the verdict, computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, HOLDS
from paper.artifact.results import Results

__all__ = [
    "ARGUED", "CHECKED", "NOT_SHOWN", "OPEN", "PROVED", "REFUTED", "Judged",
    "always", "judge", "kept", "lengths_differ", "lock_changes_nothing", "lost", "measured",
    "not_the_lock", "order_matters", "two_metrics",
]  # fmt: skip

PROVED = "proved"
CHECKED = "checked to a bound"
REFUTED = "refuted"
MEASURED = "measured"
NOT_AS_EXPECTED = "measured, not as expected"
ARGUED = "an argument"
OPEN = "not decidable from the data"
NOT_SHOWN = "not shown by these results"

Judged = Callable[[Results], str]


def judge(verdict: str, condition: Callable[[Results], bool]) -> Judged:
    """The verdict, if the results bear it out."""
    return lambda results: verdict if condition(results) else NOT_SHOWN


def always(verdict: str) -> Judged:
    """The verdict of what no result can change, because it is an argument."""
    return lambda results: verdict


def kept(discipline: str, *titles: str) -> Judged:
    """Whether the properties hold: proved when theorems decide these very cells."""

    def judge(results: Results) -> str:
        if any(results.verdict(discipline, title)["verdict"] != HOLDS for title in titles):
            return REFUTED
        decided = {
            (cell["discipline"], cell["property"])
            for theorem in results.theorems
            for cell in theorem["cells"]
        }
        return PROVED if all((discipline, title) in decided for title in titles) else CHECKED

    return judge


def lost(verdict: str, discipline: str, *titles: str) -> Judged:
    """The verdict, if all of the properties fall."""
    return judge(verdict, lambda results: all(
        results.verdict(discipline, title)["verdict"] in (FALLS, FALLS_WITH_FAULTS)
        for title in titles
    ))  # fmt: skip


def measured(name: str) -> Judged:
    return lambda r: NOT_AS_EXPECTED if r.experiments[name]["unexpected"] else MEASURED


def _fact(results: Results, name: str, fact: str) -> Any:
    return results.experiments[name]["facts"][fact]


def lengths_differ(results: Results) -> bool:
    """The observers of the two arms do not overlap in the length of their messages."""
    return not _fact(results, "published", "lengths_overlap")


def two_metrics(results: Results) -> bool:
    """The printed values differ by something else than the same turns measured by one metric."""
    printed, tokens = (_fact(results, "published", name)["value"] for name in ("printed", "tokens"))
    return bool(abs(printed - tokens) > 0.0005)


def not_the_lock(results: Results) -> bool:
    """The lock's share of the difference cannot be told from none; that of the messages can."""
    lock, length = (_fact(results, "confound", name) for name in ("share_lock", "share_length"))
    return bool(lock["low"] <= 0.0 <= lock["high"] and not length["low"] <= 0.0 <= length["high"])


def lock_changes_nothing(results: Results) -> bool:
    results.theorem("Lock no-op")
    return bool(_fact(results, "lock-isolation", "sequential differences") == 0)


def order_matters(results: Results) -> str:
    """Some orders of the steps lose, to one session alone, what others keep."""
    if not results.orders:
        return ARGUED
    kept_all = {not order["falls"]["sequential"] for order in results.orders}
    return CHECKED if kept_all == {True, False} else NOT_SHOWN
