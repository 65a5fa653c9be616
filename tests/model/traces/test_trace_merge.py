"""Traces of several processes on one store: merged by versions, decided or said to be undecided."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leo.errors import TraceError
from leo.trace.events import Event
from leo_model.commands.validate import VALIDATE
from leo_model.traces.events import Line
from leo_model.traces.merge import UNDECIDABLE, Merged, find_orders, merge
from leo_model.traces.mutate import renumber
from leo_model.traces.native import Checker, check
from leo_model.traces.reader import trace_of
from leo_model.traces.validate import Report, validate, validate_merged
from tests.model.traces.mutation import mutate
from tests.model.traces.synth import Fields, random_trace, trace_world
from tests.model.traces.test_trace_reader import encode
from tests.model.validating import options

SHARED = ("shared-store", "shared-store-unit-of-work", "shared-store-immediate")


def schedule(
    discipline: str, seed: int, length: int, rate: float = 0.1, sessions: int = 3
) -> tuple[Fields, list[Fields]]:
    return random_trace(trace_world(discipline, sessions), Random(seed), rate, length)


def split(header: Fields, events: Sequence[Fields]) -> list[tuple[Fields, list[Fields]]]:
    """The files that the processes of a run would have written, one for each instance."""
    parts = []
    for instance in header["instances"]:
        own = [{**e, "writer": f"w-{instance}"} for e in events if e["instance"] == instance]
        parts.append(({**header, "instances": [instance]}, renumber(own)))
    return parts


def write(folder: Path, parts: Sequence[tuple[Fields, Sequence[Fields]]]) -> list[Path]:
    paths = []
    for number, (header, events) in enumerate(parts):
        path = folder / f"{number}.ndjson"
        path.write_bytes(encode([header, *events]))
        paths.append(path)
    return paths


def lines_of(parts: Sequence[tuple[Fields, Sequence[Fields]]]) -> list[list[Line]]:
    return [list(trace_of("part", *part)) for part in parts]


def all_orders(header: Fields, writers: Sequence[Sequence[Line]]) -> list[frozenset[str]]:
    """What falls in each order that is a behaviour: every interleaving tried, from the start."""
    real = trace_of("whole", header, []).header
    found = []

    def go(order: list[Line], taken: tuple[int, ...]) -> None:
        checker = Checker(real)
        for line in order:
            if checker.feed(line) is not None:
                return
        if taken == tuple(map(len, writers)):
            found.append(frozenset(checker.watch.violations) - {UNDECIDABLE})
        for writer, lines in enumerate(writers):
            if taken[writer] < len(lines):
                following = (*taken[:writer], taken[writer] + 1, *taken[writer + 1 :])
                go([*order, lines[taken[writer]]], following)

    go([], (0,) * len(writers))
    return found


@settings(max_examples=25)
@given(st.sampled_from(SHARED), st.integers(0, 10**6), st.booleans())
def test_search_finds_what_trying_everything_finds(
    discipline: str, seed: int, damaged: bool
) -> None:
    """On small runs, valid and mutated: the same answer as every interleaving, one by one."""
    header, events = schedule(discipline, seed, 9, sessions=2)
    if damaged:
        _, events = mutate(discipline, events, Random(seed))
    try:
        writers = lines_of(split(header, events))
    except TraceError:
        return
    naive = all_orders(header, writers)
    found = find_orders(trace_of("t", header, []).header, writers)
    assert found.undecided is None
    assert (found.order is not None) == bool(naive)
    if naive:
        assert found.always == frozenset.intersection(*naive)
        assert found.always | found.sometimes == frozenset().union(*naive)
    else:
        assert found.stuck


@settings(max_examples=15)
@given(st.sampled_from(SHARED), st.integers(0, 10**6))
def test_a_run_that_was_split_can_be_merged(discipline: str, seed: int) -> None:
    """The order in which a run happened is among the orders, and what it broke is accounted for;
    the order that is found is an accepted trace."""
    header, events = schedule(discipline, seed, 60)
    found = find_orders(
        trace_of("t", header, []).header, lines_of(split(header, events)), most=20_000
    )
    assert found.order is not None
    true = frozenset(check(trace_of("t", header, events)).violations) - {UNDECIDABLE}
    assert found.always <= true <= found.always | found.sometimes
    again = trace_of("t", header, [line.event for line in found.order])
    assert check(again).accepted


def test_a_bound_that_is_too_small_is_undecided() -> None:
    """More states than are kept: undecided, which is neither accepted nor rejected."""
    header, events = schedule("shared-store", 3, 60, rate=0.0)
    found = find_orders(trace_of("t", header, []).header, lines_of(split(header, events)), most=3)
    assert found.order is None and not found.stuck
    assert found.undecided is not None and "more than 3 states" in found.undecided


def merged(folder: Path, parts: Sequence[tuple[Fields, Sequence[Fields]]]) -> Merged:
    return merge(write(folder, parts))


def test_versions_that_no_order_explains_are_rejected(tmp_path: Path) -> None:
    """Two commits of the same version: the next line of each writer, and why it is no step."""
    header, events = schedule("shared-store-immediate", 5, 60, rate=0.0)
    parts = split(header, events)
    place = next(k for k, e in enumerate(parts[1][1]) if e["action"] == "Commit")
    commit = parts[1][1][place]
    parts[1][1][place] = {**commit, "writes": {o: v + 40 for o, v in commit["writes"].items()}}
    found = merged(tmp_path, parts)
    assert found.orders.order is None and found.orders.undecided is None
    assert any("the version of ngrams is" in r for x in found.orders.stuck for r in x.reasons)


def test_merged_trace_is_an_ordinary_trace(tmp_path: Path) -> None:
    """It can be saved, read, and judged by both engines."""
    found = merged(tmp_path, split(*schedule("shared-store-immediate", 5, 60, rate=0.0)))
    found.save(tmp_path / "whole.ndjson")
    assert check(found.trace()).accepted
    assert {e.writer for e in found.events} == {"w-i1", "w-i2"}
    with pytest.raises(TraceError, match="cannot be written"):
        found.save(tmp_path)


BASE = schedule("shared-store-immediate", 5, 40, rate=0.0)


AHEAD = {"ngrams": BASE[0]["start"]["ngrams"] + 3, "snapshots": BASE[0]["start"]["snapshots"] - 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"run": "other"}, "its run is 'other', and that of .* is 'random-"),
        ({"discipline": "shared-store"}, "its discipline is 'shared-store', and that of"),
        ({"instances": ["i1"]}, "the instance 'i[12]' is (in|not)"),
        # More n-grams and fewer snapshots than the other process found: not the same store.
        ({"start": AHEAD}, "no store was at both"),
    ],
    ids=lambda found: next(iter(found)) if isinstance(found, dict) else "",
)
def test_files_of_different_runs_are_refused(tmp_path: Path, change: Fields, message: str) -> None:
    """The files must be of one run on one store, each of another process."""
    one, (header, events) = split(*BASE)
    header = {**header, **change}
    events = [] if "discipline" in change else [{**e, "run": header["run"]} for e in events]
    with pytest.raises(TraceError, match=message):
        merged(tmp_path, [one, (header, events)])


@pytest.mark.parametrize("thing", ["writer", "session"])
def test_names_must_be_different(tmp_path: Path, thing: str) -> None:
    """A writer or a session that is in both files would be two things of one name."""
    one, (header, events) = split(*BASE)
    if thing == "writer":
        events = [{**e, "writer": "w-i1"} for e in events]
    else:
        name, mine = one[1][0]["session"], events[0]["session"]
        own = [e for e in events if e["session"] == mine]
        events = [{**e, "session": name, "reply": e["reply"].replace(mine, name)} for e in own]
    said = f"the {thing} '.*' is in .*0.ndjson as well; give --merge"
    with pytest.raises(TraceError, match=said):
        merged(tmp_path, [one, (header, renumber(events))])


def test_events_are_left_as_they_were(tmp_path: Path) -> None:
    """The merge orders the lines of the files and changes nothing in them."""
    parts = split(*BASE)
    found = merged(tmp_path, parts)
    for _, events in parts:
        own = [msgspec.to_builtins(e) for e in found.events if e.writer == events[0]["writer"]]
        assert own == [msgspec.to_builtins(msgspec.convert(e, Event)) for e in events]


def test_processes_under_a_discipline_of_one_instance_are_refused(tmp_path: Path) -> None:
    """Two processes on one store are of a shared-store discipline, and not of one with one
    instance, by which a view may be behind unseen."""
    parts = [
        ({**header, "discipline": "shielded-unit-of-work"}, events)
        for header, events in split(*BASE)
    ]
    with pytest.raises(TraceError, match="have one; several instances on one store are of shared"):
        merged(tmp_path, [(header, []) for header, _ in parts])


# One process of a run: it opens the field and says so; each line that it is given is a number of
# replies that each of its two sessions is to make; the end of its input is its end.
PROCESS = """
import asyncio, sys
from leo import AsyncLeoField, NdjsonRecorder

async def main(folder, name, discipline):
    recorder = NdjsonRecorder(
        f"{folder}/{name}.ndjson", run="pair", writer=f"writer of {name}", instances=(name,)
    )
    with recorder:
        async with await AsyncLeoField.open(
            f"{folder}/field", seed=7, discipline=discipline, tracer=recorder, instance=name
        ) as field:
            print("open", flush=True)

            async def session(word, turns):
                for turn in range(turns):
                    await field.reply(f"grey herons wait {turn}", f"{name}-{word}")

            while line := await asyncio.to_thread(sys.stdin.readline):
                async with asyncio.TaskGroup() as group:
                    for word in ("anna", "ben"):
                        group.create_task(session(word, int(line)))
                print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Process:
    """A child that replies when it is told to."""

    def __init__(self, folder: Path, name: str, discipline: str) -> None:
        self.trace = folder / f"{name}.ndjson"
        self._child = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), name, discipline],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.wait("open")

    def say(self, turns: int) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{turns}\n")
        self._child.stdin.flush()

    def wait(self, word: str = "done") -> None:
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == f"{word}\n"

    def end(self) -> None:
        rest, _ = self._child.communicate(timeout=60)
        assert rest == ""
        assert self._child.returncode == 0


def good(report: Report) -> bool:
    return report.error is None and report.accepted and not report.broken


def test_two_processes_under_immediate_transactions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """D12: each file alone has versions from nowhere and is refused; together they are a behaviour
    that breaks nothing, and both engines say so."""
    pair = [Process(tmp_path, name, "shared-store-immediate") for name in ("i1", "i2")]
    for process in pair:
        process.say(3)
    for process in pair:
        process.wait()
        process.end()
    files = [str(process.trace) for process in pair]
    assert not all(good(report) for report in validate(files))
    whole = tmp_path / "whole.ndjson"
    words = [*files, "--merge", "--merged", str(whole), "--engine", "both", "--no-cache"]
    assert VALIDATE.run(options(*words)) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{files[0]} + {files[1]}: accepted\n")
    assert "native and TLC agree" in said
    assert all(len(line) <= 80 for line in said.splitlines()[1:])
    (report,) = validate([whole])
    assert report.native is not None
    assert report.accepted and report.native.outcomes == {"returned": 12}
    # The recordings tell of the same run: 12 commits, no version twice.
    writes = [json.loads(line)["writes"] for line in whole.read_bytes().splitlines()[1:]]
    versions = [write["ngrams"] for write in writes if "ngrams" in write]
    assert versions == sorted(set(versions)) and len(versions) == 12


def test_a_process_that_opens_later(tmp_path: Path) -> None:
    """The second opens the store after six commits: until then it was down."""
    first = Process(tmp_path, "i1", "shared-store-immediate")
    first.say(3)
    first.wait()
    second = Process(tmp_path, "i2", "shared-store-immediate")
    for process in (first, second):
        process.say(2)
    for process in (first, second):
        process.wait()
        process.end()
    report = validate_merged([second.trace, first.trace], save=tmp_path / "whole.ndjson")
    assert good(report), report
    assert report.native is not None
    assert report.native.outcomes == {"returned": 14}
    (again,) = validate([tmp_path / "whole.ndjson"])
    assert again.accepted and again.native is not None
    actions = [
        json.loads(line).get("action")
        for line in (tmp_path / "whole.ndjson").read_bytes().splitlines()
    ]
    assert actions[1] == "Crash" and actions.count("Recover") == 1
