"""The section's claims: each verdict is what the results bear out, and changes with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from leo_model.checking.claims import FALLS, HOLDS
from paper.artifact.article import table
from paper.artifact.results import Results, load
from paper.artifact.sentences import SENTENCES
from paper.artifact.verdicts import NOT_SHOWN
from paper.experiments.summary import latex_table
from tests.paper.artifact.results import write_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(write_results(tmp_path_factory.mktemp("build")))


def verdict(results: Results, words: str) -> str:
    """The verdict on the claim that has these words."""
    (sentence,) = (s for s in SENTENCES if words in s.claim)
    return sentence.verdict(results)


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


def share(low: float, high: float) -> dict[str, float]:
    return {"value": (low + high) / 2, "low": low, "high": high}


@pytest.mark.parametrize(
    ("words", "before", "change", "after"),
    [
        ("by 47 %", "refuted",
         lambda r: with_facts(r, "confound", share_lock=share(-0.2, -0.1)), NOT_SHOWN),
        ("by 47 %", "refuted",
         lambda r: with_facts(r, "confound", share_length=share(-0.1, 0.1)), NOT_SHOWN),
        ("execution model only", "refuted",
         lambda r: with_facts(r, "published", lengths_overlap=True), NOT_SHOWN),
        ("external_vocab, was", "refuted",
         lambda r: with_facts(r, "published", tokens=share(0.05, 0.15)), NOT_SHOWN),
        ("isolates its effect", "proved",
         lambda r: with_facts(r, "lock-isolation", **{"sequential differences": 3}), NOT_SHOWN),
        ("synchronous code assumed", "checked to a bound",
         lambda r: with_verdicts(r, "asyncio-lock", FALLS), "refuted"),
        ("several operations atomic", "checked to a bound",
         lambda r: with_verdicts(r, "gil", HOLDS), NOT_SHOWN),
        ("of one reply atomic", "refuted",
         lambda r: with_verdicts(r, "asyncio-lock", HOLDS), NOT_SHOWN),
        ("transactions isolate", "refuted",
         lambda r: with_verdicts(r, "shared-store-unit-of-work", HOLDS), NOT_SHOWN),
        ("need explicit", "proved",
         lambda r: with_verdicts(r, "asyncio-lock", HOLDS), NOT_SHOWN),
        ("need explicit", "proved",
         lambda r: replace(r, theorems=[]), "checked to a bound"),
        ("need explicit", "proved",
         lambda r: with_verdicts(r, "shielded-unit-of-work", FALLS), "refuted"),
    ],
)  # fmt: skip
def test_a_verdict_follows_the_results(
    results: Results, words: str, before: str, change: Callable[[Results], Results], after: str
) -> None:
    """When the results say otherwise, the verdict is another one, and never the old one."""
    assert verdict(results, words) == before
    assert verdict(change(results), words) == after


def test_what_is_measured_and_not_as_expected_says_so(results: Results) -> None:
    """An experiment with unexpected results is not quoted as if nothing were wrong."""
    for name, words in (("concurrent", "concurrent sessions"), ("long-run", "long-term")):
        odd = {**results.experiments[name], "unexpected": ["something"]}
        changed = replace(results, experiments={**results.experiments, name: odd})
        assert verdict(results, words) == "measured"
        assert verdict(changed, words) == "measured, not as expected"


def test_an_argument_is_called_one(results: Results) -> None:
    """What no result file decides says that it is an argument, and where it is from."""
    (orders,) = (s for s in SENTENCES if "order of operations" in s.claim)
    argued = replace(results, orders=[])
    assert orders.verdict(argued) == "an argument"
    assert "no result is read here" in orders.evidence(argued)
    undecided = [s for s in SENTENCES if s.verdict(results) == "not decidable from the data"]
    assert undecided and all(s.evidence(results).startswith("an argument") for s in undecided)


def test_the_orders_are_read(results: Results) -> None:
    """With the result of `leo orders` the second hypothesis is no argument any more: what
    the orders keep is counted, and orders that all keep the same would not show it."""
    (orders,) = (s for s in SENTENCES if "order of operations" in s.claim)
    assert orders.verdict(results) == "checked to a bound"
    assert orders.evidence(results).startswith("4 of 24 orders of the four steps keep every")
    assert orders.evidence(results).endswith("is lost there in 0")
    for falls in ([], ["Durable"]):
        same = [{**order, "falls": {**order["falls"], "sequential": falls}}
                for order in results.orders]  # fmt: skip
        assert orders.verdict(replace(results, orders=same)) == NOT_SHOWN


def test_a_table_keeps_its_digits(results: Results) -> None:
    """Counts per 1,000 have no decimals in the summary, and none in the paper."""
    (data,) = results.experiments["confound"]["tables"]
    assert "0.1 [0.0, 0.2]" in latex_table(table(data))
    assert "0 [0, 0]" in latex_table(table({**data, "digits": 0}))
