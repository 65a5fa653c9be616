"""Section 8.6 of the paper, claim by claim: what it says (in our words), the verdict, the evidence.

A row's verdict and its evidence are functions of the results, so that neither a number nor a
verdict stands here. Where no result file decides, the verdict says that it is an argument, and the
evidence names its source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from leo_model.checking.table import SIGNS
from paper.artifact.results import Results
from paper.artifact.verdicts import (
    CHECKED,
    NOT_SHOWN,
    OPEN,
    PROVED,
    REFUTED,
    Judged,
    always,
    judge,
    kept,
    lengths_differ,
    lock_changes_nothing,
    lost,
    measured,
    not_the_lock,
    order_matters,
    two_metrics,
)

__all__ = ["SENTENCES", "Sentence"]


@dataclass(frozen=True)
class Sentence:
    """One claim of the section, and what became of it."""

    place: str
    claim: str
    verdict: Judged
    evidence: Callable[[Results], str]
    command: str


def _cells(discipline: str, *titles: str) -> Callable[[Results], str]:
    """Say the verdicts of some cells."""

    def say(results: Results) -> str:
        found = [
            f"{title} {SIGNS[results.verdict(discipline, title)['verdict']]}" for title in titles
        ]
        return f"{discipline}: {', '.join(found)}"

    return say


def _shortest(discipline: str, title: str) -> Callable[[Results], str]:
    """Say how short the counterexample is."""

    def say(results: Results) -> str:
        for found in results.counterexamples:
            if (found["discipline"], found["property"]) == (discipline, title):
                return (
                    f"{discipline} loses {title} after {len(found['schedule'])} steps: "
                    f"{found['witness']}"
                )
        return f"{discipline}: {title} has no counterexample in the results"

    return say


def _theorem(title: str) -> Callable[[Results], str]:
    def say(results: Results) -> str:
        found = results.theorem(title)
        return (
            f"theorem {found['number']}, {title}: {found['obligations']} obligations, "
            f"{found['tool']}"
        )

    return say


def _experiment(name: str) -> Callable[[Results], str]:
    return lambda results: str(results.experiments[name]["answer"])


def _both(*parts: Callable[[Results], str]) -> Callable[[Results], str]:
    return lambda results: "; ".join(part(results) for part in parts)


def _published(fact: str, words: str) -> Callable[[Results], str]:
    """Put a figure recomputed from the published turns into words."""

    def say(results: Results) -> str:
        value: Any = results.experiments["published"]["facts"][fact]
        if isinstance(value, dict) and "value" in value:
            value = f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
        elif isinstance(value, dict):
            value = ", ".join(f"{arm} {figure:.3g}" for arm, figure in value.items())
        return words.format(value)

    return say


def _orders(results: Results) -> str:
    """Say how many orders of the steps keep everything, and whether a lock helps the others."""
    if not results.orders:
        return "an argument: no result is read here, because the command was not run"
    falls = [order["falls"] for order in results.orders]
    keep = sum(not fallen["sequential"] for fallen in falls)
    helped = sum(bool(set(fallen["sequential"]) - set(fallen[LOCK])) for fallen in falls)
    return (
        f"{keep} of {len(falls)} orders of the four steps keep every property asked with one "
        f"session; {LOCK} keeps one that is lost there in {helped}"
    )


LOCK = "asyncio-lock"
WHOLE = "shielded-unit-of-work"

SENTENCES = (
    Sentence("8.6.1, 8.6.2", "moving reply() to asyncio improved coherence by 47 %",
             judge(REFUTED, not_the_lock),
             _both(_published("means_tokens", "one metric for both arms gives {}"),
                   _experiment("confound")), "leo experiment confound"),
    Sentence("8.6.2", "the arms differ in the execution model only",
             judge(REFUTED, lengths_differ),
             _both(_published("observer_words", "words of an observer's message: {}"),
                   lambda r: "an argument: the published programs count different things, and ran "
                   "different modules"),
             "leo experiment published"),
    Sentence("8.6.2", "one metric, external_vocab, was compared",
             judge(REFUTED, two_metrics),
             _published("printed", "difference of the printed values, of two metrics: {}"),
             "leo experiment published"),
    Sentence("8.6.2 note", "a threading.Lock on synchronous code isolates its effect",
             judge(PROVED, lock_changes_nothing),
             _both(_theorem("Lock no-op"), _experiment("lock-isolation")),
             "leo experiment lock-isolation"),
    Sentence("8.6.3 H1", "the lock enforces the order that the synchronous code assumed",
             kept(LOCK, "MutualExclusion", "Serializable", "NoOvertaking"),
             _both(_theorem("Serializable"), _cells(LOCK, "MutualExclusion", "Serializable",
                                                    "NoOvertaking")), "leo prove"),
    Sentence("8.6.3 H1", "and so explains a difference between two sequential runs",
             judge(REFUTED, lock_changes_nothing),
             _theorem("Lock no-op"), "leo noop"),
    Sentence("8.6.3 H2", "the order of operations matters", order_matters, _orders,
             "leo orders"),
    Sentence("8.6.3 H3", "a biased baseline can be dismissed",
             judge(REFUTED, lengths_differ),
             _experiment("published"), "leo experiment published"),
    Sentence("8.6.4", "the GIL does not make several operations atomic",
             lost(CHECKED, "gil", "MutualExclusion", "Serializable", "StableRead", "ViewNotTorn"),
             _cells("gil", "MutualExclusion", "Serializable", "StableRead", "ViewNotTorn"),
             "leo check gil"),
    Sentence("8.6.4", "asyncio.Lock makes the operations of one reply atomic",
             lost(REFUTED, LOCK, "AllOrNothing", "Refines"),
             _both(_shortest(LOCK, "AllOrNothing"), _shortest(LOCK, "Refines")),
             "leo check asyncio-lock"),
    Sentence("8.6.4", "asyncio.Lock keeps replies apart",
             kept(LOCK, "MutualExclusion", "ViewNotTorn", "ReadsOwnObservation",
                   "SnapshotProvenance"),
             _both(_theorem("MutualExclusion"), _cells(LOCK, "ViewNotTorn", "ReadsOwnObservation",
                                                       "SnapshotProvenance")), "leo prove"),
    Sentence("8.6.4", "await makes the boundaries of operations explicit",
             lost(CHECKED, "bare", "MutualExclusion", "Serializable", "SnapshotProvenance"),
             _cells("bare", "MutualExclusion", "Serializable", "SnapshotProvenance"),
             "leo check bare"),
    Sentence("8.6.5", "any corruption goes on into the output for ever (the crystal)",
             measured("perturbation"),
             _both(_theorem("One stale observation"), _experiment("perturbation")),
             "leo experiment perturbation"),
    Sentence("8.6.5", "transformers tolerate execution noise", always(OPEN),
             lambda r: "an argument: no transformer was run, here or there", "–"),
    Sentence("8.6.5", "explicit atomicity makes an organism coherent",
             kept(WHOLE, "AllOrNothing", "ViewAgreesWithStore", "Refines"),
             _both(_theorem("Refines"), _cells(WHOLE, "AllOrNothing", "ViewAgreesWithStore",
                                               "Refines")), "leo prove"),
    Sentence("8.6.6", "one instance: one reply after the other",
             kept(LOCK, "MutualExclusion", "NoOvertaking", "Answered"),
             _cells(LOCK, "MutualExclusion", "NoOvertaking", "Answered"), "leo check asyncio-lock"),
    Sentence("8.6.6", "several instances, each with its own lock: parallel",
             lost(CHECKED, "shared-store", "Serializable", "ViewNotTorn"),
             _both(lambda r: "with a store each nothing is shared (an argument); with one store",
                   _cells("shared-store", "Serializable", "ViewNotTorn")), "leo check D10"),
    Sentence("8.6.6", "a shared database: transactions isolate",
             lost(REFUTED, "shared-store-unit-of-work", "Serializable"),
             _both(_cells("shared-store", "Serializable", "AllOrNothing"),
                   _cells("shared-store-unit-of-work", "Serializable"),
                   _cells("shared-store-immediate", "Serializable", "Refines")),
             "leo check D10 D11 D12"),
    Sentence("8.6.7", "controlled comparison: done",
             judge(REFUTED, lengths_differ),
             _published("observer_words", "the observers' messages differ in length: {} words"),
             "leo experiment published"),
    Sentence("8.6.7", "reproduced by a second run", always(OPEN),
             lambda r: "an argument: two runs of one arm say nothing of a difference between arms",
             "leo experiment published"),
    Sentence("8.6.7, 8.6.9", "lock isolation test: pending",
             measured("lock-isolation"),
             _experiment("lock-isolation"), "leo experiment lock-isolation"),
    Sentence("8.6.7, 8.6.9", "concurrent sessions: pending",
             measured("concurrent"),
             _experiment("concurrent"), "leo experiment concurrent"),
    Sentence("8.6.7, 8.6.9", "long-term stability: pending",
             measured("long-run"),
             _experiment("long-run"), "leo experiment long-run"),
    Sentence("8.6.9", "a mathematical model of such execution: future work",
             judge(CHECKED, lambda r: bool(r.runs and r.theorems)),
             lambda r: f"{sum(c['verdict'] != 'not-applicable' for c in r.claims)} claims by "
             f"{len(r.runs)} searches, {len(r.theorems)} theorems", "make verify"),
    Sentence("8.6.8, 8.6.10", "organisms of this kind need explicit atomicity",
             lambda r: kept(WHOLE, "Refines")(r)
             if lost(REFUTED, LOCK, "Refines")(r) == REFUTED else NOT_SHOWN,
             _both(_cells(WHOLE, "Refines"), _cells("actor", "Refines"),
                   _cells(LOCK, "Refines")), "make verify"),
)  # fmt: skip
