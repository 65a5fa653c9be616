"""`leo check --new`: a question that is not a claim, answered at a bound of the user's own.

Every property is asked alone, and as the claims ask it (``leo_model.checking.plan``): a deadlock
without faults, because a fault may free a reply that waits, and ``Answered`` of sessions that call
for ever, under weak and under strong fairness, without VIEW and symmetry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from leo_model.checking.answers import answered
from leo_model.checking.plan import Bound, Run
from leo_model.disciplines import DISCIPLINES, chosen
from leo_model.errors import CheckError
from leo_model.machine.properties import PROPERTIES

KEYS = ("discipline", "sessions", "turns", "faults", "property")
# Beyond these TLC's search would not end, or would not begin.
MOST_SESSIONS, MOST_TURNS = 6, 9
# What can be asked of sessions that call for ever, whose contents are not tracked.
FOR_EVER = ("DeadlockFree", "Answered")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, checked. ``faults`` are those of every property but ``DeadlockFree``."""

    discipline: str
    bound: Bound
    faults: tuple[str, ...]
    titles: tuple[str, ...]

    def runs(self) -> Iterator[Run]:
        """Yield a search for each property, two for ``Answered``."""
        for title in self.titles:
            one = (title,)
            if title == "Answered":
                for spec in ("WeakSpec", "StrongSpec"):
                    yield Run(self.discipline, "progress", self.bound, self.faults, one, spec=spec)
            else:
                quiet = title == "DeadlockFree"
                faults = () if quiet else self.faults
                yield Run(self.discipline, "holds", self.bound, faults, one, occasions=not quiet)


def read_question(text: str) -> Question:
    """Read ``discipline=... sessions=... turns=... faults=... property=...``.

    Raises CheckError for a question that has no answer, or whose answer would say nothing.
    """
    words = _words(text)
    if "discipline" not in words:
        raise CheckError(
            "--new: a discipline is missing; name one, as in "
            f'"discipline=asyncio-lock sessions=2": {", ".join(DISCIPLINES)} (or D1 to D13)'
        )
    (discipline,) = chosen([words["discipline"]])
    title = words.get("property")
    if title is not None and title not in PROPERTIES:
        raise CheckError(f"--new: {title!r} is no property; known are {', '.join(PROPERTIES)}")
    bound = _bound(words, discipline, title)
    titles = (title,) if title else FOR_EVER if not bound.turns else _all_but_progress()
    return Question(discipline, bound, _faults(words, discipline, title), titles)


def _all_but_progress() -> tuple[str, ...]:
    return tuple(title for title in PROPERTIES if title != "Answered")


def _words(text: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for word in text.split():
        key, _, value = word.partition("=")
        if key not in KEYS or not value:
            raise CheckError(
                f"--new: {word!r} is not understood; expected discipline=NAME sessions=N turns=N, "
                "and if wanted faults=Cancel,Raise,Crash,Busy (or none) and property=NAME"
            )
        if key in words:
            raise CheckError(f"--new: {key} is given twice, {words[key]} and {value}; give one")
        words[key] = value
    return words


def _bound(words: Mapping[str, str], discipline: str, title: str | None) -> Bound:
    alone = discipline == "sequential"
    sessions = _number(words, "sessions", 1 if alone else 2, 1, MOST_SESSIONS)
    turns = _number(words, "turns", 0 if title == "Answered" else 1, 0, MOST_TURNS)
    if alone and sessions != 1:
        raise CheckError(
            f"--new: sessions={sessions}: sequential is one session; ask for sessions=1, or for "
            "bare, which is the same program with more of them"
        )
    if turns and title == "Answered":
        raise CheckError(
            f"--new: turns={turns}: Answered is asked of sessions that call for ever (with so many "
            "calls nobody can be passed over for ever); ask with turns=0"
        )
    if not turns and title not in {None, *FOR_EVER}:
        raise CheckError(
            f"--new: turns=0 (for ever): contents are not tracked then, and {title} would hold of "
            f"nothing; ask with turns=1 or more, or for {' or '.join(FOR_EVER)}"
        )
    return Bound(sessions, turns)


def _number(words: Mapping[str, str], key: str, default: int, least: int, most: int) -> int:
    text = words.get(key, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 2 or not least <= int(text) <= most:
        raise CheckError(f"--new: {key}={text}: expected a number from {least} to {most}")
    return int(text)


def _faults(words: Mapping[str, str], discipline: str, title: str | None) -> tuple[str, ...]:
    possible = DISCIPLINES[discipline].possible_faults
    given = words.get("faults", "none" if title == "DeadlockFree" else ",".join(possible) or "none")
    faults = () if given == "none" else tuple(dict.fromkeys(given.split(",")))
    if not set(faults) <= set(possible):
        raise CheckError(
            f"--new: faults={given}: under {discipline} these can strike: "
            f"{', '.join(possible) or 'none'}"
        )
    if faults and title == "DeadlockFree":
        raise CheckError(
            f"--new: faults={given}: a deadlock is looked for without faults, because a fault may "
            "free a reply that waits; ask with faults=none, or leave it out"
        )
    return faults


def ask(text: str, build: Path, jobs: int) -> int:
    """Print the answers. Returns 2 when one could not be decided."""
    question = read_question(text)
    runs = list(question.runs())
    answers = answered(runs, build / "new", jobs)
    strikes = ", ".join(question.faults) or "none"
    print(f"{question.discipline}, {question.bound} (sessions x turns), faults: {strikes}")
    for answer in answers:
        print(f"  {answer.title:<20} {_of_what(question, answer.run)}{answer}")
    return 2 if any(answer.undecided for answer in answers) else 0


def _of_what(question: Question, run: Run) -> str:
    """Say under which fairness a search was, or that it was one without faults."""
    if run.kind == "progress":
        return f"under {'weak' if run.spec == 'WeakSpec' else 'strong'} fairness: "
    return "without faults: " if question.faults and not run.faults else ""
