"""What is executed: the discipline, how many sessions call how often, what may strike, the seed."""

from __future__ import annotations

from dataclasses import dataclass

from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.errors import ModelError

FAULTS = ("Cancel", "Raise", "Crash", "Busy")
# More would be no schedule that anybody replays, and a token (`leo_model.organism.token`) has a
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
                f"{self.discipline} is a program as it was published, and no schedule of this "
                f"organism; name one of {', '.join(IDEALISED)}"
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
