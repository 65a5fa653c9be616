"""Explores the schedules of a system by one of five strategies, and reports how far it came.

optimal  one run for each class of schedules (leo.schedules.optimal; where a system tells its states
         apart, leo.schedules.asleep)
brute    every interleaving
bounded  every interleaving with at most so many preemptions or delays
random   random schedules, with a seed
pct      random schedules by priorities, with a seed

A search that was cut off never claims that a property holds: `Report.complete` is true only when
every class of schedules has been executed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from leo.errors import LeoError
from leo.schedules.asleep import Asleep
from leo.schedules.brute import Brute, Price, delays, preemptions
from leo.schedules.chance import ByChance
from leo.schedules.optimal import Optimal
from leo.schedules.system import Choice, NormalForm, Step, System, Walk, normal_form

Strategy = Literal["optimal", "brute", "bounded", "random", "pct"]
STRATEGIES: Final[tuple[Strategy, ...]] = ("optimal", "brute", "bounded", "random", "pct")
PRICES: Final[dict[str, Price]] = {"preemptions": preemptions, "delays": delays}
DEADLOCK: Final = "DeadlockFree"

Visit = Callable[[Walk], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to explore: the strategy, the most runs (None: no limit), and what it needs besides.

    `bound` and `price` belong to `bounded`, `seed` to the two by chance, `depth` to `pct`.  `first`
    stops at the first violation.  Raises LeoError for a plan that cannot be carried out.
    """

    strategy: Strategy = "optimal"
    limit: int | None = None
    bound: int = 2
    price: str = "preemptions"
    seed: int = 7
    depth: int = 3
    first: bool = False

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise LeoError(
                f"{self.strategy!r} is no strategy; expected one of {', '.join(STRATEGIES)}"
            )
        if self.strategy in ("random", "pct") and self.limit is None:
            raise LeoError(f"the strategy {self.strategy} never ends by itself: give it a limit")
        if self.limit is not None and self.limit < 1:
            raise LeoError(f"a limit of {self.limit} runs: expected at least 1")
        if self.price not in PRICES:
            raise LeoError(f"{self.price!r} is no price; expected one of {', '.join(PRICES)}")
        if self.bound < 0 or self.depth < 1:
            raise LeoError(
                f"bound {self.bound}, depth {self.depth}: expected at least 0 and at least 1"
            )


@dataclass(frozen=True, slots=True)
class Found:
    """A violation: what was broken and how, by which schedule, and the number of its run."""

    title: str
    witness: str
    steps: tuple[Step, ...]
    run: int

    @property
    def choices(self) -> tuple[Choice, ...]:
        return tuple(step.choice for step in self.steps)


@dataclass(slots=True)
class Report:
    """What a search came to.

    `runs` counts those carried out to their end, `classes` how many classes they belong to (None:
    not counted), `redundant` those that turned out to have been seen, `planned` the branches that
    are known and were not explored.  `found` has the first violation of each title.
    """

    strategy: Strategy
    runs: int = 0
    classes: int | None = None
    complete: bool = False
    cut: str = ""
    redundant: int = 0
    probes: int = 0
    restarts: int = 0
    planned: int = 0
    broken: int = 0
    found: dict[str, Found] = field(default_factory=dict)

    def add(self, walk: Walk) -> None:
        """Count a run and keep what it violates for the first time."""
        if walk.end == "refused":
            # The search began anew and will find all of it again.
            self.runs = self.redundant = self.broken = 0
            return
        if walk.end == "redundant":
            self.redundant += 1
            return
        self.runs += 1
        if walk.finished and not walk.outcome.violations:
            return
        violations = dict(walk.outcome.violations)
        if not walk.finished:
            violations.setdefault(DEADLOCK, "nothing can move")
        self.broken += bool(violations)
        for title, witness in violations.items():
            if title not in self.found:
                self.found[title] = Found(title, witness, walk.steps, self.runs)

    def __str__(self) -> str:
        """How far the search came, in a sentence."""
        classes = "" if self.classes is None else f", {self.classes:,} classes"
        runs = f"{self.runs:,} {'schedule' if self.runs == 1 else 'schedules'}{classes}"
        if self.complete:
            return f"complete: {runs}"
        return f"not complete: {runs}; {self.cut}"


class Search(Protocol):
    """Something that carries out one run at a time."""

    def next(self) -> Walk | None: ...


def search_of(system: System, plan: Plan) -> Search:
    """The search of a plan, before its first run."""
    match plan.strategy:
        case "optimal":
            return Asleep(system) if getattr(system, "tells_apart", False) else Optimal(system)
        case "brute":
            return Brute(system)
        case "bounded":
            return Brute(system, price=PRICES[plan.price], most=plan.bound)
        case "random":
            return ByChance(system, plan.seed)
        case "pct":
            return ByChance(system, plan.seed, depth=plan.depth)


def explore(system: System, plan: Plan = Plan(), visit: Visit | None = None) -> Report:
    """Explore in this process; `visit` is told of every run.

    Raises EngineError when the system is not deterministic or touches what it does not declare.
    """
    report, search = Report(plan.strategy), search_of(system, plan)
    classes: set[NormalForm] = set()
    ended, brute = False, search if isinstance(search, Brute) else None
    while plan.limit is None or report.runs < plan.limit:
        walk = search.next()
        if walk is None:
            ended = True
            break
        report.add(walk)
        if brute is not None:
            classes.add(normal_form(brute.events, walk.numbers))
        if visit is not None:
            visit(walk)
        if plan.first and report.found:
            break
    if brute is not None:
        report.classes = len(classes)
    if isinstance(search, Optimal | Asleep):
        report.classes, report.planned = report.runs, search.planned()
    if isinstance(search, Optimal):
        report.probes, report.restarts = search.probes, search.restarts
    conclude(report, plan, ended=ended, pruned=brute is not None and brute.cut)
    return report


def conclude(report: Report, plan: Plan, *, ended: bool, pruned: bool) -> None:
    """Write into a report whether it is complete, and if not what cut it off."""
    report.complete = ended and not pruned
    if report.complete:
        return
    if ended:
        report.cut = f"every schedule with at most {plan.bound} {plan.price}, and others exist"
    elif plan.first and report.found:
        report.cut = "stopped at the first violation"
    else:
        report.cut = f"stopped at the limit of {plan.limit:,}" if plan.limit else "interrupted"
        if report.planned:
            report.cut += f", {report.planned:,} or more branches not explored"
