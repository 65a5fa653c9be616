"""The published programs: what they leave behind, and the schedules of the specification."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from leo.actions import Action
from leo.errors import DisciplineError, StoreError
from leo.front.tasks import AsyncLeoField
from leo.published.december import December
from leo.published.february import February
from leo.trace.events import Beginning, Happened
from leo.trace.recorder import NdjsonRecorder
from leo_model.checking.check import Counterexample
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.checking.plan import Bound, negative_bound
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move
from leo_model.machine.reachable import bounded_world, explore
from leo_model.organism import replay
from leo_model.organism.case import ScheduleError
from leo_model.organism.published import carry_out
from leo_model.traces.validate import Report, expected_to_break, validate
from tests.model.fallen import violations

FOUR = {"Serializable", "ReadsOwnObservation", "SnapshotProvenance", "ViewAgreesWithStore"}
PROMPTS = ("what does the river keep", "and who walks there", "tell me of the grass")

Talk = Callable[[Any], Awaitable[None]]


async def february(folder: Path, talk: Talk, **options: Any) -> Path:
    """Record a run of the program of February; the path of its trace."""
    with NdjsonRecorder(folder / "february.ndjson", run="february") as recorder:
        path = folder / "february.sqlite3"
        field = await February.open(path, timeout=0.01, tracer=recorder, **options)
        await talk(field)
        await field.close()
    return folder / "february.ndjson"


async def december(folder: Path, talk: Talk, **options: Any) -> Path:
    """Record a run of the program of December; the path of its trace."""
    with NdjsonRecorder(folder / "december.ndjson", run="december") as recorder:
        await talk(await December.open(folder / "december.sqlite3", tracer=recorder, **options))
    return folder / "december.ndjson"


def judged(trace: Path) -> Report:
    """Both engines on a trace: a behaviour of its program, that breaks no more than claimed."""
    (report,) = validate([trace], "both")
    assert report.accepted and report.disagreement() is None, report
    assert report.broken <= expected_to_break(load_claims(), report)
    return report


class Striker:
    """A gate that cancels a session's call before its n-th action of a kind."""

    def __init__(self, session: str, action: Action, nth: int = 1) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._at = (session, action)
        self._left = nth

    async def __call__(self, session: str, action: Action) -> None:
        if (session, action) == self._at:
            self._left -= 1
            if self._left == 0 and self.task is not None:
                self.task.cancel()
                await asyncio.sleep(0)

    async def cancels(self, call: Awaitable[Any]) -> None:
        """Await a call that this gate cancels."""
        self.task = asyncio.ensure_future(call)
        await asyncio.wait([self.task])
        assert self.task.cancelled()


class Failing:
    """An operation fails, once: the n-th of a kind of a session."""

    def __init__(self, session: str, action: Action, nth: int = 1) -> None:
        self._at = (session, action)
        self._left = nth

    def __call__(self, session: str, action: Action) -> None:
        if (session, action) == self._at:
            self._left -= 1
            if self._left == 0:
                raise StoreError("the disk is full, for a moment")


async def conversation(field: Any) -> None:
    """An ordinary one: a client says something and waits for the answer."""
    for prompt in PROMPTS:
        await field.reply(prompt)


async def test_one_session_of_february_loses_four_properties_and_refines(tmp_path: Path) -> None:
    """No fault, nothing concurrent: no lock can matter, and four properties and Refines fall."""
    report = judged(await february(tmp_path, conversation))

    assert report.broken == FOUR | {"Refines"}


async def test_the_same_conversation_under_a_unit_of_work_breaks_nothing(tmp_path: Path) -> None:
    """The client, the prompts and the judges are the same."""
    with NdjsonRecorder(tmp_path / "d6.ndjson", run="d6") as recorder:
        async with await AsyncLeoField.open(
            tmp_path / "d6.sqlite3", discipline="shielded-unit-of-work", tracer=recorder
        ) as field:
            await conversation(field)
    assert judged(tmp_path / "d6.ndjson").broken == frozenset()


def rows(field: Path, table: str) -> int:
    """How many rows a table of the file has, by a connection that knows nothing of Leo."""
    with sqlite3.connect(field) as conn:
        (count,) = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


async def test_a_reply_of_february_returns_with_nothing_stored(tmp_path: Path) -> None:
    """observe() is cancelled half-way; the next reply finds the database locked, twice, and
    returns; the file has nothing of it."""
    striker = Striker("s1~observe", Action.Statement, 2)
    stored: list[int] = []

    async def talk(field: February) -> None:
        await striker.cancels(field.observe("a text that stays half in the air", "s1"))
        assert await field.reply("does anybody keep this", "s2")
        stored.append(rows(tmp_path / "february.sqlite3", "snapshots"))

    report = judged(await february(tmp_path, talk, gate=striker))

    assert stored == [0]
    assert "Durable" in report.broken and "AllOrNothing" not in report.broken


async def test_the_next_observe_of_february_publishes_the_fragment(tmp_path: Path) -> None:
    """Another session's commit: half a text is in the store, and nobody ever meant that."""
    striker = Striker("s1~observe", Action.Statement, 2)

    async def talk(field: February) -> None:
        await striker.cancels(field.observe("fragmentary words never finished anywhere", "s1"))
        await field.observe("another text comes along", "s2")
        with sqlite3.connect(tmp_path / "february.sqlite3") as conn:
            tokens = {token for (token,) in conn.execute("SELECT token FROM tokens")}
        assert "fragmentary" in tokens and "anywhere" not in tokens

    assert judged(await february(tmp_path, talk, gate=striker)).broken >= {"AllOrNothing"}


async def test_a_refresh_of_february_that_is_cancelled_tears_the_view(tmp_path: Path) -> None:
    """The tables are assigned one by one between awaits."""
    striker = Striker("s1~observe", Action.RefreshTrigrams)

    async def talk(field: February) -> None:
        await striker.cancels(field.observe("one table new and the other old", "s1"))
        await field.reply("what is torn", "s2")

    assert "ViewNotTorn" in judged(await february(tmp_path, talk, gate=striker)).broken


@pytest.mark.parametrize("action", [Action.Ingest, Action.SaveSnapshot])
async def test_february_swallows_what_a_write_raises(tmp_path: Path, action: Action) -> None:
    """The reply goes on and returns, half done."""

    async def talk(field: February) -> None:
        assert await field.reply("does it matter")

    report = judged(await february(tmp_path, talk, fail=Failing("s1", action)))
    assert report.broken >= {"AllOrNothing", "Durable"}


async def test_sessions_of_december_break_nothing(tmp_path: Path) -> None:
    """Under the lock, without faults: one connection an operation, and every property holds."""

    async def talk(field: December) -> None:
        await asyncio.gather(*(field.reply("what is kept", f"s{k}") for k in range(3)))
        await field.reply("nothing comes to mind", "s9", recalls=False)

    assert judged(await december(tmp_path, talk)).broken == frozenset()


@pytest.mark.parametrize(
    ("action", "nth", "broken"),
    [
        (Action.Ingest, 1, {"AllOrNothing", "Refines"}),
        (Action.LoadBigrams, 1, {"AllOrNothing", "Refines", "ViewAgreesWithStore"}),
        (Action.Count, 1, set()),
    ],
)
async def test_december_cancelled(
    tmp_path: Path, action: Action, nth: int, broken: set[str]
) -> None:
    """What was committed stays: the mark of use without the text, the text without the view."""
    striker = Striker("s1", action, nth)

    async def talk(field: December) -> None:
        await striker.cancels(field.reply("what is kept", "s1"))

    assert judged(await december(tmp_path, talk, gate=striker)).broken == broken


@pytest.mark.parametrize(
    ("action", "broken"),
    [
        (Action.Count, {"AllOrNothing", "Durable", "Refines"}),
        (Action.Ingest, {"AllOrNothing", "Durable", "ReadsOwnObservation", "Refines"}),
        (
            Action.LoadBigrams,
            {"AllOrNothing", "Durable", "ReadsOwnObservation", "Refines", "ViewAgreesWithStore"},
        ),
    ],
)
async def test_december_swallows(tmp_path: Path, action: Action, broken: set[str]) -> None:
    """An exception of recall or observe does not reach the caller, who is answered."""

    async def talk(field: December) -> None:
        assert await field.reply("what is kept", "s1")

    assert judged(await december(tmp_path, talk, fail=Failing("s1", action))).broken == broken


async def test_a_refresh_without_the_lock_puts_an_old_view_back(tmp_path: Path) -> None:
    """refresh() loads both tables, a reply ingests and loads, refresh() assigns what it has."""
    loaded = asyncio.Event()
    over = asyncio.Event()

    async def gate(session: str, action: Action) -> None:
        # One table of the refresh is loaded before the reply, the other one after it.
        if (session, action) == ("s2~refresh", Action.LoadTrigrams):
            loaded.set()
            await over.wait()

    async def talk(field: December) -> None:
        refresh = asyncio.create_task(field.refresh("s2"))
        await loaded.wait()
        await field.reply("what is kept", "s1")
        over.set()
        await refresh
        await field.reply("nothing comes to mind", "s3", recalls=False)

    report = judged(await december(tmp_path, talk, gate=gate, refreshes=True))
    assert report.broken == {"Serializable", "ViewNotTorn", "ViewAgreesWithStore", "Refines"}


async def test_others_act_between_what_a_blank_call_reads_and_generate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread recalls: before the program goes on, without an await, a refresh may end."""
    read, over, operate = asyncio.Event(), asyncio.Event(), December._operate

    async def late(self: December, call: Any, action: Action, work: Any) -> Any:
        done = await operate(self, call, action, work)
        if action is Action.Recall:
            read.set()
            await over.wait()
        return done

    async def talk(field: December) -> None:
        blank = asyncio.create_task(field.reply("hello", "s1", recalls=False))
        await read.wait()
        await field.refresh("s2")
        over.set()
        await blank

    monkeypatch.setattr(December, "_operate", late)
    judged(await december(tmp_path, talk, refreshes=True))


class Moments:
    """A tracer that notes of each action whether it was told within a moment of its thread."""

    enabled = True

    def __init__(self) -> None:
        self.told: dict[Action, bool] = {}
        self._inside = threading.local()

    def begin(self, beginning: Beginning) -> None:
        pass

    def record(self, happened: Happened) -> None:
        self.told[happened.action] = getattr(self._inside, "now", False)

    @contextmanager
    def moment(self) -> Iterator[None]:
        self._inside.now = True
        yield
        self._inside.now = False


async def test_an_operation_of_december_and_its_event_are_one_moment(tmp_path: Path) -> None:
    """Each operation has a thread: without it, an event is told after what followed it."""
    tracer = Moments()
    field = await December.open(tmp_path / "december.sqlite3", tracer=tracer, refreshes=True)
    await field.reply("what does the river keep", "s1")
    await field.refresh("s2")

    operations = {a for a, inside in tracer.told.items() if inside}
    assert operations == {
        Action.Recall, Action.Count, Action.Ingest, Action.LoadBigrams, Action.LoadTrigrams
    }  # fmt: skip


async def test_generate_of_a_published_program_propagates(tmp_path: Path) -> None:
    """The lock is free afterwards, and the next call is answered."""

    async def talk(field: December) -> None:
        with pytest.raises(StoreError):
            await field.reply("what is kept", "s1")
        assert await field.reply("and now", "s2")

    report = judged(await december(tmp_path, talk, fail=Failing("s1", Action.Generate)))
    assert report.native is not None and report.native.outcomes["raised"] == 1


def test_a_published_program_is_no_discipline_of_this_organism(tmp_path: Path) -> None:
    """Its name is known, and who runs it is said."""
    with pytest.raises(DisciplineError, match=r"leo\.published runs it"):
        asyncio.run(AsyncLeoField.open(tmp_path / "f.sqlite3", discipline="published-february"))


PUBLISHED = [name for name, rules in DISCIPLINES.items() if rules.published]
# Nobody records the death of a process.
FAULTS = ("Cancel", "Raise", "Swallow")


def schedules(discipline: str) -> dict[str, list[Move]]:
    """A shortest schedule for each property that is claimed to fall, by our own search."""
    claims, found = load_claims(), {}
    for verdict, faults, bound in (
        (FALLS, (), negative_bound(discipline, False)),
        (FALLS_WITH_FAULTS, FAULTS, Bound(2, 1)),
    ):
        world = bounded_world(discipline, bound.sessions, bound.turns, faults)
        titles = claims.titles(discipline, verdict)
        for violation in violations(world, explore(world)) if titles else ():
            if violation.property in titles:
                found[violation.property] = list(violation.schedule)
    return found


@pytest.mark.parametrize("discipline", PUBLISHED)
def test_what_falls_in_the_specification_falls_in_the_program(
    discipline: str, tmp_path: Path
) -> None:
    """Action for action, by the word of both engines on what was recorded."""
    found = schedules(discipline)
    claims = load_claims()
    assert set(found) == set(claims.titles(discipline, FALLS, FALLS_WITH_FAULTS))
    attempts = [
        replay.carry_out(
            Counterexample(
                discipline,
                title,
                len(moves),
                "",
                "",
                tmp_path,
                tuple(moves),
                FAULTS,
                Bound(3, 1),
                None,
            ),
            tmp_path,
        )
        for title, moves in found.items()
    ]
    replay.ask_engines(attempts)
    for attempt in attempts:
        assert attempt.yes, (attempt.title, attempt.why)
        assert attempt.engines[0] == "accepted" and attempt.title in attempt.engines


def test_a_schedule_of_another_program_is_not_followed(tmp_path: Path) -> None:
    """The program does what it does: a schedule that says otherwise is refused, not adjusted."""
    call, acquire = Move("Call", "s1"), Move("Acquire", "s1")
    for wrong, why in (
        (Move("Recall", "s1"), "s1 Recall was to come, and the program never did it"),
        (Move("Crash", "i1"), "a dead process records nothing"),
    ):
        with pytest.raises(ScheduleError, match=why):
            carry_out("published-december", [call, wrong, acquire], tmp_path / "a.ndjson", 0.5)
