"""What the experiments on the organism share: the arms, conversations under a schedule, defects.

Everything here is decided by its arguments. Where sessions run at the same time, a seeded generator
chooses before every action which of those that can go on does (`leo.explore`): the same choices
on the same organism give the same bytes, which no real event loop and no real threads would.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from leo.disciplines import DISCIPLINES, get_discipline
from leo.field.generation import MAX_TOKENS
from leo.field.metrics import Scores, score_turn
from leo.field.seed import SEED_TEXT
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.modules import MODULES, Module, Resonance
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.reply.program import Step
from leo.reply.turn import Instance
from leo.schedules.engine.system import Choice
from leo.store.synchronous import Store
from leo.trace.events import NO_TRACE, Event
from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.organism.case import Case
from leo_model.organism.organism import Organism, OrganismRun
from leo_model.organism.recording import Seat
from leo_model.traces.native import CONCERNED, Checker
from paper.experiments.errors import ExperimentError


class Arm(NamedTuple):
    """One way to execute the same program: its discipline for one session, and for several."""

    name: str
    alone: str
    many: str


# Several sessions of a synchronous organism need threads: without a lock that is the GIL alone.
ARMS: Final = (
    Arm("sync", "sequential", "gil"),
    Arm("sync-lock", "threading-lock", "threading-lock"),
    Arm("async", "bare", "bare"),
    Arm("async-lock", "asyncio-lock", "asyncio-lock"),
    Arm("unit-of-work", "shielded-unit-of-work", "shielded-unit-of-work"),
)
LABELS: Final = {
    "sync": "synchronous, no lock",
    "sync-lock": "synchronous, threading.Lock",
    "async": "asyncio, no lock",
    "async-lock": "asyncio, asyncio.Lock",
    "unit-of-work": "asyncio, shielded unit of work",
}

# All modules that the published programs had. Resonance is this organism's own: it stands for
# rules of the walk that only the last version had (`leo.modules`), so what is compared
# with the published runs leaves it out.
CHORUS: Final[tuple[Module[Any], ...]] = tuple(m for m in MODULES if not isinstance(m, Resonance))

START: Final = 1_767_139_200.0
# Seconds between two replies, for the modules that look at the time.
PACE: Final = 15.0


class Heard(NamedTuple):
    """What a session is told in a turn, counted from 0, and where that stands in the script."""

    theme: str
    turn: int
    message: str


# The session's number and its turn, both counted from 0, and what was answered so far by reply.
Say = Callable[[int, int, Mapping[str, str]], str]


def say_in_turn(observer: ScriptedObserver, session: int, turn: int) -> Heard:
    """The script of a session: the themes in their order, each session from another beginning."""
    themes = list(THEMES)
    theme = themes[(session + turn // TURNS) % len(themes)]
    place = turn % TURNS
    return Heard(theme, place, observer.say(theme, place))


class Crowd(Organism):
    """The organism with its seed text and answers of full length; `say` has the prompts."""

    def __init__(self, case: Case, say: Say) -> None:
        super().__init__(case, words=MAX_TOKENS, text=SEED_TEXT)
        self._say = say
        self._run: OrganismRun | None = None

    def start(self) -> OrganismRun:
        """A new run."""
        self._run = None
        self._run = super().start()
        return self._run

    def prompt(self, seat: Seat) -> str:
        """What the session says next. The first calls come before there is a run to look at."""
        answers = self._run.answers if self._run is not None else {}
        return self._say(int(seat.name[1:]) - 1, seat.calls, answers)


@dataclass
class Talk:
    """What came of a schedule: the replies that returned by name, how replies ended, how many were
    concerned by each broken property, the events.
    """

    replies: dict[str, str]
    outcomes: Counter[str]
    defects: dict[str, int]
    events: list[Event] = field(repr=False)

    @property
    def calls(self) -> int:
        """All replies that were called, however they ended."""
        return self.outcomes.total()


def talk(case: Case, say: Say, seed: int, cancel: float = 0.0) -> Talk:
    """Let all sessions talk to the end under a random schedule; every event is validated.

    `cancel` is the chance of a cancellation before each choice where one is possible. Raises
    ExperimentError when the sessions come to a standstill, when a reply raises, or when what was
    recorded is no behaviour of the specification: the figures would be those of another system.
    """
    rng = Random(seed)
    with Crowd(case, say) as organism:
        run = organism.start()
        while choices := run.enabled():
            run.take(_choose(choices, rng, cancel))
        if not run.finished():
            raise ExperimentError(
                f"{case.discipline}, {case.bound}: the sessions came to a standstill; the "
                "experiments use disciplines without deadlocks"
            )
        events, answers = run.recording.events, dict(run.answers)
        header = run.recording.header
        assert header is not None, "written when the instances began"
        checker = Checker(header)
        for event in events:
            judge_events(checker, organism, event)
        # Closing is what gives back the store; its own judgement is the same as ours.
        run.close()
    raised = [event.reply for event in events if event.outcome == "raised"]
    if raised:
        raise ExperimentError(
            f"{case.discipline}, {case.bound}: replies raised, {len(raised)} in all, the first of "
            f"them {raised[0]}: {answers.get(raised[0], 'no answer')}; nothing was to raise here: "
            "mend the organism first"
        )
    returned = {event.reply for event in events if event.outcome == "returned"}
    return Talk(
        {name: text for name, text in answers.items() if name in returned},
        Counter(checker.outcomes),
        concerned({name: found.count for name, found in checker.watch.violations.items()}),
        events,
    )


def concerned(defects: Mapping[str, int]) -> dict[str, int]:
    """How many replies each broken property concerns, 0 for those that hold."""
    return {name: defects.get(name, 0) for name in CONCERNED}


def judge_events(checker: Checker, organism: Organism, event: Event) -> None:
    """Give an event to the checker. Raises ExperimentError when it is refused."""
    rejection = checker.feed_event(event)
    if rejection is not None:
        raise ExperimentError(
            f"{organism.case.discipline}: event {event.seq}, {event.reply} {event.action}, is no "
            f"step of the specification: {'; '.join(rejection.reasons)}"
        )


def _choose(choices: Sequence[Choice], rng: Random, cancel: float) -> Choice:
    steps = [choice for choice in choices if choice.what == "step"]
    strikes = [choice for choice in choices if choice.what == "cancel"]
    if strikes and (not steps or (cancel and rng.random() < cancel)):
        return rng.choice(strikes)
    return rng.choice(steps)


def ticking() -> Callable[[], float]:
    """A clock in seconds that goes on by PACE with every reading."""
    ticks = count()
    return lambda: START + PACE * next(ticks)


def converse(
    path: Path, discipline: str, seed: int, messages: Sequence[str], **options: Any
) -> list[str]:
    """The replies of one session on the organism's own drivers, on a new field; `options` are those
    of opening it.
    """
    options |= {"seed": seed, "discipline": discipline, "clock": ticking()}

    async def answers() -> list[str]:
        async with await AsyncLeoField.open(path, **options) as leo:
            return [await leo.reply(message) for message in messages]

    if DISCIPLINES[discipline].runtime == "asyncio":
        return asyncio.run(answers())
    with LeoField.open(path, **options) as leo:
        return [leo.reply(message) for message in messages]


@contextmanager
def open_changed(
    path: Path, seed: int, clock: Callable[[], float], program: tuple[Step, ...]
) -> Iterator[LeoField]:
    """A sequential field whose replies run another program than the organism's.

    It is not recorded: the specification knows the organism's programs only.
    """
    store = Store(path)
    instance = Instance(
        discipline=get_discipline("sequential"),
        seed=seed,
        tracer=NO_TRACE,
        clock=clock,
        name="i1",
        store="main",
        program=program,
    )
    with LeoField(store, instance, None) as leo:
        instance.begin(store.perform(Instance.open_work))
        yield leo


def surplus(discipline: str, talked: Talk) -> list[str]:
    """The properties that fell and that the claims do not let fall, given how replies ended."""
    kinds = [FALLS]
    if set(+talked.outcomes) - {"returned"}:
        kinds.append(FALLS_WITH_FAULTS)
    permitted = load_claims().titles(discipline, *kinds)
    return sorted(name for name, count in talked.defects.items() if count and name not in permitted)


def scores_of(heard: Sequence[Heard], replies: Sequence[str | None]) -> list[Scores | None]:
    """Each reply by both definitions; None where there is none. A theme is a conversation."""
    found: list[Scores | None] = []
    messages: list[str] = []
    for one, reply in zip(heard, replies, strict=True):
        messages = [*messages, one.message] if one.turn else [one.message]
        found.append(None if reply is None else score_turn(reply, messages))
    return found


def per_thousand(counts: Iterable[int], replies: Iterable[int]) -> float:
    """How many per 1,000 replies; 0 for no replies."""
    total = sum(replies)
    return 1000 * sum(counts) / total if total else 0.0


def digest(text: str) -> str:
    """Sixteen hexadecimal digits that stand for a text."""
    return sha256(text.encode()).hexdigest()[:16]
