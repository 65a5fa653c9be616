"""The two halves of a long run: a process that is killed in the middle of a reply, and the one that
goes on with the file.

What was observed is counted independently of the field, from the text of each observation at its
commit, so that "counts consistent with what was observed" compares two different things.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Final

from leo.actions import Action
from leo.disciplines import DEFAULT, get_discipline
from leo.field.counts import Delta
from leo.field.metrics import score_turn
from leo.field.seed import SEED_TEXT
from leo.field.text import is_word, tokenize
from leo.field.view import View
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.modules import MODULES
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.reply.modular import program_for
from leo.reply.program import Given, ReplyState, Step, Writes
from leo.reply.turn import Instance
from leo.store.asynchronous import AsyncStore
from leo.store.checkup import check_field
from leo.store.schema import connect
from leo.trace.events import Event
from paper.experiments.arms import digest
from paper.experiments.judging import Judge
from paper.experiments.perturbation.views import picture_of

__all__ = ["Half", "Ledger", "carry_out", "die_in_the_middle", "inspect", "script"]

START: Final = 1_767_139_200.0
# Seconds between two readings of the clock; a turn reads it once, and once per inner reply.
PACE: Final = 15.0
CYCLE: Final = len(THEMES) * TURNS
WORDS_OF_TRAUMA: Final = 10


@dataclass
class Ledger:
    """What was committed, counted from the observed texts: replies, bigrams, trigrams."""

    commits: int = 0
    bigrams: int = 0
    trigrams: int = 0
    _pending: Delta | None = None

    def program(self) -> tuple[Step, ...]:
        """The program with all modules, whose observations are noted."""
        return tuple(
            replace(step, function=self._noting(step)) if step.name == "observe" else step
            for step in program_for(MODULES)
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

    def totals(self) -> tuple[int, int, int]:
        """Commits, bigrams, trigrams."""
        return self.commits, self.bigrams, self.trigrams


@dataclass(frozen=True)
class Half:
    """One half of a run: turns `first` to `last` (exclusive) of the script, in a session of its
    own, inspected every so many turns. `totals` is the ledger at its beginning; in the turn `dies`
    the process is killed before the commit.
    """

    path: Path
    seed: int
    words: int
    session: str
    first: int
    last: int
    every: int
    totals: tuple[int, int, int] = (0, 0, 0)
    dies: int | None = None


# A row to keep, or figures of the clock.
Keep = Callable[[str, dict[str, Any]], None]


def script(half: Half) -> Iterator[tuple[int, str, list[str]]]:
    """Turn, theme, and the messages of that theme so far, the current one last."""
    observer = ScriptedObserver(half.words, half.seed % 1_000_003)
    themes, messages = list(THEMES), list[str]()
    for number in range(half.first, half.last):
        place = number % CYCLE
        theme, turn = themes[place // TURNS], place % TURNS
        messages = [*messages, observer.say(theme, turn)] if turn else [observer.say(theme, turn)]
        yield number, theme, messages


def carry_out(half: Half, keep: Keep, clock: Callable[[], float]) -> tuple[int, int, int]:
    """Talk through a half; return the ledger at its end. Every event is validated on the way."""
    return asyncio.run(_carry_out(half, keep, clock))


async def _carry_out(half: Half, keep: Keep, clock: Callable[[], float]) -> tuple[int, int, int]:
    ledger = Ledger(*half.totals)
    judge = Judge(seen=ledger.note)
    store = await AsyncStore.open(half.path)
    ticks = count(half.first * 10)
    instance = Instance(
        discipline=get_discipline(DEFAULT),
        seed=half.seed,
        tracer=judge,
        clock=lambda: START + PACE * next(ticks),
        name="i1",
        store="main",
        modules=MODULES,
        program=ledger.program(),
    )
    turn = half.first

    async def gate(session: str, action: Action) -> None:
        # At a Call of the session its inner replies have ended: nothing is in flight.
        if session == half.session and action is Action.Call and turn % half.every == 0:
            keep("row", inspect(turn, leo.view, half.path, judge, ledger))
        if session == half.session and action is Action.Commit and turn == half.dies:
            keep("totals", {"totals": ledger.totals()})
            os.kill(os.getpid(), signal.SIGKILL)

    leo = AsyncLeoField(store, instance, gate)
    async with leo:
        instance.begin(await store.perform(Instance.open_work))
        began = clock()
        for turn, theme, messages in script(half):
            reply = await leo.reply(messages[-1], half.session)
            scores = score_turn(reply, messages)
            keep(
                "row",
                {
                    "kind": "turn",
                    "turn": turn,
                    "theme": theme,
                    "tokens": scores.token_ratio_current,
                    "types": scores.type_ratio_current_plus_3,
                    "words": len(reply.split()),
                    "reply": digest(reply),
                },
            )
            if (turn + 1) % half.every == 0:
                ended = clock()
                keep("time", _cost(turn + 1, (ended - began) / half.every, half.path))
                began = ended
    turn = half.last
    keep("row", inspect(turn, leo.view, half.path, judge, ledger))
    return ledger.totals()


def die_in_the_middle(half: Half, clock: Callable[[], float], out: Path) -> None:
    """The first half, in a process of its own; what is kept goes to the file `out`."""
    with out.open("w", encoding="utf-8") as file:
        carry_out(
            half, lambda kind, row: print(json.dumps([kind, row]), file=file, flush=True), clock
        )


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
