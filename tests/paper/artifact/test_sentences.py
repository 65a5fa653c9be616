"""The section's sentences: both verdicts are what the results bear out, and change with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leo_model.checking.claims import FALLS, HOLDS
from paper.artifact.results import Results, load
from paper.artifact.revision import ADDITIONS, THERE, revised
from paper.artifact.section import (
    DONE,
    FALSE,
    IN_MODEL,
    MIXED,
    NOT_SHOWN,
    OPEN,
    SENTENCES,
    SUBSECTIONS,
    TRUE,
    evidence,
)
from tests.paper.artifact.results import facts_of, interval, write_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(write_results(tmp_path_factory.mktemp("build")))


@pytest.fixture(scope="module")
def truths(results: Results) -> dict[str, str]:
    """Whether each sentence is true, by its name."""
    return {told[0].name: told[1] for told in evidence(results)}


def row(results: Results, name: str) -> tuple[str, str, str]:
    """Whether a sentence is true, how that is known, and the evidence."""
    (found,) = (told for told in evidence(results) if told[0].name == name)
    return found[1:]


def with_verdicts(results: Results, discipline: str, to: str) -> Results:
    """The results with every cell of a discipline changed."""
    claims = [
        {**claim, "verdict": to} if claim["discipline"] == discipline else claim
        for claim in results.claims
    ]
    return replace(results, claims=claims)


def with_facts(results: Results, name: str, **facts: Any) -> Results:
    """The results with some facts of an experiment changed."""
    old = results.experiments[name]
    new = {**old, "facts": {**old["facts"], **facts}}
    return replace(results, experiments={**results.experiments, name: new})


def with_ocean(results: Results, *verdicts: str) -> Results:
    """With a result of the ocean: a verdict for each of the two settings, of one fault."""
    figures = {"less": 1, "more": 2, "undecided": 3, "field": 0.2, "least": 0.1, "most": 0.3}
    settings = {
        setting: {"verdict": verdict, **figures}
        for setting, verdict in zip(("one step", "matched"), verdicts, strict=True)
    }
    found = {
        "stamp": {"config": {"seeds": 20}},
        "facts": {"verdicts": {"lost": settings}, "smallest_seen": 0.3},
    }
    return replace(results, experiments={**results.experiments, "ocean": found})


Change = Callable[[Results], Results]


@pytest.mark.parametrize(
    ("name", "before", "change", "after"),
    [
        ("improvement", FALSE,
         lambda r: with_facts(r, "confound", share_lock=interval(-0.2, -0.1)), NOT_SHOWN),
        ("improvement", FALSE,
         lambda r: with_facts(r, "confound", share_length=interval(-0.1, 0.1)), NOT_SHOWN),
        ("one-difference", FALSE,
         lambda r: with_facts(r, "published", lengths_overlap=True), NOT_SHOWN),
        ("one-metric", FALSE,
         lambda r: with_facts(r, "published", tokens=facts_of("published")["printed"]), NOT_SHOWN),
        ("isolation", TRUE,
         lambda r: with_facts(r, "lock-isolation", sequential_differences=3), NOT_SHOWN),
        ("h1-order", TRUE, lambda r: with_verdicts(r, "asyncio-lock", FALLS), FALSE),
        ("h1-order", TRUE, lambda r: with_verdicts(r, "published-february", FALLS), FALSE),
        ("lock-apart", "holds only if everything takes it",
         lambda r: with_verdicts(r, "asyncio-lock", FALLS), FALSE),
        ("lock-apart", "holds only if everything takes it",
         lambda r: with_verdicts(r, "published-december-refresh", HOLDS), TRUE),
        ("gil", TRUE, lambda r: with_verdicts(r, "gil", HOLDS), NOT_SHOWN),
        ("lock-atomic", FALSE, lambda r: with_verdicts(r, "asyncio-lock", HOLDS), NOT_SHOWN),
        ("h2", IN_MODEL, lambda r: replace(r, orders=[]), OPEN),
        ("h2", IN_MODEL, lambda r: replace(r, orders=r.orders[:1]), NOT_SHOWN),
        ("crystal", "holds only of replies, not of counts",
         lambda r: with_facts(r, "perturbation", crossed=1), NOT_SHOWN),
        ("crystal", "holds only of replies, not of counts",
         lambda r: with_facts(r, "perturbation", deep={"mean": 0.6, "largest": 0.9}), TRUE),
        ("crystal", "holds only of replies, not of counts",
         lambda r: with_facts(r, "perturbation", differ_later=0.1), FALSE),
        ("reproduced", "holds, and does not say why",
         lambda r: with_facts(r, "published", by_run={
             "sync": [{"mean": 0.2}], "async": [{"mean": 0.1}, {"mean": 0.2}]}), FALSE),
        ("integrity", "holds of the reference organism",
         lambda r: with_facts(r, "long-run", trauma_stable=0.5), NOT_SHOWN),
        ("ocean", OPEN, lambda r: with_ocean(r, "less", "less"),
         "holds only if the model is small"),
        ("ocean", OPEN, lambda r: with_ocean(r, "more", "more"), "does not hold of small models"),
        ("ocean", OPEN, lambda r: with_ocean(r, "less", "more"), MIXED),
        ("transactions", "holds only if they hold the store from their first read on",
         lambda r: with_verdicts(r, "shared-store-unit-of-work", HOLDS), NOT_SHOWN),
        ("principle", "holds only if it is said of this program",
         lambda r: with_verdicts(r, "asyncio-lock", HOLDS), NOT_SHOWN),
        ("principle", "holds only if it is said of this program",
         lambda r: with_verdicts(r, "shielded-unit-of-work", FALLS), NOT_SHOWN),
        ("concurrent", DONE, lambda r: replace(r, experiments={
            **r.experiments, "concurrent": {**r.experiments["concurrent"], "unexpected": ["x"]}}),
         "carried out, not as expected"),
    ],
)  # fmt: skip
def test_a_verdict_follows_the_results(
    results: Results, truths: dict[str, str], name: str, before: str, change: Change, after: str
) -> None:
    """When the results say otherwise, the verdict is another one, and never the old one."""
    assert truths[name] == before
    assert row(change(results), name)[0] == after


def test_how_a_verdict_is_known(results: Results) -> None:
    """A theorem is named for the cells that it decides, a counterexample with its length, the rest
    with the bounds of the search; an experiment with its size; without a result it is an argument.
    """
    assert row(results, "atomicity")[1].startswith("theorem")
    without = replace(results, theorems=[
        {**t, "cells": []} for t in results.theorems])  # fmt: skip
    assert row(without, "atomicity")[1] == "bounded check (sessions × calls: 2 × 2, 3 × 1)"
    quiet = [{**t, "cells": [{**c, "faults": False} for c in t["cells"]]} for t in results.theorems]
    assert row(replace(results, theorems=quiet), "atomicity")[1].startswith("bounded check")
    assert row(results, "lock-atomic")[1].startswith(
        "counterexamples of 5 steps (`asyncio-lock.AllOrNothing`, "
    )
    assert "experiment confound (30 seeds)" in row(results, "improvement")[1]
    assert row(replace(results, orders=[]), "h2")[1] == row(results, "ocean")[1] == "argument"


def test_the_orders_are_counted(results: Results) -> None:
    """What the orders keep is counted from the result of `leo orders`."""
    assert "4 of 24 orders" in row(results, "h2")[2]


def test_every_subsection_has_its_words(results: Results) -> None:
    """Each subsection has sentences and a paragraph; the abstract is of 130 to 170 words; figures
    in them are those of the results.
    """
    assert {s.place for s in SENTENCES} == set(SUBSECTIONS)
    said = revised(results)
    told = said["paragraphs"]
    assert all(len(text) > 150 for text in told.values())
    assert 130 <= len(re.sub(r"[`,.]", "", said["abstract"]).split()) <= 170
    changed = with_facts(results, "published", means_tokens={"sync": 0.777, "async": 0.888})
    for place, text in revised(changed)["paragraphs"].items():
        assert ("0.777" in text) == (place == "8.6.2")
    assert len(said["tables"]["8.6.7"].rows) == 6 and set(said["additions"]) == set(
        ADDITIONS.values()
    )
    assert set(SUBSECTIONS) < set(THERE)


def test_the_published_program_is_told_with_its_claims(results: Results) -> None:
    """Sentences on the published class quote its rows (P1 to P3), and follow them."""
    assert row(results, "published-class")[0] == FALSE
    told = {s.name: text for s, _, _, text in evidence(results)}
    for discipline, names in (
        ("published-december", {"h1-order", "lock-atomic", "measured-class"}),
        ("published-december-refresh", {"lock-apart"}),
        ("published-february", {"h1-order", "published-class"}),
    ):
        other = with_verdicts(results, discipline, "needs-strong-fairness")
        changed = {s.name for s, _, _, text in evidence(other) if text != told[s.name]}
        assert {name for name, text in told.items() if f"`{discipline}`" in text} == names
        # The number of claims is another one too.
        assert changed - {"formalization"} <= names and changed


def test_what_has_no_result_is_not_quoted(results: Results) -> None:
    """With the published figures alone every sentence has its verdicts: what theorems and checks
    decide stays decided, and what an experiment was to say is open.
    """
    bare = replace(results, experiments={"published": results.experiments["published"]})
    rows = {s.name: (truth, known) for s, truth, known, _ in evidence(bare)}
    told = {s.name: text for s, _, _, text in evidence(bare)}
    for name in ("improvement", "isolation", "h1-explains", "crystal"):
        assert "No full result of" in told[name]
        same = name == "crystal" or rows[name][0] == row(results, name)[0]
        assert same and "experiment" not in rows[name][1]
    tests = ("lock isolation", "concurrent sessions", "long-term")
    for place in ("8.6.7", "8.6.9"):
        parts = revised(
            replace(
                results,
                experiments={
                    name: found
                    for name, found in results.experiments.items()
                    if name != "concurrent"
                },
            )
        )["paragraphs"][place].split("open" if place == "8.6.7" else "Open")
        done, _, left = parts[0].partition(". ") if place == "8.6.7" else (parts[0], "", parts[1])
        assert [test in done.lower() for test in tests] == [True, False, True]
        assert [test in left.lower() for test in tests] == [False, True, False]
    for name in ("isolation-test", "concurrent", "long-term"):
        assert rows[name] == (OPEN, "no result is kept here")
    assert set(revised(bare)["paragraphs"]) == set(SUBSECTIONS)
    assert set(revised(bare)["tables"]) == {"8.6.2", "8.6.7"}
