"""One session on the real drivers, on a file: the lock isolation test in its purest form.

Every arm executes the same program objects; `reordered` executes them in another order, generate
before observe, which is what the comparison has to notice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from leo.modules import Module
from leo.reply.program import PROGRAM, Given, ReplyState, Step, Writes, observe
from paper.experiments.arms import CHORUS, converse, digest, open_changed, ticking
from paper.experiments.errors import ExperimentError
from paper.experiments.judging import Judge
from paper.experiments.lock_isolation.published import PUBLISHED, converse_published

REORDERED: Final = "reordered"
# The name of a program of this organism, and the modules that it asks.
CHOICES: Final[dict[str, tuple[Module[Any], ...]]] = {"core": (), "modules": CHORUS}


class Alone(NamedTuple):
    """The replies, a digest of everything in the store, and broken property -> replies."""

    replies: list[str]
    store: str
    defects: dict[str, int]


def reordered_program() -> tuple[Step, ...]:
    """The core program with generate before observe: a reply speaks before it has listened.

    The prompt is known to generate as it always is; what is missing is its being in the view.
    """
    by_name = {step.name: step for step in PROGRAM}
    speak = by_name["generate"].function

    def generate_first(state: ReplyState, given: Given) -> Writes:
        observe(state, Given())
        assert state.observed is not None, "observed just now, and not written yet"
        # Nothing of it is in the view, so nothing of it may be subtracted from what is known.
        state.observed = replace(state.observed, trigrams={})
        return speak(state, given)

    early = replace(by_name["generate"], function=generate_first)
    return (by_name["recall"], early, by_name["observe"], by_name["snapshot"])


def talk_alone(
    discipline: str, program: str, seed: int, messages: Sequence[str], path: Path
) -> Alone:
    """One session on a new field at `path`.

    `discipline` is a discipline's id, or REORDERED (sequential, the core program in the other
    order); for a published program it says whether its lock locks. Raises ExperimentError for an
    event that is no step of the specification, and when one session of this organism breaks
    anything: it cannot.
    """
    judge = Judge(later=True)
    if discipline == REORDERED:
        # Its traces are of another program than the specification's: there is nothing to validate.
        with open_changed(path, seed, ticking(), reordered_program()) as leo:
            replies = [leo.reply(message) for message in messages]
        return Alone(replies, _contents(path), {})
    if program in PUBLISHED:
        replies = converse_published(path, program, discipline, seed, messages, judge)
        judge.catch_up()
        return Alone(replies, _contents(path), judge.defects)
    replies = converse(path, discipline, seed, messages, modules=CHOICES[program], tracer=judge)
    judge.catch_up()
    if judge.defects:
        raise ExperimentError(
            f"{discipline}, one session: the recorded run breaks {', '.join(sorted(judge.defects))}"
            "; a sequential session cannot: see leo validate"
        )
    return Alone(replies, _contents(path), {})


def _contents(path: Path) -> str:
    """A digest of the closed store, row by row."""
    with closing(sqlite3.connect(path)) as conn:
        return digest("\n".join(conn.iterdump()))
