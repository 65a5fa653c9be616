"""Explores the schedules of a system by one of six strategies, and reports how far it came.

optimal  one run for each class of schedules
reduced  one complete run for each class, and some that are given up; for quick systems
brute    every interleaving
bounded  every interleaving with at most so many preemptions or delays
random   random schedules, with a seed
pct      random schedules by priorities, with a seed

A search that was cut off never claims that a property holds: `Report.complete` is true only when
every class of schedules has been executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from leo.errors import LeoError
from leo.schedules.engine.chance import by_chance
from leo.schedules.engine.depth_first import DepthFirst, Price, delays, preemptions
from leo.schedules.engine.optimal import Optimal
from leo.schedules.engine.system import (
    Choice,
    Events,
    NormalForm,
    Run,
    Step,
    System,
    Walk,
    normal_form,
)

Strategy = Literal["optimal", "reduced", "brute", "bounded", "random", "pct"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
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
        if self.price not in PRICES:
            raise LeoError(f"{self.price!r} is no price; expected one of {', '.join(PRICES)}")
        if self.strategy in ("random", "pct") and self.limit is None:
            raise LeoError(f"the strategy {self.strategy} never ends by itself: give it a limit")
        if self.limit is not None and self.limit < 1:
            raise LeoError(f"a limit of {self.limit} runs: expected at least 1")
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
    not counted), `redundant` those given up because their class had been executed, `probes` the
    beginnings executed to see what is possible, and `broken` the runs that broke something.
    `found` has the first violation of each title.
    """

    strategy: Strategy
    runs: int = 0
    classes: int | None = None
    complete: bool = False
    cut: str = ""
    redundant: int = 0
    probes: int = 0
    broken: int = 0
    found: dict[str, Found] = field(default_factory=dict)

    def add(self, walk: Walk) -> None:
        """Count a run and keep what it violates for the first time."""
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


def search_of(system: System, plan: Plan) -> DepthFirst:
    """The depth-first search of a plan, before its first run."""
    events = Events()
    if plan.strategy == "optimal":
        return Optimal(system.start, events=events)
    if plan.strategy == "bounded":
        price = PRICES[plan.price]
        return DepthFirst(system.start, events=events, reduce=False, price=price, most=plan.bound)
    return DepthFirst(system.start, events=events, reduce=plan.strategy == "reduced")


def walks(system: System, plan: Plan, search: DepthFirst | None = None) -> Iterator[Walk]:
    """The runs of a plan, one after the other."""
    search = search or search_of(system, plan)
    if plan.strategy in ("random", "pct"):
        depth = plan.depth if plan.strategy == "pct" else None
        for run, steps in by_chance(system.start, plan.seed, depth):
            yield _closed(run, (), steps, "complete")
    while (run := search.next()) is not None:
        # Only to count classes are the numbers of interest.
        numbers = () if search.reduce else search.numbers()
        yield _closed(run, numbers, search.steps, search.end)


def _closed(run: Run, numbers: tuple[int, ...], steps: Iterable[Step], end: str) -> Walk:
    try:
        finished = run.finished()
    finally:
        outcome = run.close()
    return Walk(numbers, tuple(steps), end, finished, outcome)


def explore(system: System, plan: Plan = Plan(), visit: Visit | None = None) -> Report:
    """Explore in this process; `visit` is told of every run.

    Raises EngineError when the system is not deterministic or touches what it does not declare.
    """
    report, search = Report(plan.strategy), search_of(system, plan)
    classes: set[NormalForm] = set()
    ended, every = True, plan.strategy in ("brute", "bounded")
    for walk in walks(system, plan, search):
        report.add(walk)
        if every:
            classes.add(normal_form(search.events or Events(), walk.numbers))
        if visit is not None:
            visit(walk)
        if (plan.first and report.found) or report.runs == plan.limit:
            ended = False
            break
    if every:
        report.classes = len(classes)
    elif search.reduce:
        report.classes = report.runs
    if isinstance(search, Optimal):
        report.probes = search.probes
    report.complete = ended and not search.cut
    if not report.complete:
        report.cut = _cut(report, plan, search.planned(), ended=ended)
    return report


def _cut(report: Report, plan: Plan, planned: int, *, ended: bool) -> str:
    """What cut a search off."""
    if ended:
        return f"every schedule with at most {plan.bound} {plan.price}, and others exist"
    if plan.first and report.found:
        return "stopped at the first violation"
    more = f", {planned:,} or more branches not explored" if planned else ""
    return f"stopped at the limit of {plan.limit:,}{more}"
