"""Several instances, or processes, on one file."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

import leo.reply.commit
from bench.two_processes import examine
from leo.actions import Action
from leo.commands.main import main
from leo.errors import ConflictError, StepError, StoreMovedError, TraceFileError
from leo.store.schema import BESIDE
from leo.trace.events import Event
from leo_model.traces.native import Outcome
from tests.leo.judge import judge
from tests.leo.support import (
    actions,
    async_field,
    dump,
    picture,
    read_trace,
    recorder,
    reloaded,
    sync_field,
)

SHARED = ("shared-store", "shared-store-unit-of-work", "shared-store-immediate")
PAIR = ("i1", "i2")


async def _talk(
    folder: Path, discipline: str, turns: int, timeout: float, instances: tuple[str, ...]
) -> Counter[str]:
    """Two sessions on every instance, `turns` calls each; counts how the calls ended."""
    ends: Counter[str] = Counter()

    async def gate(session: str, action: Action) -> None:
        await asyncio.sleep(0)

    async with AsyncExitStack() as stack:
        tracer = stack.enter_context(recorder(folder / "trace", instances))
        fields = [
            await stack.enter_async_context(
                await async_field(folder / "field", discipline, tracer, gate, timeout, name)
            )
            for name in instances
        ]

        async def session(number: int) -> None:
            field = fields[number % len(fields)]
            for turn in range(turns):
                try:
                    await field.reply(f"brook {number} says {turn}", f"s{number}")
                    ends["returned"] += 1
                except StepError as error:
                    assert isinstance(error.__cause__, StoreMovedError)
                    ends["refused by the store"] += 1

        await asyncio.gather(*(session(n) for n in range(2 * len(fields))))
        if discipline in ("shared-store-immediate", "optimistic"):
            assert (
                fields[0].view.words.names.items()
                <= (await fields[0]._store.perform(reloaded))["names"].items()
            )
    return ends


def talk(
    folder: Path,
    discipline: str,
    turns: int = 5,
    timeout: float = 5.0,
    instances: tuple[str, ...] = PAIR,
) -> tuple[list[Event], Outcome]:
    """The events and the verdict; every reply is accounted for by the store's versions."""
    ends = asyncio.run(_talk(folder, discipline, turns, timeout, instances))
    outcome = judge(folder / "trace")
    assert outcome.outcomes == ends
    with closing(sqlite3.connect(folder / "field")) as conn:
        versions = dict(conn.execute("SELECT name, version FROM objects"))
    assert versions == {"ngrams": 1 + ends["returned"], "snapshots": ends["returned"]}
    return read_trace(folder / "trace")[1], outcome


@pytest.mark.parametrize("discipline", [*SHARED, "optimistic", "asyncio-lock"])
def test_views_that_fell_behind_and_decays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """A journal of one observation and a decay with every third: still behaviours."""
    monkeypatch.setattr("leo.store.ngrams.JOURNAL", 1)
    monkeypatch.setattr("leo.field.decay.EVERY", 3)
    instances = PAIR if discipline in SHARED else ("i1",)
    _, outcome = talk(tmp_path, discipline, turns=4, instances=instances)
    assert outcome.replies == 4 * 2 * len(instances)


def overtake(folder: Path, discipline: str, action: Action) -> tuple[list[Event], Outcome]:
    """A reply on i2 from beginning to end, while one on i1 stands before an action; then another on
    i2.
    """

    async def main() -> None:
        with recorder(folder / "trace", PAIR) as tracer:
            path = folder / "field"
            second = await async_field(path, discipline, tracer, instance="i2")

            async def gate(session: str, asked: Action) -> None:
                if asked is action:
                    assert await second.reply("me first", "fast")

            first = await async_field(path, discipline, tracer, gate, instance="i1")
            async with first, second:
                [end] = await asyncio.gather(first.reply("hello", "slow"), return_exceptions=True)
                assert isinstance(end, str) or isinstance(end.__cause__, StoreMovedError)
                assert await second.reply("and again", "fast")

    asyncio.run(main())
    return read_trace(folder / "trace")[1], judge(folder / "trace")


def test_without_a_transaction_replies_mix(tmp_path: Path) -> None:
    """D10: the lock of each instance does not keep the other away."""
    _, outcome = overtake(tmp_path, "shared-store", Action.LoadTrigrams)
    assert outcome.outcomes == {"returned": 3}
    assert {"MutualExclusion", "Serializable", "ViewNotTorn"} <= set(outcome.violations)


def test_a_deferred_transaction_refuses(tmp_path: Path) -> None:
    """D11: BusySnapshot where the store moved after the first read; nothing of it is left."""
    events, outcome = overtake(tmp_path, "shared-store-unit-of-work", Action.Commit)
    assert outcome.outcomes == {"returned": 2, "refused by the store": 1}
    assert actions(events, "slow")[-2:] == ["SaveSnapshot", "BusySnapshot"]


def test_a_deferred_transaction_lets_views_drift(tmp_path: Path) -> None:
    """D11: overtaken before the first read, it commits, and its view misses the other's reply."""
    events, outcome = overtake(tmp_path, "shared-store-unit-of-work", Action.Recall)
    assert outcome.outcomes == {"returned": 3}
    assert "ViewAgreesWithStore" in outcome.violations
    assert [e.writes["ngrams"] for e in events if e.action == "Commit"] == [2, 3, 4]
    assert [e.writes["view.bigrams"] for e in events if e.action == "SwapView"] == [2, 2, 3]


def test_an_immediate_transaction_keeps_everything_but_the_order_of_calls(tmp_path: Path) -> None:
    """D12: no refusal, no torn view, fresh views loaded inside the transaction."""
    events, outcome = talk(tmp_path, "shared-store-immediate", turns=8)
    assert outcome.outcomes == {"returned": 32}
    assert set(outcome.violations) <= {"NoOvertaking"}
    assert "LoadBigrams" in {event.action.value for event in events}


async def test_an_immediate_transaction_gives_up_when_the_timeout_is_over(tmp_path: Path) -> None:
    """D12: Busy, while the other instance sits in its transaction; both go on afterwards."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def gate(session: str, action: Action) -> None:
        if action is Action.Generate and not inside.is_set():
            inside.set()
            await go_on.wait()

    with recorder(tmp_path / "trace", PAIR) as tracer:
        path, name = tmp_path / "field", "shared-store-immediate"
        first = await async_field(path, name, tracer, gate, 0.05, "i1")
        second = await async_field(path, name, tracer, gate, 0.05, "i2")
        async with first, second:
            slow = asyncio.ensure_future(first.reply("hello", "s1"))
            await inside.wait()
            with pytest.raises(StepError, match=r"'begin' .* beyond the busy timeout"):
                await second.reply("hello", "s2")
            go_on.set()
            assert await slow and await second.reply("hello", "s2")
            whole = await second._store.perform(reloaded)
            assert picture(second.view) == whole
    events = read_trace(tmp_path / "trace")[1]
    assert actions(events, "s2")[:3] == ["Call", "Acquire", "Busy"]
    assert judge(tmp_path / "trace").outcomes == {"returned": 2, "refused by the store": 1}


async def test_an_optimistic_reply_that_spoke_from_an_old_view_starts_again(tmp_path: Path) -> None:
    """D13: begun after another's commit and before its swap."""
    texts: list[str] = []

    with recorder(tmp_path / "trace") as tracer:
        field = await async_field(tmp_path / "field", "optimistic", tracer)
        spoken, committed = asyncio.Event(), asyncio.Event()

        async def gate(session: str, action: Action) -> None:
            if session == "first" and action is Action.SwapView:
                committed.set()
                await spoken.wait()
            if session == "second" and action is Action.SaveSnapshot:
                spoken.set()

        field._driver.gate = gate
        async with field:
            first = asyncio.ensure_future(field.reply("hello", "first"))
            await committed.wait()
            second = await field.reply("hello", "second")
            texts.extend((await first, second))
            assert picture(field.view) == await field._store.perform(reloaded)
    # Serializable to the byte: what the two would have said one after the other.
    with sync_field(tmp_path / "serial") as alone:
        assert texts == [alone.reply("hello", "first"), alone.reply("hello", "second")]
    assert dump(tmp_path / "serial") == dump(tmp_path / "field")
    events = read_trace(tmp_path / "trace")[1]
    assert actions(events, "second").count("Retry") == 1
    assert judge(tmp_path / "trace").outcomes == {"returned": 2}


@pytest.mark.parametrize("before", [97, 98])
async def test_an_observation_between_an_optimistic_commit_and_its_swap(
    tmp_path: Path, before: int
) -> None:
    """D13 has no lock that keeps an observation away: if either of the two carries a decay, they
    come into the view in the order of the store, once each; and the field goes on.
    """
    committed, observed = asyncio.Event(), asyncio.Event()

    async def gate(session: str, action: Action) -> None:
        if action is Action.SwapView and not observed.is_set():
            committed.set()
            await observed.wait()

    opening = async_field(tmp_path / "field", "optimistic", gate=gate)
    async with await opening as field:
        for _ in range(before):
            await field.observe("alpha beta gamma")
        replying = asyncio.ensure_future(field.reply("hello"))
        await committed.wait()
        await field.observe("delta epsilon zeta")
        assert picture(field.view) == await field._store.perform(reloaded)
        observed.set()
        assert await replying
        assert picture(field.view) == await field._store.perform(reloaded)
        await asyncio.gather(*(field.observe(f"eta {n} theta") for n in range(4)))
        assert await field.reply("and now?")
        assert picture(field.view) == await field._store.perform(reloaded)


async def test_an_optimistic_reply_gives_up_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overtaken in every attempt: the error says so, and the trace is still a behaviour."""
    monkeypatch.setattr(leo.reply.commit, "ATTEMPTS", 3)
    with recorder(tmp_path / "trace") as tracer:
        field = await async_field(tmp_path / "field", "optimistic", tracer)

        async def gate(session: str, action: Action) -> None:
            if session == "slow" and action is Action.Commit:
                await field.reply("me first", "fast")

        field._driver.gate = gate
        async with field:
            with pytest.raises(StepError, match="3 times in a row") as caught:
                await field.reply("hello", "slow")
            assert isinstance(caught.value.__cause__, ConflictError)
            assert picture(field.view) == await field._store.perform(reloaded)
    assert judge(tmp_path / "trace").outcomes == {"returned": 3, "raised": 1}


async def test_an_instance_that_comes_late_cannot_join_a_recording(tmp_path: Path) -> None:
    """Its view would not be what the header says."""
    path, trace = tmp_path / "field", tmp_path / "trace"
    with recorder(trace, PAIR) as tracer:
        async with await async_field(path, "shared-store", tracer, instance="i1") as field:
            await field.reply("hello")
            with pytest.raises(TraceFileError, match="i2 was opened when the store was at"):
                await async_field(path, "shared-store", tracer, instance="i2")


REPLIES = 80


def test_two_processes_on_one_store_lose_nothing(tmp_path: Path) -> None:
    """D12, two processes, 80 replies each: versions account for every reply, no view is torn."""
    command = [sys.executable, "-m", "bench.two_processes", f"--replies={REPLIES}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "FINDING" not in done.stdout


def test_a_lost_reply_is_found(tmp_path: Path) -> None:
    """The examination of the two processes' file fails when a reply is missing from it."""
    path = tmp_path / "field"
    with sync_field(path) as field:
        for name in ("ada", "bea", "ada", "bea"):
            field.reply(f"{name} is here")
    assert examine(path, 2) == []
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("UPDATE objects SET version = version - 1")
    assert any("the versions are" in finding for finding in examine(path, 2))
    assert any("'ada is' was observed" in finding for finding in examine(path, 4))


# The words of a command over a file and a field.
COMMANDS = {
    "converse": ["converse", "--themes", "1", "--out", "{file}", "--field", "{field}"],
    "export": ["field", "export", "{field}", "--out", "{file}"],
    "import": ["field", "import", "{file}", "{field}"],
    "observe": ["observe", "{file}", "--field", "{field}"],
}
READING = ("import", "observe")


def found(folder: Path) -> dict[str, bytes | None]:
    """What is in a folder; a link may lead to no file yet."""
    return {path.name: path.read_bytes() if path.exists() else None for path in folder.iterdir()}


@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("end", ["", *BESIDE])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_sqlite_would_take_for_its_own_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, end: str, link: bool
) -> None:
    """Before anything is made; what is there stays as it is. A link is followed, as SQLite does."""
    field, file = tmp_path / "field", tmp_path / f"field{end}"
    if command == "export":
        sync_field(field).close()
    elif command in READING:
        file.write_text("grey herons wait")
    named = field
    if link:
        named = tmp_path / "link"
        named.symlink_to(field)
    before = found(tmp_path)
    words = [word.format(file=file, field=named) for word in COMMANDS[command]]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"leo: error: {file}: ") and told.count("\n") == 1
    assert ("beside the field" if end else "this is the file of the field") in told
    assert "name another file" in told
    assert found(tmp_path) == before


@pytest.mark.parametrize("command", ["converse", "export"])
def test_a_file_of_another_name_is_not_refused(tmp_path: Path, command: str) -> None:
    """The control: neither one that begins as the field does, nor one beside another field."""
    field = tmp_path / "field"
    sync_field(field).close()
    (tmp_path / "other").mkdir()
    for file in (tmp_path / "field-wall", tmp_path / "other" / "field-wal"):
        assert main([word.format(file=file, field=field) for word in COMMANDS[command]]) == 0
        assert file.read_text("utf-8").startswith("{")
