"""Carrying out a schedule again: the same choices, and the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from leo.schedules.system import Choice, Outcome
from leo.trace.events import Event
from leo.trace.lanes import LaneStep, lane_table
from leo_model.machine.narrate import ENDINGS
from leo_model.organism.case import Case, ScheduleError
from leo_model.organism.judge import NOT_A_BEHAVIOUR
from leo_model.organism.organism import Organism, StoreKind


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
            if choice not in run.enabled():
                raise ScheduleError(
                    f"choice {number} of {len(choices)} cannot be made: {_refusal(choice)}; "
                    "possible there: "
                    + (", ".join(map(_said, run.enabled())) or "nothing any more")
                    + ". The schedule is of another organism, or of an altered one"
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


def _refusal(choice: Choice) -> str:
    return f"{choice.who} is to {choice.what}"


def _said(choice: Choice) -> str:
    return f"{choice.who} {choice.what}"


def table(done: Replayed) -> str:
    """The run as lanes, one for each session."""
    lanes = tuple(f"s{number + 1}" for number in range(done.case.sessions))
    return lane_table(list(_rows(done.outcome.events)), lanes=lanes)


def _rows(events: Sequence[Event]) -> Iterator[LaneStep]:
    for event in events:
        action = event.action.value
        shown = action if event.session else f"{action} {event.instance}"
        yield LaneStep(event.seq, event.session, shown, _note(event))


def _note(event: Event) -> str:
    """What an event itself says: versions, as in the trace."""
    parts = [
        f"{word} {_versions(held)}"
        for word, held in (("reads", event.reads), ("writes", event.writes))
        if held
    ]
    return ", ".join(parts) or ENDINGS.get(event.action, "")


def _versions(held: dict[str, int]) -> str:
    # Short names: a lane of 30 columns has to hold them.
    return ", ".join(f"{name} v{version}" for name, version in held.items())


def verdicts(done: Replayed) -> list[str]:
    """What is broken, and how; or that nothing is."""
    broken = done.outcome.violations
    lines = [] if NOT_A_BEHAVIOUR in broken else ["accepted: a behaviour of the specification"]
    lines += [f"✗ {title}: {witness}" for title, witness in sorted(broken.items())]
    if not broken:
        lines.append("✓ nothing is broken")
    return lines
