"""The published programs: what they leave behind, and the schedules of the specification."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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
from leo_model.organism.replay import Attempt
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


Run = Callable[[Path], Coroutine[Any, Any, Path]]


def contents(path: Path) -> list[str]:
    """Everything that another connection finds committed in the file, as SQL."""
    with closing(sqlite3.connect(path)) as conn:
        return [*conn.iterdump()]


class Recorded(NamedTuple):
    """A run: what records it and gives the trace, and the properties that it breaks."""

    run: Run
    broken: frozenset[str]
    # There may be others.
    more: bool = False


RUNS: dict[str, Recorded] = {}


def breaks(*broken: str, more: bool = False, name: str = "") -> Callable[[Any], Any]:
    """Mark what records a run that breaks these properties."""

    def mark(run: Run) -> Any:
        RUNS[name or run.__name__] = Recorded(run, frozenset(broken), more)
        return run

    return mark


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


@breaks(*FOUR, "Refines")
async def one_session_of_february(folder: Path) -> Path:
    """No fault, nothing concurrent: no lock can matter, and four properties and Refines fall."""
    return await february(folder, conversation)


@breaks()
async def the_same_conversation_under_a_unit_of_work(folder: Path) -> Path:
    """The client, the prompts and the judges are the same."""
    with NdjsonRecorder(folder / "d6.ndjson", run="d6") as recorder:
        async with await AsyncLeoField.open(
            folder / "d6.sqlite3", discipline="shielded-unit-of-work", tracer=recorder
        ) as field:
            await conversation(field)
    return folder / "d6.ndjson"


@breaks("Durable", more=True)
async def a_reply_of_february_returns_with_nothing_stored(folder: Path) -> Path:
    """observe() is cancelled half-way; the next reply finds the database locked, twice, and
    returns; the file has nothing of it."""
    striker = Striker("s1~observe", Action.Statement, 2)

    async def talk(field: February) -> None:
        await striker.cancels(field.observe("a text that stays half in the air", "s1"))
        before = contents(folder / "february.sqlite3")
        assert await field.reply("does anybody keep this", "s2")
        assert contents(folder / "february.sqlite3") == before

    return await february(folder, talk, gate=striker)


@breaks("AllOrNothing", more=True)
async def the_next_observe_of_february_publishes_the_fragment(folder: Path) -> Path:
    """Another session's commit: half a text is in the store, and nobody ever meant that."""
    striker = Striker("s1~observe", Action.Statement, 2)

    async def talk(field: February) -> None:
        await striker.cancels(field.observe("fragmentary words never finished anywhere", "s1"))
        await field.observe("another text comes along", "s2")
        with sqlite3.connect(folder / "february.sqlite3") as conn:
            tokens = {token for (token,) in conn.execute("SELECT token FROM tokens")}
        assert "fragmentary" in tokens and "anywhere" not in tokens

    return await february(folder, talk, gate=striker)


@breaks("ViewNotTorn", more=True)
async def a_refresh_of_february_that_is_cancelled(folder: Path) -> Path:
    """The tables are assigned one by one between awaits."""
    striker = Striker("s1~observe", Action.RefreshTrigrams)

    async def talk(field: February) -> None:
        await striker.cancels(field.observe("one table new and the other old", "s1"))
        await field.reply("what is torn", "s2")

    return await february(folder, talk, gate=striker)


@breaks()
async def sessions_of_december(folder: Path) -> Path:
    """Under the lock, without faults: one connection an operation, and every property holds."""

    async def talk(field: December) -> None:
        await asyncio.gather(*(field.reply("what is kept", f"s{k}") for k in range(3)))
        await field.reply("nothing comes to mind", "s9", recalls=False)

    return await december(folder, talk)


def swallows(program: Callable[..., Coroutine[Any, Any, Path]], action: Action) -> Run:
    """An exception of a step does not reach the caller, who is answered."""

    async def talk(field: Any) -> None:
        assert await field.reply("what is kept", "s1")

    return lambda folder: program(folder, talk, fail=Failing("s1", action))


def cancelled(action: Action) -> Run:
    """What was committed stays: the mark of use without the text, the text without the view."""

    def run(folder: Path) -> Coroutine[Any, Any, Path]:
        striker = Striker("s1", action)
        return december(
            folder, lambda field: striker.cancels(field.reply("what is kept", "s1")), gate=striker
        )

    return run


HALF = ("AllOrNothing", "Refines")
LOST = (*HALF, "Durable")
for step in (Action.Ingest, Action.SaveSnapshot):
    breaks("AllOrNothing", "Durable", more=True, name=f"february swallows {step}")(
        swallows(february, step)
    )
for step, ways in {
    Action.Count: ((), LOST),
    Action.Ingest: (HALF, (*LOST, "ReadsOwnObservation")),
    Action.LoadBigrams: (
        (*HALF, "ViewAgreesWithStore"),
        (*LOST, "ReadsOwnObservation", "ViewAgreesWithStore"),
    ),
}.items():
    breaks(*ways[0], name=f"december cancelled at {step}")(cancelled(step))
    breaks(*ways[1], name=f"december swallows {step}")(swallows(december, step))


@breaks("Serializable", "ViewNotTorn", "ViewAgreesWithStore", "Refines")
async def a_refresh_without_the_lock_puts_an_old_view_back(folder: Path) -> Path:
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

    return await december(folder, talk, gate=gate, refreshes=True)


@breaks(more=True)
async def others_act_between_what_a_blank_call_reads_and_generate(folder: Path) -> Path:
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

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(December, "_operate", late)
        return await december(folder, talk, refreshes=True)


@breaks(more=True)
async def generate_of_december_raises(folder: Path) -> Path:
    """The lock is free afterwards, and the next call is answered."""

    async def talk(field: December) -> None:
        with pytest.raises(StoreError):
            await field.reply("what is kept", "s1")
        assert await field.reply("and now", "s2")

    return await december(folder, talk, fail=Failing("s1", Action.Generate))


class Everywhere:
    """A gate that cancels a call at the n-th action that an await precedes: there, or at what it
    awaits next, which is the operation itself.
    """

    def __init__(self, nth: int, *, later: bool) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.struck: Action | None = None
        self._left, self._later = nth, later

    async def __call__(self, session: str, action: Action) -> None:
        self._left -= self.task is not None
        if self.task is not None and self._left == 0:
            self.struck = action
            self.task.cancel()
            if not self._later:
                await asyncio.sleep(0)


async def struck_call(folder: Path, call: str, gate: Everywhere) -> Path:
    """Cancel one call of one session; then another session asks and is answered."""

    async def talk(field: Any) -> None:
        await field.reply("what was before", "s2")
        calls = {
            "reply": lambda: field.reply("what is kept", "s1"),
            "blank": lambda: field.reply("hello", "s1", recalls=False),
            "refresh": lambda: field.refresh("s1"),
            "observe": lambda: field.observe("a text of two halves", "s1"),
        }
        gate.task = task = asyncio.create_task(calls[call]())
        await asyncio.wait([task])
        gate.task = None
        assert task.cancelled() or (gate.struck is None and task.exception() is None)
        assert await field.reply("and now", "s2")

    folder.mkdir()
    if call == "observe":
        return await february(folder, talk, gate=gate)
    return await december(folder, talk, gate=gate, refreshes=call == "refresh")


DECEMBER_AWAITS = {Action.LoadBigrams, Action.LoadTrigrams, Action.AssignView}
FEBRUARY_AWAITS = {
    Action.Acquire, Action.Statement, Action.CommitOpen, Action.RefreshBigrams,
    Action.RefreshTrigrams,
}  # fmt: skip


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("call", "awaits"),
    [
        ("reply", DECEMBER_AWAITS | {Action.Acquire, Action.Recall, Action.Count, Action.Ingest}),
        ("blank", {Action.Acquire, Action.Recall}),
        ("refresh", DECEMBER_AWAITS),
        ("observe", FEBRUARY_AWAITS),
    ],
)
def test_a_call_may_be_cancelled_at_every_await(
    call: str, awaits: set[Action], later: bool, tmp_path: Path
) -> None:
    """What was recorded is a behaviour of the program, it breaks no more than is claimed, and the
    lock is free: the next call is answered. February's reply() has no await but the lock's.
    """
    traces: list[Path] = []
    struck: set[Action] = set()
    while True:
        gate = Everywhere(len(traces) + 1, later=later)
        traces.append(asyncio.run(struck_call(tmp_path / str(len(traces)), call, gate)))
        if gate.struck is None:
            break
        struck.add(gate.struck)
    assert struck == awaits
    for report in validate(traces, "native"):
        assert report.accepted, report
        assert report.broken <= expected_to_break(load_claims(), report)


@pytest.mark.parametrize("program", [december, february])
async def test_a_call_may_be_cancelled_while_it_waits_for_the_lock(
    program: Callable[..., Coroutine[Any, Any, Path]], tmp_path: Path
) -> None:
    """The one await of February's reply(); nothing is stored of the call, and others go on."""

    async def talk(field: Any) -> None:
        async with field.lock:
            waiting = asyncio.create_task(field.reply("what is kept", "s1"))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert await field.reply("and now", "s2")

    (report,) = validate([await program(tmp_path, talk)], "native")
    assert report.accepted and not report.broken & {"AllOrNothing", "Durable"}, report


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


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> list[Attempt]:
    """Each property that is claimed to fall, carried out in the program."""
    folder, found = tmp_path_factory.mktemp("attempts"), []
    for discipline in PUBLISHED:
        falls = schedules(discipline)
        assert set(falls) == set(load_claims().titles(discipline, FALLS, FALLS_WITH_FAULTS))
        for title, moves in falls.items():
            fallen = Counterexample(
                discipline, title, len(moves), "", "", folder, tuple(moves), FAULTS, Bound(3, 1),
                None,
            )  # fmt: skip
            found.append(replay.carry_out(fallen, folder))
    return found


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, attempts: list[Attempt]) -> dict[str, Report]:
    """What both engines say of each run and each attempt, TLC of all in one batch."""
    traces = {
        name: asyncio.run(run.run(tmp_path_factory.mktemp("run"))) for name, run in RUNS.items()
    }
    traces |= {str(attempt.trace): attempt.trace for attempt in attempts if attempt.trace}
    return dict(zip(traces, validate([*traces.values()], "both"), strict=True))


@pytest.mark.parametrize("name", RUNS)
def test_a_run_breaks_what_it_breaks(name: str, reports: dict[str, Report]) -> None:
    """A behaviour of its program, that breaks no more than claimed; the engines agree."""
    report, run = reports[name], RUNS[name]
    assert report.accepted and report.disagreement() is None, report
    assert report.broken <= expected_to_break(load_claims(), report)
    assert report.broken >= run.broken and (run.more or report.broken == run.broken)
    raised = report.native is not None and report.native.outcomes["raised"]
    assert raised == (name == "generate_of_december_raises")


def test_what_falls_in_the_specification_falls_in_the_program(
    attempts: list[Attempt], reports: dict[str, Report]
) -> None:
    """Action for action, by the word of both engines on what was recorded."""
    replay.ask_engines(attempts, "native")
    for attempt in attempts:
        assert attempt.yes, (attempt.title, attempt.why)
        assert attempt.engines[0] == "accepted" and attempt.title in attempt.engines
        report = reports[str(attempt.trace)]
        assert report.accepted and report.disagreement() is None, report


def test_a_schedule_of_another_program_is_not_followed(tmp_path: Path) -> None:
    """The program does what it does: a schedule that says otherwise is refused, not adjusted."""
    call, acquire = Move("Call", "s1"), Move("Acquire", "s1")
    for wrong, why in (
        (Move("Recall", "s1"), "s1 Recall was to come, and the program never did it"),
        (Move("Crash", "i1"), "a dead process records nothing"),
    ):
        with pytest.raises(ScheduleError, match=why):
            carry_out("published-december", [call, wrong, acquire], tmp_path / "a.ndjson", 0.5)
