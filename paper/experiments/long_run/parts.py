"""The legs of a long run: each a process that is stopped, and the next one goes on with the file.

What was observed is counted independently of the field, from the text of each observation at its
commit, so that "counts consistent with what was observed" compares two different things.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from leo.actions import Action
from leo.commands.ending import follow
from leo.disciplines import DEFAULT, get_discipline
from leo.field.counts import Delta
from leo.field.metrics import score_turn
from leo.field.seed import SEED_TEXT
from leo.field.text import is_word, tokenize
from leo.field.view import View
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.modules import MODULES, Dream, MetaLeo, Module, Overthinking
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.reply.program import Given, ReplyState, Step, Writes, program_for
from leo.reply.turn import Instance
from leo.store.asynchronous import AsyncStore
from leo.store.checkup import check_field
from leo.store.schema import connect
from leo.trace.events import Event
from paper.experiments.arms import digest
from paper.experiments.judging import Judge
from paper.experiments.perturbation.views import picture_of

START: Final = 1_767_139_200.0
DAY: Final = 86_400.0
# The turns of a day are spread over this part of it; the rest is night.
WAKING: Final = 16 * 3600.0
# The least seconds between two readings of the clock; a turn reads it once, and once per inner
# reply.
PACE: Final = 15.0
KILLED: Final = "killed"
POWER: Final = "power cut"
# Commits, bigrams, trigrams.
Totals = tuple[int, int, int]
CYCLE: Final = len(THEMES) * TURNS
WORDS_OF_TRAUMA: Final = 10
# Without those that make the organism talk to itself: a turn of theirs is four replies and more.
QUIET: Final[tuple[Module[Any], ...]] = tuple(
    module for module in MODULES if not isinstance(module, (Dream, MetaLeo, Overthinking))
)


@dataclass
class Ledger:
    """What was committed, counted from the observed texts: replies, bigrams, trigrams.

    `history` has the totals after every commit, because a power cut may take some back.
    """

    commits: int = 0
    bigrams: int = 0
    trigrams: int = 0
    history: list[Totals] = field(default_factory=list)
    _pending: Delta | None = None

    def program(self, modules: tuple[Module[Any], ...]) -> tuple[Step, ...]:
        """The program with these modules, whose observations are noted."""
        return tuple(
            replace(step, function=self._noting(step)) if step.name == "observe" else step
            for step in program_for(modules)
        )

    def _noting(self, step: Step) -> Callable[[ReplyState, Given], Writes]:
        def observe(state: ReplyState, given: Given) -> Writes:
            writes = step.function(state, given)
            self._pending = writes.ngrams
            return writes

        return observe

    def note(self, event: Event) -> None:
        """One session, one reply at a time: a commit is that of the last observation."""
        if event.action is Action.Commit:
            assert self._pending is not None, "a reply observes before it commits"
            self.commits += 1
            self.bigrams += sum(self._pending.bigrams.values())
            self.trigrams += sum(self._pending.trigrams.values())
            self.history.append(self.totals())

    def totals(self) -> Totals:
        """Commits, bigrams, trigrams."""
        return self.commits, self.bigrams, self.trigrams


@dataclass(frozen=True)
class Leg:
    """Turns `first` to `last` (exclusive) of the script, in a session of its own, inspected at its
    beginning and every so many turns. `turns` and `days` are those of the whole run; `quiet`: no
    module makes the organism talk to itself; `totals` is the ledger and `since` the clock at the
    leg's beginning.

    How it stops: killed in its last turn, before the commit; or by a power cut after that turn.
    """

    path: Path
    seed: int
    words: int
    session: str
    first: int
    last: int
    every: int
    turns: int
    days: int
    quiet: bool = False
    stop: str | None = None
    totals: Totals = (0, 0, 0)
    since: float = START

    def moment(self, turn: int) -> float:
        """When a turn is due: the turns of a day come evenly in its waking part."""
        day, rest = divmod(turn * self.days, self.turns)
        return START + DAY * day + WAKING * rest / self.turns


class _Clock:
    """The injected clock: the moment of the turn, and a little later with every reading."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self.turn = leg.first
        self.now = leg.since

    def __call__(self) -> float:
        self.now = max(self.now + PACE, self._leg.moment(self.turn))
        return self.now


# A row to keep, or figures of the wall clock, or the leg's end.
Keep = Callable[[str, dict[str, Any]], None]


def script(leg: Leg) -> Iterator[tuple[int, list[str]]]:
    """Turn, and the messages of its theme so far, the current one last."""
    observer = ScriptedObserver(leg.words, leg.seed % 1_000_003)
    themes, messages = list(THEMES), list[str]()
    for number in range(leg.first, leg.last):
        place = number % CYCLE
        theme, turn = themes[place // TURNS], place % TURNS
        messages = [*messages, observer.say(theme, turn)] if turn else [observer.say(theme, turn)]
        yield number, messages


def carry_out(leg: Leg, keep: Keep, clock: Callable[[], float]) -> Totals:
    """Talk through a leg; return the ledger at its end. Every event is validated on the way. A leg
    that is to stop ends this process.
    """
    return asyncio.run(_carry_out(leg, keep, clock))


async def _carry_out(leg: Leg, keep: Keep, clock: Callable[[], float]) -> Totals:
    ledger = Ledger(*leg.totals, history=[leg.totals])
    judge = Judge(seen=ledger.note)
    modules = QUIET if leg.quiet else MODULES
    store = await AsyncStore.open(leg.path, keepers=modules)
    now = _Clock(leg)
    instance = Instance(
        discipline=get_discipline(DEFAULT),
        seed=leg.seed,
        tracer=judge,
        clock=now,
        name="i1",
        store="main",
        modules=modules,
        program=ledger.program(modules),
    )

    def stop() -> None:
        keep("end", {"totals": ledger.totals(), "history": ledger.history, "now": now.now})
        os.kill(os.getpid(), signal.SIGKILL)

    async def gate(session: str, action: Action) -> None:
        # At a Call of the session its inner replies have ended: nothing is in flight.
        mine = session == leg.session
        if mine and action is Action.Call and (now.turn % leg.every == 0 or now.turn == leg.first):
            keep("row", inspect(now.turn, leo.view, leg.path, judge, ledger))
        if mine and action is Action.Commit and (leg.stop, now.turn) == (KILLED, leg.last - 1):
            stop()

    leo = AsyncLeoField(store, instance, gate)
    async with leo:
        instance.begin(await store.perform(Instance.open_work))
        began = clock()
        for turn, messages in script(leg):
            now.turn = turn
            reply = await leo.reply(messages[-1], leg.session)
            scores = score_turn(reply, messages)
            keep(
                "row",
                {
                    "kind": "turn",
                    "turn": turn,
                    "tokens": scores.token_ratio_current,
                    "types": scores.type_ratio_current_plus_3,
                    "words": len(reply.split()),
                    "reply": digest(reply),
                },
            )
            if (turn + 1) % leg.every == 0:
                ended = clock()
                keep("time", _cost(turn + 1, (ended - began) / leg.every, leg.path))
                began = ended
        keep("row", inspect(leg.last, leo.view, leg.path, judge, ledger))
        if leg.stop == POWER:
            stop()
    return ledger.totals()


def carry_out_apart(leg: Leg, clock: Callable[[], float], out: Path) -> None:
    """A leg in a process of its own; what is kept goes to the file `out`."""
    follow()
    with out.open("w", encoding="utf-8") as file:
        carry_out(
            leg, lambda kind, row: print(json.dumps([kind, row]), file=file, flush=True), clock
        )


def cut_power(path: Path, rng: Random) -> None:
    """Do to the files of a process that was killed what a power cut may do: the end of the log that
    was not yet taken into the file is lost, somewhere in the middle of a frame.

    Where these parts begin is told by the index of the log (https://sqlite.org/walformat.html): its
    last frame, and the last one that was taken in and is therefore on the disk.
    """
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    state = index.read_bytes()
    [last], [taken] = struct.unpack_from("=I", state, 16), struct.unpack_from("=I", state, 96)
    frame = 24 + int.from_bytes(log.read_bytes()[8:12], "big")
    kept = rng.randint(taken, last)
    torn = rng.randrange(frame) if kept < last else 0
    os.truncate(log, 32 + kept * frame + torn)
    index.unlink()


def inspect(turn: int, view: View, path: Path, judge: Judge, ledger: Ledger) -> dict[str, Any]:
    """Is the field what it should be? One row, at a moment of rest."""
    with closing(connect(path)) as conn:
        findings = check_field(conn)
        trauma = [
            word
            for (word,) in conn.execute(
                "SELECT word FROM trauma_words ORDER BY weight DESC, word LIMIT ?",
                (WORDS_OF_TRAUMA,),
            )
        ]
        [bias] = conn.execute("SELECT count(*) FROM bias").fetchone()
    with LeoField.open(path) as other:
        stored = other.view
        equal = picture_of(stored) == picture_of(view) and stored.versions() == view.versions()
    seed = _seed_counts()
    commits, bigrams, trigrams = ledger.totals()
    return {
        "kind": "snapshot",
        "turn": turn,
        "commits": commits,
        # The seed text was the first observation.
        "versions": view.versions() == {"view.bigrams": commits + 1, "view.trigrams": commits + 1},
        "bigrams": _sum(view.words.followers) == bigrams + seed[0],
        "trigrams": _sum(view.chains.followers) == trigrams + seed[1],
        "view": equal,
        "findings": len(findings),
        "defects": sum(judge.defects.values()),
        "reachable": _reachable(view),
        "trauma": " ".join(trauma),
        "shards": bias,
        **{f"size_{name}": rows for name, rows in view.size().items()},
    }


def _sum(followers: Any) -> int:
    return sum(sum(row.values()) for row in followers.values())


def _seed_counts() -> tuple[int, int]:
    tokens = len(tokenize(SEED_TEXT))
    return tokens - 1, tokens - 2


def _reachable(view: View) -> float:
    """The share of the seed text's words that a walk from the centres can still come to."""
    words = view.words
    seen = set(words.centres())
    waiting = list(seen)
    while waiting:
        row = words.followers.get(waiting.pop()) or {}
        new = [id for id, count in row.items() if count and id not in seen]
        seen.update(new)
        waiting.extend(new)
    seed = Counter(token for token in tokenize(SEED_TEXT) if is_word(token))
    return sum(words.ids.get(token) in seen for token in seed) / len(seed)


def _cost(turn: int, seconds: float, path: Path) -> dict[str, Any]:
    """Seconds per turn, inner replies included; the process's peak of memory; the file."""
    files = sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"turn": turn, "seconds": seconds, "peak_kib": peak, "file_bytes": files}
