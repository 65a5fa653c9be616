"""One optimal search, in this process or shared among several, that can be interrupted.

The master owns the frontier; a worker takes one branch, carries out at most so many runs of it, and
gives back what is left.  Workers are new processes (`spawn`): a system is made in each, from a
function that can be pickled, and nothing of this process (threads, open stores) is inherited.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import NamedTuple

from leo.errors import LeoError
from leo.schedules.engine import Plan, Report, conclude
from leo.schedules.events import Events
from leo.schedules.frontier import WHOLE, Frontier, Rest, Task, bits, rest_of
from leo.schedules.optimal import Optimal
from leo.schedules.system import Step, System
from leo.schedules.wakeup import Branch

Make = Callable[[], System]
Progress = Callable[[Report, Frontier], None]
# A worker gives back after so many runs: few at first, so that the others soon have a task.
_FIRST, _MOST = 16, 2000


class Order(NamedTuple):
    """What a worker is to do: a branch, with the steps that its numbers mean."""

    task: Task
    steps: Sequence[Step]
    guarded: frozenset[str]
    sure: frozenset[str]
    runs: int
    first: bool


class Result(NamedTuple):
    """What a worker has done.  `rest` None: an action can wait that was not known to."""

    report: Report
    rest: Rest | None
    steps: Sequence[Step]
    guarded: frozenset[str]


def work(system: System, order: Order) -> Result:
    """Carry out an order."""
    events = Events()
    for step in order.steps:
        events.number(step)
    search = Optimal(system, events)
    search.guarded |= order.guarded
    search.sure = order.sure
    if order.task is not WHOLE and order.task.branch[0] >= 0:
        search.enter(*order.task)
    report = Report("optimal")
    while report.runs < order.runs:
        walk = search.next()
        if walk is None:
            break
        report.add(walk)
        if walk.end == "refused":
            return Result(report, None, (), frozenset(search.guarded))
        if order.first and report.found:
            break
    report.probes = search.probes
    new = events.steps[len(order.steps) :]
    return Result(report, rest_of(search), new, frozenset(search.guarded))


@dataclass(slots=True)
class Master:
    """The state of a shared search: what is left, what was found, who does what."""

    frontier: Frontier
    report: Report
    plan: Plan
    chunk: int = _FIRST

    def order(self, busy: Sequence[Order]) -> Order | None:
        """The next order, when these are being carried out; None when there is none now."""
        left = _MOST
        if self.plan.limit is not None:
            left = self.plan.limit - self.report.runs - sum(order.runs for order in busy)
        if left <= 0 or (self.plan.first and self.report.found):
            return None
        task = self.frontier.take([order.task for order in busy])
        if task is None:
            return None
        runs = min(self.chunk, left)
        steps = tuple(self.frontier.events.steps)
        guarded = frozenset(self.frontier.guarded)
        return Order(task, steps, guarded, self.frontier.sure, runs, self.plan.first)

    def settle(self, order: Order, result: Result) -> None:
        """Take over what a worker has done."""
        merge(self.report, result.report)
        self.frontier.guarded |= result.guarded
        assert result.rest is not None, "the caller begins anew"
        self.frontier.give_back(
            translate(result.rest, len(order.steps), result.steps, self.frontier.events)
        )
        self.chunk = min(2 * self.chunk, _MOST)

    def begin_anew(self, result: Result) -> None:
        """Forget every branch, keep what has been learnt and found."""
        guarded = self.frontier.guarded | result.guarded
        self.frontier = Frontier(self.frontier.events)
        self.frontier.guarded = guarded
        self.frontier.sure = frozenset(guarded)
        self.report.runs = self.report.redundant = self.report.broken = 0
        self.report.restarts += 1


def explore_shared(
    make: Make,
    plan: Plan,
    *,
    workers: int = 1,
    frontier: Frontier | None = None,
    report: Report | None = None,
    progress: Progress | None = None,
) -> tuple[Report, Frontier]:
    """Explore optimally; return the report and what is left.

    With `frontier` and `report` of an earlier call, go on from there.  `progress` is told after
    each part that is given back; the frontier it sees has everything that is not finished.
    """
    if plan.strategy != "optimal":
        raise LeoError(f"only an optimal search can be shared, not {plan.strategy}")
    total = replace(report) if report is not None else Report("optimal")
    master = Master(frontier or Frontier(), total, plan)
    if workers == 1:
        _alone(make(), master, progress)
    else:
        with _crew(make, workers) as crew:
            _share(crew, master, progress)
    left = master.frontier.planned()
    master.report.planned = left
    master.report.classes = master.report.runs
    conclude(master.report, plan, ended=left == 0, pruned=False)
    return master.report, master.frontier


def _alone(system: System, master: Master, progress: Progress | None) -> None:
    while (order := master.order([])) is not None:
        try:
            result = work(system, order)
        except KeyboardInterrupt:
            master.frontier.tasks.append(order.task)
            return
        if result.rest is None:
            master.begin_anew(result)
            continue
        master.settle(order, result)
        master.frontier.forget_finished([])
        if progress is not None:
            progress(master.report, master.frontier)


def _share(crew: Sequence[Connection], master: Master, progress: Progress | None) -> None:
    idle, busy = list(crew), dict[Connection, Order]()
    anew: Result | None = None
    try:
        while True:
            while anew is None and idle:
                order = master.order(list(busy.values()))
                if order is None:
                    break
                connection = idle.pop()
                busy[connection] = order
                connection.send(order)
            if not busy:
                if anew is None:
                    return
                master.begin_anew(anew)
                anew = None
                continue
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                result = ready.recv()
                order = busy.pop(ready)
                idle.append(ready)
                if isinstance(result, BaseException):
                    raise result
                if result.rest is None:
                    anew = result
                elif anew is None:
                    master.settle(order, result)
            tasks = [order.task for order in busy.values()]
            master.frontier.forget_finished(tasks)
            if progress is not None:
                # What is being worked on counts as not begun for whoever keeps the frontier.
                master.frontier.tasks += tasks
                progress(master.report, master.frontier)
                del master.frontier.tasks[-len(tasks) or len(master.frontier.tasks) :]
    except KeyboardInterrupt:
        master.frontier.tasks += [order.task for order in busy.values()]


@contextmanager
def _crew(make: Make, workers: int) -> Iterator[list[Connection]]:
    """Start workers; end them whatever happens."""
    context = get_context("spawn")
    ends: list[Connection] = []
    processes: list[SpawnProcess] = []
    try:
        for _ in range(workers):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, make), daemon=True)
            process.start()
            theirs.close()
            ends.append(mine)
            processes.append(process)
        yield ends
    finally:
        for end in ends:
            end.close()
        for process in processes:
            process.terminate()
            process.join()


def _serve(connection: Connection, make: Make) -> None:
    """The whole life of a worker."""
    # Ctrl-C reaches every process of a terminal: what is to be done then is the master's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        system = make()
    except LeoError as error:
        connection.send(error)
        return
    while True:
        try:
            order = connection.recv()
        except EOFError:
            return
        try:
            connection.send(work(system, order))
        except LeoError as error:
            connection.send(error)


def merge(total: Report, part: Report) -> None:
    """Add the counts of a part, and of each violation keep the one with the fewest steps."""
    for title, found in part.found.items():
        known = total.found.get(title)
        if known is None or len(found.steps) < len(known.steps):
            total.found[title] = replace(found, run=found.run + total.runs)
    total.runs += part.runs
    total.redundant += part.redundant
    total.broken += part.broken
    total.probes += part.probes


def translate(rest: Rest, known: int, new: Sequence[Step], events: Events) -> Rest:
    """The rest of a worker in the numbers of the master: those from `known` on are the worker's."""
    numbers = [*range(known), *(events.number(step) for step in new)]

    def mask(theirs: int) -> int:
        high = theirs >> known
        mine = theirs & ((1 << known) - 1)
        for bit in bits(high):
            mine |= 1 << numbers[known + bit]
        return mine

    def tree(branches: Sequence[Branch]) -> list[Branch]:
        return [(numbers[number], tree(following)) for number, following in branches]

    return Rest(
        tuple(numbers[number] for number in rest.path),
        rest.floor,
        [(mask(sleep), tree(ahead)) for sleep, ahead in rest.nodes],
        [(depth, tuple(numbers[n] for n in sequence)) for depth, sequence in rest.outbox],
    )
