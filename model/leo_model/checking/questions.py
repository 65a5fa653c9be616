"""`leo ask`: a question that is not a claim, answered at a bound of the user's own.

Every property is searched for alone, in the same way as for the claims
(``leo_model.checking.plan``): deadlocks without faults, because a fault may free a reply that
waits; ``Answered`` with sessions that call for ever, under weak and under strong fairness, without
VIEW and symmetry.

A property may hold vacuously, because no state is reached in which it could fail.  The answer is
then that it says nothing here.  ``Occasions.tla`` defines the non-vacuity witness of each property
(its *occasion*), and TLC prints it when it reaches one, here and in the searches of the claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leo import screen
from leo.errors import unknown
from leo.progress import Bar
from leo_model.checking.check import fell, occasions_met, said
from leo_model.checking.plan import LONGEST, Bound, Run, job
from leo_model.disciplines import DISCIPLINES, chosen
from leo_model.errors import CheckError
from leo_model.files import spec_folder
from leo_model.machine.properties import PROPERTIES
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob, TlcResult, Verdict

# Their non-vacuity witnesses depend on the store. The VIEW of a search for one of these properties
# may merge a witness with another state, so a missing witness is searched again without VIEW. The
# witnesses of the other properties depend on what VIEW keeps (control, registers, snapshots).
HIDDEN_BY_VIEW = ("Serializable", "AllOrNothing", "ViewAgreesWithStore")
VACUOUS = "holds vacuously: no state is reached in which it could fail"
UNMET = "Unmet"


@dataclass(frozen=True, slots=True)
class Answer:
    """The search of a property, and a second one for its non-vacuity witness where needed."""

    run: Run
    result: TlcResult
    occasion: TlcResult | None = None

    @property
    def title(self) -> str:
        return self.run.titles[0]

    @property
    def undecided(self) -> str | None:
        """Why it is not known whether the property holds; None when it holds, or is what fell."""
        if self.result.verdict is not Verdict.OK and not fell(self.result, self.title):
            return self.result.reason or said(self.result)
        occasion = self.occasion
        if occasion is None or occasion.verdict is Verdict.OK or occasion.fell(UNMET):
            return None
        return f"its witness: {occasion.reason or said(occasion)}"

    @property
    def vacuous(self) -> bool:
        """It holds, and no state is one in which it could have failed."""
        return self.doubtful and (self.occasion is None or self.occasion.verdict is Verdict.OK)

    @property
    def doubtful(self) -> bool:
        """It holds, and its search looked for the non-vacuity witness and did not reach one."""
        holds = self.result.verdict is Verdict.OK
        return holds and self.run.occasions and self.title not in occasions_met(self.result)

    def told(self) -> dict[str, object]:
        """The answer for programs."""
        run = self.run
        verdict = "undecided" if self.undecided else "vacuous" if self.vacuous else "holds"
        if verdict == "holds" and self.result.verdict is not Verdict.OK:
            verdict = "falls"
        return {
            "discipline": run.discipline,
            "property": self.title,
            "sessions": run.bound.sessions,
            "turns": run.bound.turns,
            "faults": list(run.faults),
            "fairness": run.spec if run.kind == "progress" else None,
            "verdict": verdict,
            "states": self.result.distinct,
            "said": str(self),
        }

    def __str__(self) -> str:
        if self.undecided:
            return f"not decided: {self.undecided}"
        return VACUOUS if self.vacuous else said(self.result)


def answered(runs: Sequence[Run], work: Path, parallel: int) -> list[Answer]:
    """Search, each run for its one property; raises what TLC's driver raises."""
    results = _search([_job(run) for run in runs], work, parallel, "model checking")
    answers = [Answer(run, result) for run, result in zip(runs, results, strict=True)]
    doubtful = [a for a in answers if a.doubtful and a.title in HIDDEN_BY_VIEW]
    again = _search([occasion_job(a.run) for a in doubtful], work, parallel, "occasions")
    met = {a.title: result for a, result in zip(doubtful, again, strict=True)}
    return [replace(a, occasion=met.get(a.title)) for a in answers]


def _search(searches: list[TlcJob], work: Path, parallel: int, what: str) -> list[TlcResult]:
    if not searches:
        return []
    with Bar(what, len(searches)) as bar:
        return run_many(
            searches, parallel=parallel, work=work, done=lambda result: bar.step(result.job)
        )


def _job(run: Run) -> TlcJob:
    # How often each action was taken is for the comparison of the claims, and costs time.
    return replace(job(run), name=f"ask.{run.titles[0]}.{run.spec}", coverage=False)


def occasion_job(run: Run) -> TlcJob:
    """Return a search without VIEW that ends at a property's non-vacuity witness."""
    title = run.titles[0]
    root = "MCPublished" if DISCIPLINES[run.discipline].published else "MCField"
    module = (
        f"---- MODULE Met ----\nEXTENDS {root}\n"
        f'{UNMET} == OccasionsSeen /\\ "{title}" \\notin TLCGet(1)\n====\n'
    )
    text = job(replace(run, history=True)).config.replace(f"    {title}\n", "")
    return TlcJob(
        f"ask.{title}.occasion",
        module,
        text.replace("OccasionsSeen", UNMET),
        library=(spec_folder(),),
        deadlock=False,
        timeout=run.limit,
    )


KEYS = ("discipline", "sessions", "turns", "faults", "property", "seconds")
# Beyond these TLC's search would not end, or would not begin.
MOST_SESSIONS, MOST_TURNS, MOST_SECONDS = 6, 9, 99_999
# What can be asked of sessions that call for ever, whose contents are not tracked.
FOR_EVER = ("DeadlockFree", "Answered")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, checked. ``faults`` are those of every property but ``DeadlockFree``,
    ``limit`` the seconds of one search.
    """

    discipline: str
    bound: Bound
    faults: tuple[str, ...]
    titles: tuple[str, ...]
    limit: float = LONGEST

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


def check_title(title: str) -> None:
    """Raise CheckError when there is no property of this name."""
    if title not in PROPERTIES:
        raise CheckError(f"there is no property {unknown(title, PROPERTIES)}")


def read_question(text: str) -> Question:
    """Read ``discipline=... sessions=... turns=... faults=... property=...``.

    ``seconds=...`` is the limit of each search.
    Raises CheckError for a question that has no answer, or whose answer would say nothing.
    """
    words = _words(text)
    if "discipline" not in words:
        raise CheckError(
            "a discipline is missing; name one, as in discipline=asyncio-lock sessions=2 turns=1"
        )
    (discipline,) = chosen([words["discipline"]])
    title = words.get("property")
    if title is not None:
        check_title(title)
    bound = _bound(words, discipline, title)
    every = tuple(title for title in PROPERTIES if title != "Answered")
    titles = (title,) if title else every if bound.turns else FOR_EVER
    limit = _number(words, "seconds", int(LONGEST), 1, MOST_SECONDS)
    return Question(discipline, bound, _faults(words, discipline, title), titles, limit)


def _words(text: str) -> dict[str, str]:
    words: dict[str, str] = {}
    for word in text.split():
        key, _, value = word.partition("=")
        if key not in KEYS or not value:
            raise CheckError(
                f"{word!r} is not understood; expected discipline=NAME sessions=N turns=N, "
                "and if wanted faults=Cancel,Raise,Crash,Busy (or none), property=NAME, seconds=N"
            )
        if key in words:
            raise CheckError(f"{key} is given twice, {words[key]} and {value}; give one")
        words[key] = value
    return words


def _bound(words: Mapping[str, str], discipline: str, title: str | None) -> Bound:
    alone = discipline == "sequential"
    sessions = _number(words, "sessions", 1 if alone else 2, 1, MOST_SESSIONS)
    turns = _number(words, "turns", 0 if title == "Answered" else 1, 0, MOST_TURNS)
    if alone and sessions != 1:
        raise CheckError(
            f"sessions={sessions}: sequential is one session; ask for sessions=1, or for "
            "bare, which is the same program with more of them"
        )
    if turns and title == "Answered":
        raise CheckError(
            f"turns={turns}: Answered is asked of sessions that call for ever (with so many "
            "calls nobody can be passed over for ever); ask with turns=0"
        )
    if not turns and title not in {None, *FOR_EVER}:
        raise CheckError(
            f"turns=0 (for ever): contents are not tracked then, and {title} would hold of "
            f"nothing; ask with turns=1 or more, or for {' or '.join(FOR_EVER)}"
        )
    return Bound(sessions, turns)


def _number(words: Mapping[str, str], key: str, default: int, least: int, most: int) -> int:
    text = words.get(key, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not least <= int(text) <= most:
        raise CheckError(f"{key}={text}: expected a number from {least} to {most}")
    return int(text)


def _faults(words: Mapping[str, str], discipline: str, title: str | None) -> tuple[str, ...]:
    possible = DISCIPLINES[discipline].possible_faults
    given = words.get("faults", "none" if title == "DeadlockFree" else ",".join(possible) or "none")
    faults = () if given == "none" else tuple(dict.fromkeys(given.split(",")))
    if not set(faults) <= set(possible):
        raise CheckError(
            f"faults={given}: under {discipline} these can strike: {', '.join(possible) or 'none'}"
        )
    if faults and title == "DeadlockFree":
        raise CheckError(
            f"faults={given}: a deadlock is looked for without faults, because a fault may "
            "free a reply that waits; ask with faults=none, or leave it out"
        )
    return faults


def ask(text: str, build: Path, jobs: int, *, as_json: bool = False) -> int:
    """Print the answers. Returns 2 when one could not be decided."""
    question = read_question(text)
    runs = [replace(run, limit=question.limit) for run in question.runs()]
    answers = answered(runs, build / "ask", jobs)
    code = 2 if any(answer.undecided for answer in answers) else 0
    if as_json:
        screen.show_json([answer.told() for answer in answers])
        return code
    strikes = ", ".join(question.faults) or "none"
    print(f"{question.discipline}, {question.bound} (sessions x turns), faults: {strikes}")
    for answer in answers:
        print(f"  {answer.title:<20} {_of_what(question, answer.run)}{answer}")
    return code


def _of_what(question: Question, run: Run) -> str:
    """Say under which fairness a search was, or that it was one without faults."""
    if run.kind == "progress":
        return f"under {'weak' if run.spec == 'WeakSpec' else 'strong'} fairness: "
    return "without faults: " if question.faults and not run.faults else ""
