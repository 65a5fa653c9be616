"""The lock isolation test: the same bytes for the same seed, and able to find a difference."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from leo.observers import ScriptedObserver
from leo.reply.program import PROGRAM, Given, ReplyState, Writes
from leo_model.organism.case import Case
from paper.experiments.arms import ARMS, Talk, per_thousand, say_in_turn, scores_of, surplus, talk
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Row, seed_of
from paper.experiments.lock_isolation import experiment as lock_isolation
from paper.experiments.lock_isolation.alone import REORDERED, talk_alone
from paper.experiments.lock_isolation.published import PUBLISHED, UNLOCKED, talk_published
from paper.experiments.lock_isolation.report import PROGRAMS
from paper.experiments.summary import Summary
from tests.paper.experiments.experiment_cells import CONFIG, measured, told


def test_one_session_says_the_same_in_every_arm_and_another_program_does_not(
    tmp_path: Path,
) -> None:
    """(a): replies and store have the same bytes under every executor; with generate
    before observe the same experiment finds a difference.
    """
    arms = [arm.name for arm in ARMS]
    found = {
        arm: measured(lock_isolation.EXPERIMENT, ("a", "core", arm, 0), tmp_path)
        for arm in (*arms, REORDERED)
    }
    plain = {
        arm: json.dumps([{**row, "arm": "", "seed": 0} for row in rows])
        for arm, rows in found.items()
    }
    assert len({plain[arm] for arm in arms}) == 1
    assert plain[REORDERED] != plain["sync"]
    modules = ("a", "modules", "unit-of-work", 0)
    assert measured(lock_isolation.EXPERIMENT, modules, tmp_path)[0]["reply"]


# One arm is enough to see that background writers write; its comparison needs the reference too.
REST = "async-lock"


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """All rows of a lock isolation test of two seeds and one turn a session."""
    tmp_path = tmp_path_factory.mktemp("crowd")
    every = lock_isolation.EXPERIMENT.cells(CONFIG)
    cells = [key for key in every if key[0] in ("a", "b3", "d") or key[:3] == ("c", "core", REST)]
    # The published programs take no longer with more sessions.
    cells += [key for key in every if key[:2] == ("b5", "published")]
    rows = []
    for key in cells:
        # The modules take most of the time, and (a) has a test of its own.
        if key[1] != "modules":
            rows += measured(lock_isolation.EXPERIMENT, key, tmp_path)
    copies = [{**row, "program": "modules"} for row in rows if _copied(row)]
    return [*rows, *copies]


def _copied(row: Row) -> bool:
    return bool(row["program"] == "core" and row["workload"] == "a" and row["arm"] != REORDERED)


def test_a_decay_in_the_middle_of_a_reply_is_seen_whenever_it_is_committed(tmp_path: Path) -> None:
    """Twenty turns with all modules are more observations than a decay takes. In this conversation
    an inner reply generates from what its own observation has made decay.
    """
    chance = seed_of(7, "lock-isolation", 18)
    config = {"words": 19, "themes": 5}
    messages = [one.message for one in lock_isolation._script(config, chance, 0)]
    stepwise, whole = (
        talk_alone(discipline, "modules", chance, messages, tmp_path / discipline)
        for discipline in ("sequential", "shielded-unit-of-work")
    )
    assert stepwise == whole


def test_a_schedule_is_decided_by_its_seed(tmp_path: Path) -> None:
    """Two runs with one seed give the same rows; another seed gives others."""
    for arm in ("sync", "async", "unit-of-work"):
        key = ("b3", "core", arm, 0)
        first, again = (measured(lock_isolation.EXPERIMENT, key, tmp_path) for _ in range(2))
        other = measured(lock_isolation.EXPERIMENT, key, tmp_path, {**CONFIG, "seed": 8})
        assert first == again != other


def test_the_seed_of_a_schedule_is_its_order() -> None:
    """Equal seeds, equal orders; under another seed the same calls meet in another one."""
    case = Case("bare", 2, 2)
    orders = [
        [(one.reply, one.action) for one in talk(case, lambda s, t, a: "a path", seed).events]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2] and sorted(orders[0]) == sorted(orders[2])


def test_what_breaks_without_a_lock_and_with_one(crowds: list[Row]) -> None:
    """Serializable falls without a lock only; a cancellation leaves half a reply under the lock and
    none under the unit of work; nothing falls that the claims hold.
    """
    defects: dict[tuple[str, str], Counter[str]] = {}
    for row in crowds:
        if row["kind"] == "defects":
            assert row["surplus"] == ""
            numbers = {name: n for name, n in row.items() if isinstance(n, int) and name != "seed"}
            defects.setdefault((row["workload"], row["arm"]), Counter()).update(numbers)
    for (workload, arm), found in defects.items():
        if arm in PROGRAMS:
            # Neither refresh() nor a fault, or a program that never refreshes in time.
            if (workload, arm) in (("b5", "published-december"), ("b5", "published-february")):
                assert bool(found["Serializable"]) == (arm == "published-february")
            continue
        assert bool(found["Serializable"]) == (arm in ("sync", "async")), (workload, arm)
    assert defects["d", "unit-of-work"]["AllOrNothing"] == 0
    assert defects["d", "unit-of-work"]["returned"] < defects["d", "unit-of-work"]["replies"]
    assert ("d", "sync") not in defects


def test_the_summary_says_what_was_found_and_what_should_not_be(crowds: list[Row]) -> None:
    """As expected: nothing. A changed reply, a changed store, an undetected reordering, a property
    that the claims hold: each is said to be unexpected.
    """
    summarise = lock_isolation.EXPERIMENT.summarise
    summary = summarise(CONFIG, crowds, [])
    assert summary.unexpected == () and summary.facts["sequential_differences"] == 0
    assert summary.facts["detected"] == 0 and "asyncio, asyncio.Lock" in told(summary)
    # Two seeds cannot find anything; thirty could.
    assert summary.facts["least_p"] > 0.05
    assert summarise({**CONFIG, "seeds": 30}, crowds, []).facts["least_p"] < 0.05
    assert len(lock_isolation.EXPERIMENT.plot(CONFIG, crowds)) == 1

    def changed(kind: str, name: str, value: str, *arms: str) -> Summary:
        rows = [
            {**row, name: value} if row["kind"] == kind and row["arm"] in arms else row
            for row in crowds
        ]
        return summarise(CONFIG, rows, [])

    for kind, name in (("reply", "reply"), ("store", "store")):
        other = changed(kind, name, "x", "sync-lock")
        assert len(other.unexpected) == 1 and other.facts["sequential_differences"] > 0
        # The summary does not say that the lock changes nothing, nor that bytes are equal.
        assert other.answer.partition(":")[0] != summary.answer.partition(":")[0]
        assert "the same bytes" in summary.answer and "the same bytes" not in other.answer
    assert len(changed("reply", "reply", "x", "sync", REORDERED).unexpected) == 2
    assert len(changed("reply", "reply", "x", UNLOCKED).unexpected) == 1
    fell = changed("defects", "surplus", "Durable", "async-lock")
    assert fell.facts["surplus"] == ["async-lock in (b3): Durable", "async-lock in (c): Durable",
                                     "async-lock in (d): Durable"]  # fmt: skip


def test_a_published_program_says_the_same_with_its_lock_and_without(tmp_path: Path) -> None:
    """One session: the same replies and store; its own program is another one each time, and only
    February breaks anything.
    """
    messages = ["A path is a field.", "What do you hear?", "Nothing is lost here."]
    found = {
        (program, lock): talk_alone(lock, program, 3, messages, tmp_path / f"{program}-{lock}")
        for program in PUBLISHED
        for lock in ("async-lock", UNLOCKED)
    }
    for program in PUBLISHED:
        assert found[program, "async-lock"] == found[program, UNLOCKED]
    assert found["december", UNLOCKED].store != found["february", UNLOCKED].store
    assert not found["december", UNLOCKED].defects
    assert found["february", UNLOCKED].defects["ReadsOwnObservation"] == 3


def test_a_published_program_is_scheduled_by_its_seed(tmp_path: Path) -> None:
    """Equal seeds give equal outcomes and defects; nothing falls that the claims hold, and faults
    leave half replies in December as well.
    """

    def talked(discipline: str, seed: int, cancel: float = 0.0) -> Talk:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        return talk_published(discipline, 3, 8, lambda s, t: f"turn {t} of {s}", seed, path, cancel)

    for discipline in PROGRAMS:
        first = talked(discipline, 1, 0.05)
        assert first == talked(discipline, 1, 0.05) != talked(discipline, 2, 0.05)
        assert first.calls == 24 and surplus(discipline, first) == []
    assert not any(talked("published-december", 1).defects.values())
    assert talked("published-december", 1, 0.05).defects["AllOrNothing"]
    torn = replace(talked("published-december", 1), defects={"AllOrNothing": 1})
    assert surplus("published-december", torn) == ["AllOrNothing"]


def test_many_cancellations_leave_half_replies_under_the_lock_only() -> None:
    """One choice in ten cancels: the lock keeps replies apart and leaves some of them half-applied;
    the shielded unit of work leaves none.
    """
    halves = {}
    for discipline in ("asyncio-lock", "shielded-unit-of-work"):
        case = Case(discipline, 3, 8, ("Cancel",), 5)
        talked = talk(case, lambda session, turn, answers: "a path is a path", 3, cancel=0.1)
        assert surplus(discipline, talked) == [] and len(talked.replies) < talked.calls == 24
        halves[discipline] = talked.defects["AllOrNothing"]
    assert halves["asyncio-lock"] > 0 == halves["shielded-unit-of-work"]


def test_the_claims_decide_what_may_fall() -> None:
    """AllOrNothing may fall under the lock when a reply was cancelled, and not otherwise."""
    whole = Talk({}, Counter(returned=5), {"AllOrNothing": 1, "Serializable": 0}, [])
    hurt = replace(whole, outcomes=Counter(returned=4, cancelled=1))
    assert surplus("asyncio-lock", whole) == ["AllOrNothing"]
    assert surplus("asyncio-lock", hurt) == [] and surplus("bare", whole) == ["AllOrNothing"]
    assert surplus("shielded-unit-of-work", hurt) == ["AllOrNothing"]


def test_a_standstill_is_an_error() -> None:
    """A discipline that deadlocks gives no figures."""
    with pytest.raises(ExperimentError, match="came to a standstill"):
        talk(Case("threading-lock-in-async", 2, 1), lambda s, t, a: "hello there", 1)


def test_a_reply_that_raises_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An organism whose steps fail gives no figures: zero replies have zero defects."""

    def broken(state: ReplyState, given: Given) -> Writes:
        raise ZeroDivisionError("the step is broken")

    steps = tuple(replace(step, function=broken) for step in PROGRAM)
    monkeypatch.setattr("leo_model.organism.run.PROGRAM", steps)
    with pytest.raises(ExperimentError, match=r"1x1: replies raised, 1 in all, the first"):
        talk(Case("bare", 1, 1), lambda session, turn, answers: "hello there", 1)


def test_a_theme_is_a_conversation() -> None:
    """The messages of another theme do not count as heard; a missing reply has no score."""
    observer = ScriptedObserver()
    heard = [say_in_turn(observer, 1, turn) for turn in range(5)]
    assert [one.theme for one in heard] == ["knowing_unknowing"] * 4 + ["broken_whole"]
    scores = scores_of(heard, [heard[0].message, None, *(heard[0].message,) * 3])
    types = [None if one is None else one.type_ratio_current_plus_3 for one in scores]
    assert types[:4] == [1.0, None, 1.0, 1.0] and types[4] is not None and types[4] < 1.0
    assert per_thousand([1, 1], [100, 100]) == 10.0 and per_thousand([], []) == 0.0
