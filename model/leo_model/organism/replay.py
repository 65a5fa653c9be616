"""Replays schedules on the organism: those of tokens, twice to the same bytes, and counterexamples.

A property that falls in the specification must fall in the organism.  The moves of TLC's
counterexample become the organism's schedule; the organism must record those moves; and the
validator must find the same property broken in the recorded trace.

A finite trace cannot break a liveness property, so these are shown directly.  A deadlock: nothing
can move in the organism, and nothing is enabled in the state of the specification.  A call that is
never answered: its cycle is carried out several times and returns to the same state each time, with
the call still open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leo.actions import Action
from leo.schedules.engine.system import Choice, Outcome
from leo.trace.lanes import LaneStep, lane_table
from leo_model.checking.check import Counterexample
from leo_model.checking.results import closing_step
from leo_model.disciplines import DISCIPLINES
from leo_model.files import write_file
from leo_model.machine.machine import Move, enabled
from leo_model.organism import published
from leo_model.organism.case import FAULTS, Case, ScheduleError, to_token
from leo_model.organism.cover import choice_of
from leo_model.organism.organism import Organism, StoreKind
from leo_model.organism.recording import NOT_A_BEHAVIOUR
from leo_model.organism.run import OrganismRun
from leo_model.traces.native import Checker
from leo_model.traces.story import note
from leo_model.traces.validate import Engine, validate


@dataclass(frozen=True, slots=True)
class Replayed:
    """A schedule carried out: what came of it, the bytes of its trace, the content of the store."""

    case: Case
    choices: tuple[Choice, ...]
    outcome: Outcome
    trace: bytes
    content: str
    finished: bool

    def same_as(self, other: Replayed) -> str | None:
        """What differs between two runs that should be the same; None when nothing does."""
        for what, mine, others in (
            ("the trace", self.trace, other.trace),
            ("the answers", self.outcome.answers, other.outcome.answers),
            ("the store", self.content, other.content),
            ("the views", self.outcome.final, other.outcome.final),
            ("the verdicts", self.outcome.violations, other.outcome.violations),
        ):
            if mine != others:
                return what
        return None


def replay(organism: Organism, choices: Sequence[Choice]) -> Replayed:
    """Carry out a schedule.  Raises ScheduleError when a choice cannot be made where it stands."""
    run = organism.start()
    try:
        for number, choice in enumerate(choices, 1):
            if choice not in (possible := run.enabled()):
                others = ", ".join(" ".join(other) for other in possible)
                raise ScheduleError(
                    f"choice {number} of {len(choices)} cannot be made: {choice.who} is to "
                    f"{choice.what}; possible there: {others or 'nothing any more'}. The schedule "
                    "is of another organism, or of an altered one"
                )
            run.take(choice)
        content, finished = run.content(), run.finished()
        trace = run.recording.trace()
    finally:
        outcome = run.close()
    return Replayed(organism.case, tuple(choices), outcome, trace, content, finished)


def replay_twice(
    case: Case, choices: Sequence[Choice], store: StoreKind = "memory"
) -> tuple[Replayed, str | None]:
    """Carry out a schedule two times, each on an organism of its own; say what differed."""
    with Organism(case, store=store, spin=True) as organism:
        first = replay(organism, choices)
    with Organism(case, store=store, spin=True) as organism:
        second = replay(organism, choices)
    return first, first.same_as(second)


def table(done: Replayed, width: int = 80) -> str:
    """The run as lanes, one for each session, in `width` columns."""
    lanes = tuple(f"s{number + 1}" for number in range(done.case.sessions))
    rows = [
        LaneStep(event.seq, event.session, event.action.value, note(event))
        for event in done.outcome.events
    ]
    return lane_table(rows, lanes=lanes, width=width)


def verdicts(done: Replayed) -> list[str]:
    """What is broken, and how; or that nothing is."""
    broken = done.outcome.violations
    lines = [] if NOT_A_BEHAVIOUR in broken else ["accepted: a behaviour of the specification"]
    lines += [f"✗ {title}: {witness}" for title, witness in sorted(broken.items())]
    if not broken:
        lines.append("✓ nothing is broken")
    return lines


ROUNDS = 3
# Nobody runs out of calls while a circle is carried out; a bounded model has none of its own.
SPARE = 1


@dataclass(slots=True)
class Attempt:
    """A counterexample and what became of it.  ``yes`` when the organism breaks the property too;
    ``why`` says how that was seen, or why not.
    """

    discipline: str
    title: str
    steps: int
    yes: bool = False
    why: str = ""
    token: str = ""
    trace: Path | None = None
    witness: str = ""
    engines: list[str] = field(default_factory=list)

    @property
    def cell(self) -> str:
        return f"{self.discipline} / {self.title}"


def carry_out(found: Counterexample, folder: Path, store: StoreKind = "memory") -> Attempt:
    """Make the organism follow a counterexample; its trace is written to ``folder``."""
    attempt = Attempt(found.discipline, found.property, found.steps)
    moves = [Move(*pair) for pair in found.schedule]
    if DISCIPLINES[found.discipline].published:
        attempt.trace = folder / f"{found.discipline}.{found.property}.ndjson"
        attempt.token = f"{len(moves)} steps, followed by the program itself"
        try:
            published.carry_out(found.discipline, moves, attempt.trace)
            attempt.yes = True  # What it breaks is for the engines to say.
        except ScheduleError as error:
            attempt.why, attempt.trace = str(error), None
        return attempt
    circle = circle_of(found)
    case = case_of(found, moves + circle * ROUNDS)
    rounds = circle[-1:] + circle * (ROUNDS - 1)
    attempt.token = to_token(case, map(choice_of, moves + rounds))
    with Organism(case, store=store, spin=True) as organism:
        run = organism.start()
        try:
            _follow(run, moves)
            _judge(attempt, run, circle)
        except ScheduleError as error:
            attempt.why = str(error)
        trace = run.recording.trace()
        outcome = run.close()
    attempt.trace = folder / f"{found.discipline}.{found.property}.ndjson"
    write_file(attempt.trace, trace)
    broken = outcome.violations
    if NOT_A_BEHAVIOUR in broken:
        attempt.yes, attempt.why = False, broken[NOT_A_BEHAVIOUR]
    elif not attempt.why:
        attempt.yes = found.property in broken
        attempt.witness = broken.get(found.property, "")
        attempt.why = "" if attempt.yes else f"the trace breaks {', '.join(broken) or 'nothing'}"
    return attempt


def circle_of(found: Counterexample) -> list[Move]:
    """The part of a behaviour that is repeated for ever, empty when there is none."""
    as_written = {
        "discipline": found.discipline, "property": found.property, "faults": found.faults,
        "sessions": found.bound.sessions, "turns": found.bound.turns, "back_to": found.back_to,
        "witness": found.witness, "schedule": found.schedule,
    }  # fmt: skip
    closing = closing_step(as_written)
    if closing is None or found.back_to is None:
        return []
    return [*(Move(*pair) for pair in found.schedule[found.back_to - 1 :]), closing]


def case_of(found: Counterexample, moves: Sequence[Move]) -> Case:
    """The case that has room for a schedule."""
    faults = tuple(fault for fault in FAULTS if fault in found.faults)
    turns = found.bound.most_turns
    if not turns:
        calls = Counter(move.actor for move in moves if move.action == "Call")
        turns = max(calls.values()) + SPARE
    return Case(found.discipline, found.bound.sessions, turns, faults)


def _follow(run: OrganismRun, moves: Sequence[Move]) -> None:
    """Take the moves.  Raises ScheduleError when the organism does something else."""
    for move in moves:
        before = len(run.recording.events)
        run.take(choice_of(move))
        did = [(e.action.value, e.session or e.instance) for e in run.recording.events[before:]]
        if did != [(move.action, move.actor)]:
            raise ScheduleError(
                f"{move.actor} {move.action} was to come, and the organism did "
                + (", ".join(f"{actor} {action}" for action, actor in did) or "nothing")
            )


def _judge(attempt: Attempt, run: OrganismRun, circle: Sequence[Move]) -> None:
    """What a trace alone does not say: that nothing can move, or that a circle comes round."""
    if circle:
        _go_round(attempt, run, circle)
    elif attempt.title in {"DeadlockFree", "Answered"}:
        open_calls = [s.name for s in run.seats.values() if s.in_flight]
        assert run.recording.header is not None, "written when the instances began"
        checker = Checker(run.recording.header)
        for event in run.recording.events:
            checker.feed_event(event)
        possible = [m for m in enabled(checker.world, checker.state) if not _is_fault(m)]
        attempt.yes = not run.enabled() and not possible and bool(open_calls)
        attempt.why = (
            f"nothing can move, in the organism and in the specification; "
            f"{', '.join(open_calls)} will never be answered"
            if attempt.yes
            else f"possible are {', '.join(c.who for c in run.enabled())} in the organism and "
            f"{', '.join(m.action for m in possible)} in the specification"
        )


def _go_round(attempt: Attempt, run: OrganismRun, circle: Sequence[Move]) -> None:
    starving = {s.name: s.calls for s in run.seats.values() if s.in_flight}
    _follow(run, circle[-1:])
    places = [_place(run)]
    for _ in range(ROUNDS - 1):
        _follow(run, circle)
        places.append(_place(run))
    seats = run.seats
    still = [s for s, n in starving.items() if seats[s].calls == n and seats[s].in_flight]
    attempt.yes = len(set(places)) == 1 and bool(still)
    attempt.why = (
        f"a circle of {len(circle)} steps, {ROUNDS} times round to the same place; "
        f"{', '.join(still)} not answered"
        if attempt.yes
        else "the circle does not come round, or somebody is answered"
    )


def _place(run: OrganismRun) -> tuple[object, ...]:
    """Where everybody stands; what was counted on the way is left out."""
    return tuple((s.name, s.at, s.in_flight, s.left) for s in run.seats.values())


def _is_fault(move: Move) -> bool:
    return move.action in FAULTS or move.action in {Action.CancelApplied, Action.Call}


def ask_engines(attempts: Sequence[Attempt], engine: Engine = "both") -> None:
    """Have the traces judged again, from their files, by the engines that judge any trace."""
    known = [attempt for attempt in attempts if attempt.trace is not None]
    reports = validate([attempt.trace for attempt in known if attempt.trace], engine)
    for attempt, report in zip(known, reports, strict=True):
        said = report.disagreement()
        verdict = said or ("accepted" if report.accepted else "rejected")
        attempt.engines = [verdict, *sorted(report.broken)]
        if not report.accepted or said is not None:
            attempt.yes, attempt.why = False, f"the validator says: {verdict}"
        elif attempt.yes and not attempt.why and attempt.title not in report.broken:
            attempt.yes, attempt.why = False, "the validator finds nothing of the kind"
