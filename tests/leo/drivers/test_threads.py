"""Threads on one instance: what the GIL does not do, and what threading.Lock does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest

from leo.actions import Action
from leo.errors import StepError
from tests.leo.judge import judge
from tests.leo.support import (
    REPLY,
    actions,
    picture,
    read_trace,
    recorder,
    reloaded,
    switching,
    sync_field,
)

THREADS = [*REPLY[:7], "GenerateBegin", "GenerateEnd", *REPLY[8:]]
WAIT = 20.0


def together(*works: Callable[[], object]) -> None:
    """Run every work in a thread of its own, to the end."""
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive()


class Preempt:
    """A gate: s1 stops before an action until s2 has come to one of its own."""

    def __init__(self, action: str, until: str) -> None:
        self.action, self.until = action, until
        self.stopped, self.go_on = Event(), Event()

    def __call__(self, session: str, action: Action) -> None:
        if session == "s1" and action == self.action:
            self.stopped.set()
            assert self.go_on.wait(WAIT)
        if session == "s2" and action == Action.Call:
            assert self.stopped.wait(WAIT)
        if session == "s2" and action == self.until:
            self.go_on.set()


def test_the_gil_may_go_away_in_the_middle_of_generate(tmp_path: Path) -> None:
    """Another thread's observation comes between the halves."""
    trace = tmp_path / "trace"
    gate = Preempt("GenerateEnd", until="GenerateBegin")
    seen: list[str] = []
    with recorder(trace) as tracer, sync_field(tmp_path / "field", tracer, "gil", gate) as field:
        together(
            lambda: seen.append(field.reply("hello", "s1")),
            lambda: field.reply("grey herons wait in the reeds", "s2"),
        )
        assert picture(field.view) == field._store.perform(reloaded)
    events = read_trace(trace)[1]
    assert actions(events) == actions(events, "s2") == THREADS
    halves = [e.reads for e in events if e.session == "s1" and e.action.startswith("Generate")]
    assert halves == [
        {"view.bigrams": 2, "view.trigrams": 2},
        {"view.bigrams": 3, "view.trigrams": 3},
    ]
    assert {"StableRead", "ViewNotTorn"} <= set(judge(trace).violations)
    assert seen


def test_generation_really_reads_its_halves_at_two_times(tmp_path: Path) -> None:
    """Bigrams bound at the beginning, trigrams at the end: a view asked in between shows both."""
    seen: list[tuple[int, bool]] = []
    gate = Preempt("GenerateEnd", until="GenerateBegin")
    with sync_field(tmp_path / "field", discipline="gil", gate=gate) as field:
        view = field.view
        program = field._instance.program

        def look(state: object, given: object) -> object:
            known = "herons" in view.words.ids
            seen.append((view.bigrams.version, known))
            return program[2].function(state, given)  # type: ignore[arg-type]

        step = type(program[2])(
            "generate",
            program[2].actions,
            program[2].reads,
            program[2].writes,
            look,  # type: ignore[arg-type]
        )
        object.__setattr__(field._instance, "program", (*program[:2], step, program[3]))
        together(lambda: field.reply("hello", "s1"), lambda: field.reply("grey herons wait", "s2"))
    # s1 speaks with the bigrams of version 2, which do not know the heron; s2 with its own.
    assert sorted(seen) == [(2, False), (3, True)]


@pytest.mark.parametrize("discipline", ["gil", "threading-lock"])
def test_threads_leave_traces_that_are_behaviours(tmp_path: Path, discipline: str) -> None:
    """Four threads, six replies each; under the lock nothing but the order of calls is lost."""
    trace = tmp_path / "trace"
    with recorder(trace) as tracer, sync_field(tmp_path / "f", tracer, discipline) as field:

        def talk(name: str) -> Callable[[], object]:
            return lambda: [field.reply(f"{name} {turn}", name) for turn in range(6)]

        with switching():
            together(*(talk(f"s{n}") for n in range(4)))
        assert field._store.perform(reloaded)["versions"]["view.bigrams"] == 25
        if discipline == "threading-lock":
            assert picture(field.view) == field._store.perform(reloaded)
    outcome = judge(trace)
    assert outcome.outcomes == {"returned": 24}
    if discipline == "threading-lock":
        assert set(outcome.violations) <= {"NoOvertaking"}


@pytest.mark.parametrize("discipline", ["gil", "threading-lock"])
def test_a_step_that_raises_in_a_thread(tmp_path: Path, discipline: str) -> None:
    """At every step: Raise, the lock is free, the next reply works. At Return it has returned."""
    trace = tmp_path / "trace"
    strike: list[str] = []

    def gate(session: str, action: Action) -> None:
        if strike and strike[0] == action:
            strike.pop()
            raise ZeroDivisionError("struck")

    with recorder(trace) as tracer, sync_field(tmp_path / "f", tracer, discipline, gate) as field:
        for action in THREADS[1:]:
            strike.append(action)
            error = ZeroDivisionError if action == "Return" else StepError
            with pytest.raises(error, match="struck"):
                field.reply("hello")
            assert field.reply("hello")
    assert judge(trace).outcomes == {"raised": 10, "returned": 12}


class Asked:
    """A lock that says when somebody has found it taken, and waits for it."""

    def __init__(self) -> None:
        self.lock, self.wanted = Lock(), Event()

    def acquire(self) -> None:
        if not self.lock.acquire(blocking=False):
            self.wanted.set()
            self.lock.acquire()

    def release(self) -> None:
        self.lock.release()


def test_the_lock_is_held_from_acquire_to_release(tmp_path: Path) -> None:
    """While one thread is inside, the other has called and waits for the lock."""
    trace, name = tmp_path / "trace", "threading-lock"
    gate, lock = Preempt("Recall", until="nothing"), Asked()
    with recorder(trace) as tracer, sync_field(tmp_path / "f", tracer, name, gate) as field:
        field._lock = lock  # type: ignore[assignment]
        first = Thread(target=field.reply, args=("hello", "s1"))
        second = Thread(target=field.reply, args=("hello", "s2"))
        first.start()
        assert gate.stopped.wait(WAIT)
        second.start()
        assert lock.wanted.wait(WAIT)
        gate.go_on.set()
        first.join(WAIT)
        second.join(WAIT)
    events = read_trace(trace)[1]
    order = [e.session for e in events if e.action not in ("Call", "Return")]
    assert order == sorted(order)
    assert judge(trace).violations == {}


def test_a_session_is_found_free_and_taken_in_one_step(tmp_path: Path) -> None:
    """While one thread looks whether a session has a reply under way, nobody else can."""
    shut: list[bool] = []

    class Looked(dict[str, object]):
        def __contains__(self, session: object) -> bool:
            def other() -> None:
                latch: Any = field._latch
                got = latch.acquire(blocking=False)
                shut.append(not got)
                if got:
                    latch.release()

            together(other)
            return super().__contains__(session)

    with sync_field(tmp_path / "field", discipline="gil") as field:
        field._instance._busy = Looked()
        assert field.reply("hello")
    assert shut == [True]
