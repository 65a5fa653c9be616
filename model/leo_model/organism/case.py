"""A replay token: a case (discipline, sessions, calls, faults, seed) and its choices, as one word.

    leo1.asyncio-lock.2x1.7.CR.a5bCab2.cu7x3g0

Version; discipline; sessions x turns; seed; the faults that a scheduler may choose (C cancel,
R raise, X crash, B busy; or 0); choices; a checksum. A choice is a letter: a is the first session
or instance.  A capital before the letter says what happens to it; without one it makes a step:
C cancel, R raise, T timeout, X crash, V recover (X and V of an instance).  A number behind the
letter repeats the choice.  A token needs no quoting in a shell or a URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from string import ascii_lowercase
from zlib import crc32

from leo.schedules.engine.system import Choice
from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.errors import ModelError

FAULTS = ("Cancel", "Raise", "Crash", "Busy")
# More would be no schedule that anybody replays, and a token (`leo_model.organism.case`) has a
# letter for each of the first 26 only.
MOST_SESSIONS = 100


class ScheduleError(ModelError):
    """A schedule, or what is to be scheduled, is not one that the organism can follow."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything but the choices that a run depends on.

    ``faults`` are the kinds that a scheduler may choose, in the order of ``FAULTS``.
    """

    discipline: str
    sessions: int = 2
    turns: int = 1
    faults: tuple[str, ...] = ()
    seed: int = 7

    def __post_init__(self) -> None:
        """Raises ScheduleError for a case that cannot be executed."""
        rules = DISCIPLINES.get(self.discipline)
        if rules is None:
            raise ScheduleError(
                f"there is no discipline {self.discipline!r}; name one of "
                f"{', '.join(sorted(DISCIPLINES))}"
            )
        if rules.published:
            raise ScheduleError(
                f"{self.discipline} is a program as it was published: its awaits are those of real "
                "connections, which no scheduler owns; `leo check` searches its schedules, and "
                f"`leo replay --claims {self.discipline}` has the program follow those that break "
                f"something; to explore or cover, name one of {', '.join(IDEALISED)}"
            )
        if not 1 <= self.sessions <= MOST_SESSIONS or self.turns < 1:
            raise ScheduleError(
                f"{self.sessions} sessions of {self.turns} turns: expected 1 to {MOST_SESSIONS} "
                "sessions and at least one turn"
            )
        if self.discipline == "sequential" and self.sessions != 1:
            raise ScheduleError(
                f"{self.sessions} sessions: the sequential discipline has one; ask for one session"
            )
        impossible = [fault for fault in self.faults if fault not in rules.possible_faults]
        if impossible:
            raise ScheduleError(
                f"{', '.join(impossible)} cannot strike under {self.discipline}; possible: "
                f"{', '.join(rules.possible_faults) or 'nothing'}"
            )

    @property
    def runs_on_threads(self) -> bool:
        """Its sessions are threads, or the caller's own: not tasks of an event loop."""
        return self.discipline == "sequential" or DISCIPLINES[self.discipline].threads

    @property
    def bound(self) -> str:
        return f"{self.sessions}x{self.turns}"

    def __str__(self) -> str:
        strikes = ", ".join(self.faults) or "none"
        return f"{self.discipline}, {self.bound} (sessions x turns), faults: {strikes}"


VERSION = "leo1"
_FAULT_LETTERS = dict(zip("CRXB", FAULTS, strict=True))
_KINDS = {"": "step", "C": "cancel", "R": "raise", "T": "timeout", "X": "crash", "V": "recover"}
_OF_INSTANCES = ("crash", "recover")
_CHOICE = re.compile(r"([CRTXV]?)([a-z])([1-9][0-9]{0,3})?")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# No schedule that a person replays is longer; a number behind a letter must not fill the memory.
_LONGEST = 100_000


def to_token(case: Case, choices: Iterable[Choice]) -> str:
    """Write a schedule."""
    letters = {name: letter for letter, name in _FAULT_LETTERS.items()}
    kinds = {what: letter for letter, what in _KINDS.items()}
    faults = "".join(letters[fault] for fault in FAULTS if fault in case.faults) or "0"
    steps = []
    for choice, repeats in groupby(choices):
        count = sum(1 for _ in repeats)
        place = int(choice.who[1:]) - 1
        if place >= len(ascii_lowercase):
            raise ScheduleError(
                f"{choice.who} has no letter: a token writes schedules of up to "
                f"{len(ascii_lowercase)} sessions; replay this one from its seed"
            )
        who = ascii_lowercase[place]
        steps.append(f"{kinds[choice.what]}{who}{count if count > 1 else ''}")
    body = f"{VERSION}.{case.discipline}.{case.bound}.{case.seed}.{faults}.{''.join(steps) or '0'}"
    return f"{body}.{_checksum(body)}"


def from_token(token: str) -> tuple[Case, tuple[Choice, ...]]:
    """Read a schedule.  Raises ScheduleError, which says what is wrong with the token."""
    token = token.strip()
    body, _, checksum = token.rpartition(".")
    parts = body.split(".")
    if len(parts) != 6 or not parts[0].startswith("leo"):
        raise ScheduleError(
            f"{_shown(token)} is not a schedule: expected seven parts with dots between them, the "
            f"first of them {VERSION}; copy the whole token"
        )
    if parts[0] != VERSION:
        raise ScheduleError(
            f"{_shown(token)} is a schedule of version {parts[0]!r}, and this program reads "
            f"{VERSION}; use the leo-field that wrote it"
        )
    if checksum != _checksum(body):
        raise ScheduleError(
            f"{_shown(token)} does not agree with its own checksum: a character was mistyped or "
            "lost; copy the whole token"
        )
    _, discipline, bound, seed, faults, steps = parts
    sessions, _, turns = bound.partition("x")
    try:
        case = Case(
            discipline,
            int(sessions),
            int(turns),
            tuple(_FAULT_LETTERS[letter] for letter in faults if faults != "0"),
            int(seed),
        )
    except (ValueError, KeyError):
        raise ScheduleError(
            f"{_shown(token)} has {bound!r}, {seed!r} and {faults!r} where sessions x turns, a "
            "seed and the kinds of faults are expected; take a token that this program printed"
        ) from None
    return case, tuple(_choices(token, "" if steps == "0" else steps))


def _choices(token: str, steps: str) -> Sequence[Choice]:
    choices: list[Choice] = []
    place = 0
    while place < len(steps):
        found = _CHOICE.match(steps, place)
        if found is None or len(choices) > _LONGEST:
            raise ScheduleError(
                f"{_shown(token)} cannot be read from {steps[place:][:20]!r} on: expected letters "
                "of sessions, each with a capital before it or a number behind it"
            )
        kind, letter, count = found.groups()
        what = _KINDS[kind]
        who = f"{'i' if what in _OF_INSTANCES else 's'}{ascii_lowercase.index(letter) + 1}"
        choices += [Choice(who, what)] * int(count or 1)
        place = found.end()
    return choices


def _checksum(body: str) -> str:
    number = crc32(body.encode())
    digits = ""
    for _ in range(7):
        number, digit = divmod(number, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits


def _shown(token: str) -> str:
    return repr(token if len(token) <= 60 else f"{token[:57]}...")
