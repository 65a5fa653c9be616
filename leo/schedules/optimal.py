"""Optimal dynamic partial-order reduction: one complete run for each class of schedules.

The algorithm is Optimal-DPOR of Abdulla, Aronis, Jonsson and Sagonas (Optimal dynamic partial order
reduction, POPL 2014; Source sets, JACM 64(4), 2017, sections 4 to 6): after each run the races in
it are reversed, and the sequence that reverses a race becomes a branch of a *wakeup tree* at the
state before it, unless the *sleep set* there says that it has been covered.  What is added here:

- A step may be impossible for a while (a lock, a queue) or for good (a budget of faults that is
  used up).  Steps that wait are reversed against what they wait for, at the end of a run and where
  they are given up.  Before a branch that ends in such a step is planted, the step is tried once
  (`probes`): a branch that cannot be followed would hide others.  Which actions can wait is learnt;
  when that is learnt too late the search begins anew (`restarts`).
- A session may have several choices at once (go on, be cancelled, raise): each is a branch.

Dependence comes from the declared sets of the pending steps, so that it is the same whether or not
a race has been reversed.  A race is reversed once, when its second step is new: with the steps
that lie between the two and do not depend on the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from leo.schedules.system import (
    Choice,
    EngineError,
    Events,
    Run,
    Step,
    System,
    Walk,
    check_again,
    check_length,
    look,
    said,
)

# A wakeup tree is what is still to be done at a node, in the order of the search: nothing may be
# planted before what stands there.  A branch is a step's number with the branches that follow it;
# a branch that nothing follows is a leaf, after which the search goes on freely.
Branch = tuple[int, list["Branch"]]
Place = tuple[list[Branch], list[int]]


def find_place(tree: list[Branch], sequence: list[int], conflicts: Sequence[int]) -> Place | None:
    """Where a sequence is to be planted, and what of it; None when a leaf covers it.

    The place is below the first branches that can come before the sequence or in it (POPL 2014,
    definition 6.1 and lemma 6.2).
    """
    while True:
        for number, following in tree:
            rest = without_initial(sequence, number, conflicts[number])
            if rest is None:
                continue
            if not following:
                return None
            tree, sequence = following, rest
            break
        else:
            return tree, sequence


def without_initial(sequence: list[int], number: int, depends: int) -> list[int] | None:
    """The sequence after a step that can come first: without it when it is in the sequence, whole
    when nothing in the sequence depends on it; None when it cannot come first.
    """
    for position, other in enumerate(sequence):
        if other == number:
            return sequence[:position] + sequence[position + 1 :]
        if depends >> other & 1:
            return None
    return sequence


def plant(tree: list[Branch], sequence: Sequence[int]) -> None:
    """Add a sequence as the last branch."""
    following: list[Branch] = []
    for number in reversed(sequence[1:]):
        following = [(number, following)]
    tree.append((sequence[0], following))


@dataclass(slots=True)
class Node:
    """A state on the path: what can be done there, what is asleep, and what is still to be done.

    `left`: what could be done or waited before the step taken here, and not after it.  `tried`:
    whether the last step of a sequence was possible here, and whether it waited.
    """

    offers: dict[Choice, int]
    waiting: frozenset[int]
    sleep: int
    ahead: list[Branch]
    left: list[int] = field(default_factory=list)
    tried: dict[tuple[int, ...], tuple[bool, bool]] = field(default_factory=dict)


class Optimal:
    """A search that can be stopped after any run.

    `guarded`: the actions that are known to wait sometimes; those in `sure` have been known since
    the search began, so that no branch with them was planted untried.
    """

    def __init__(self, system: System, events: Events | None = None) -> None:
        self.system = system
        self.events = Events() if events is None else events
        self.guarded: set[str] = set()
        self.restarts = 0
        self.probes = 0
        self.sure: frozenset[str] = frozenset()
        self.reset()

    def planned(self) -> int:
        """How many branches are known and were not explored."""
        return sum(len(node.ahead) for node in self.nodes)

    def reset(self) -> None:
        """Forget everything but the numbers of steps and the actions that can wait."""
        self.path: list[int] = []
        self.taken: list[Step] = []
        self.past: list[int] = []
        self.nodes: list[Node] = []
        self._branch: Branch | tuple[()] | None = ()

    def next(self) -> Walk | None:
        """Carry out one more run; None when every class has been explored.

        A walk that ends `refused` begins the search anew: what was found before it is found again.
        Raises EngineError when the system is not deterministic or touches what it does not declare.
        """
        branch = self._backtrack() if self._branch is None else self._branch
        if branch is None:
            return None
        self._branch = None
        first = len(self.path)
        run = self.system.start()
        try:
            self.replay(run, self.path, self.taken)
            if not self.nodes:
                self.nodes.append(Node(*look(self.events, run, self.guarded), 0, []))
            end = self._go_on(run, branch)
            finished = run.finished()
        finally:
            outcome = run.close()
        walk = Walk(tuple(self.path), tuple(self.taken), end, finished, outcome)
        if end == "refused":
            self._begin_anew()
            return walk
        self._analyse(first)
        if end == "complete":
            for number in self.nodes[-1].waiting:
                self._wait(number, len(self.path), ())
        return walk

    def _backtrack(self) -> Branch | None:
        """Leave what is done and return the next branch; None when nothing is left."""
        while self.path:
            number = self.path.pop()
            self.taken.pop()
            self.past.pop()
            self.nodes.pop()
            node = self.nodes[-1]
            node.sleep |= 1 << number
            if node.ahead:
                return node.ahead.pop(0)
        return None

    def replay(self, run: Run, numbers: Iterable[int], before: Sequence[Step] = ()) -> None:
        """Take steps that have been taken before; they must do the same again."""
        take, steps = run.take, self.events.steps
        for position, number in enumerate(numbers):
            again = take(steps[number].choice)
            if position < len(before):
                check_again(position + 1, before[position], again)

    def _go_on(self, run: Run, branch: Branch | tuple[()]) -> str:
        """Follow the branch, then any enabled choice, and say how the run ended."""
        steps, conflicts = self.events.steps, self.events.conflicts
        todo: list[Branch] = [branch] if branch else []
        node = self.nodes[-1]
        while True:
            if todo:
                number, following = todo[0]
                choice = steps[number].choice
                if node.offers.get(choice) != number:
                    self.guarded.add(steps[number].action)
                    self._refused = steps[number]
                    return "refused"
            elif node.offers:
                last = steps[self.path[-1]].choice.who if self.path else ""
                found = choose(node, last)
                if found is None:
                    return "redundant"
                number, following = found, []
                choice = steps[number].choice
            else:
                return "complete"
            step = run.take(choice)
            declared = steps[number]
            if step is not declared and step != declared:
                check_declared(declared, step)
            self.path.append(number)
            self.taken.append(step)
            check_length(len(self.taken))
            sleep = node.sleep & ~conflicts[number]
            node = Node(*look(self.events, run, self.guarded), sleep, following[1:])
            self.nodes.append(node)
            todo = following[:1]

    def _begin_anew(self) -> None:
        """An action can wait that was not known to: branches may hide others, so none is kept."""
        if self._refused.action in self.sure:
            raise EngineError(
                f"{said(self._refused)} was possible and is not under the same schedule, or an "
                "object that it depends on is not declared"
            )
        self.restarts += 1
        self.sure = frozenset(self.guarded)
        self.reset()

    def _analyse(self, first: int) -> None:
        """Find what the steps from position `first` on depend on, and plan the reversals of their
        races and the alternatives.
        """
        path, past, nodes, conflicts = self.path, self.past, self.nodes, self.events.conflicts
        steps = self.events.steps
        nodes[-1].left = []
        for position in range(first, len(path)):
            number = path[position]
            depends, seen = conflicts[number], 0
            who = steps[number].choice.who
            for earlier in range(position - 1, -1, -1):
                if depends >> path[earlier] & 1 and not seen >> earlier & 1:
                    seen |= past[earlier]
                    if steps[path[earlier]].choice.who != who:
                        self._reverse(earlier, position, number)
            past.append(seen | 1 << position)
            nodes[position].left = given_up(steps, number, nodes[position], nodes[position + 1])
        for position, node in enumerate(nodes):
            if node.left:
                self._plant_alternatives(position, node.left, first)

    def _plant_alternatives(self, position: int, left: Sequence[int], first: int) -> None:
        """Plan runs with what the step at a position made impossible, after all that does not
        depend on that step; for an older step only where something new comes before it.
        """
        path, past = self.path, self.past
        kept = [at for at in range(position + 1, len(path)) if not past[at] >> position & 1]
        if position >= first or (kept and kept[-1] >= first):
            sequence = [path[at] for at in kept]
            for other in left:
                self._plant(position, [*sequence, other], kept)

    def _wait(self, number: int, depth: int, kept: Sequence[int]) -> None:
        """Reverse the races of a step that is impossible after the first `depth` steps and those at
        the positions `kept`.
        """
        depends, seen, steps = self.events.conflicts[number], 0, self.events.steps
        path, past, who = self.path, self.past, steps[number].choice.who
        positions = [*range(depth), *kept]
        for at in range(len(positions) - 1, -1, -1):
            earlier = positions[at]
            if depends >> path[earlier] & 1 and not seen >> earlier & 1:
                seen |= past[earlier]
                if steps[path[earlier]].choice.who == who:
                    continue
                # A position among `kept` has no node of its own without the step at `depth`.
                node = min(earlier, depth)
                others = [at for at in positions[node:] if not past[at] >> earlier & 1]
                self._plant(node, [*(path[at] for at in others), number], others)

    def _reverse(self, earlier: int, position: int, number: int) -> None:
        """Plan a run in which the step at a position comes before the one at `earlier`."""
        past, path = self.past, self.path
        kept = [at for at in range(earlier + 1, position) if not past[at] >> earlier & 1]
        sequence = [path[at] for at in kept]
        sequence.append(number)
        self._plant(earlier, sequence, kept)

    def _plant(self, depth: int, sequence: list[int], kept: Sequence[int] = ()) -> None:
        """Plan a sequence at a node, unless it is covered there or cannot be carried out."""
        asleep, conflicts = self.nodes[depth].sleep, self.events.conflicts
        if asleep:
            for number in sequence:
                if asleep >> number & 1:
                    return
                asleep &= ~conflicts[number]
            if asleep:
                return
        place = find_place(self.nodes[depth].ahead, sequence, conflicts)
        if place is None:
            return
        last = sequence[-1]
        if self.events.steps[last].action in self.guarded and not self._possible(
            depth, sequence, kept
        ):
            return
        # Trying the step may have planted something: the place is looked up again.
        place = find_place(self.nodes[depth].ahead, sequence, conflicts)
        if place is not None:
            plant(*place)

    def _possible(self, depth: int, sequence: list[int], kept: Sequence[int]) -> bool:
        """Is the last step of a sequence enabled after the others?  Its races count if it waits."""
        *others, last = sequence
        choice, depends = self.events.steps[last].choice, self.events.conflicts[last]
        node = self.nodes[depth]
        if any(depends >> other & 1 for other in others):
            # What it does not depend on is nothing to it, so few probes answer for many sequences.
            past = self.events.past(sequence, len(others))
            key = tuple(sequence[at] for at in past)
            state = node.tried.get(key)
            if state is None:
                offers, waiting = self._probe([*self.path[:depth], *key[:-1]])
                state = node.tried[key] = (offers.get(choice) == last, last in waiting)
        else:
            state, kept = (node.offers.get(choice) == last, last in node.waiting), ()
        possible, waits = state
        if not possible and waits:
            self._wait(last, depth, kept)
        return possible

    def _probe(self, numbers: Sequence[int]) -> tuple[dict[Choice, int], frozenset[int]]:
        """Carry out the beginning of a run and see what is possible there."""
        self.probes += 1
        run = self.system.start()
        try:
            self.replay(run, numbers)
            return look(self.events, run, self.guarded)
        finally:
            run.close()


def choose(node: Node, last: str) -> int | None:
    """The first step that is not asleep and not of the session that went last, if there is one.

    Sessions that take turns meet in the first runs of a search, and not in the last.
    """
    found = None
    for choice, number in node.offers.items():
        if not node.sleep >> number & 1:
            if choice.who != last and choice.what == "step":
                return number
            if found is None:
                found = number
    return found


def given_up(steps: Sequence[Step], number: int, before: Node, after: Node) -> list[int]:
    """The steps that somebody had before a step and has no longer: alternatives of the session's
    own, and what the step took away from others.
    """
    if len(before.offers) == 1 and not before.waiting:
        return []
    who, left = steps[number].choice.who, []
    for other in (*before.offers.values(), *before.waiting):
        choice = steps[other].choice
        if choice.who == who:
            if other != number:
                left.append(other)
        elif after.offers.get(choice) != other and other not in after.waiting:
            left.append(other)
    return left


def check_declared(declared: Step, step: Step) -> None:
    """Raise EngineError when a step touched more than it had declared."""
    if "*" in declared.writes:
        return
    more = (step.reads - declared.reads - declared.writes) | (step.writes - declared.writes)
    if more or step.choice != declared.choice:
        raise EngineError(
            f"{said(step)} touched {', '.join(sorted(more)) or 'nothing'}, which {said(declared)} "
            "does not declare: the search would miss schedules"
        )
