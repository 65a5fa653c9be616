"""What is still to be explored, apart from any process: shared among workers, kept in a file.

A branch leaves to those before it whatever both could reach: they are in its sleep set.  As long as
anything is asleep in a branch, some of what is to be done there comes from races that are found in
those before it; so it has to wait until they are finished.  A branch whose first step wakes
everything does not depend on the others, and is handed out at the same time.  What a branch finds
to be done at a node above it is planted there when it is given back, unless somebody has it.  So
the search stays optimal however many share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from leo.schedules.events import Events
from leo.schedules.optimal import Optimal
from leo.schedules.system import Choice, Step
from leo.schedules.wakeup import Branch, find_place, leaves, plant

Path = tuple[int, ...]


@dataclass(slots=True)
class Open:
    """A node with something to do: what is explored or being explored, and what is planned."""

    sleep: int = 0
    ahead: list[Branch] = field(default_factory=list)


class Task(NamedTuple):
    """One branch, for one worker: the path to its node and what is asleep along it."""

    path: Path
    sleep: tuple[int, ...]
    branch: Branch


# The search from its first run on.
WHOLE = Task((), (), (-1, []))


class Rest(NamedTuple):
    """What a search has left when it stops between two runs.

    `nodes` has what is asleep and planned at the nodes of the path from depth `floor` on, `outbox`
    what is to be planned above.
    """

    path: Path
    floor: int
    nodes: list[tuple[int, list[Branch]]]
    outbox: list[tuple[int, Path]]


def rest_of(optimal: Optimal) -> Rest:
    """What a search has left; it goes on no more."""
    nodes = [(node.sleep, node.ahead) for node in optimal.nodes[optimal.floor : len(optimal.path)]]
    return Rest(tuple(optimal.path), optimal.floor, nodes, list(optimal.outbox))


class Frontier:
    """The open nodes of a search, and the tasks that are handed out.

    A new one has one task, the whole search; one that has nothing left is finished.
    """

    def __init__(self, events: Events | None = None) -> None:
        self.events = Events() if events is None else events
        self.nodes: dict[Path, Open] = {}
        # Handed back unfinished (an interrupted search): they keep what was asleep for them.
        self.tasks: list[Task] = [WHOLE]
        self.guarded: set[str] = set()
        self.sure: frozenset[str] = frozenset()

    def take(self, busy: Iterable[Task] = ()) -> Task | None:
        """Hand out a branch, of the highest node that has one ready; None when there is none.

        `busy`: the tasks that are handed out and not given back.
        """
        if self.tasks:
            return self.tasks.pop()
        unfinished, conflicts = self._unfinished(busy), self.events.conflicts
        ready = [
            path
            for path, node in self.nodes.items()
            if node.ahead
            and (path not in unfinished or not node.sleep & ~conflicts[node.ahead[0][0]])
        ]
        if not ready:
            return None
        path = min(ready, key=len)
        node = self.nodes[path]
        branch = node.ahead.pop(0)
        sleep = [self.nodes[path[:depth]].sleep for depth in range(len(path))]
        task = Task(path, (*sleep, node.sleep), branch)
        node.sleep |= 1 << branch[0]
        return task

    def _unfinished(self, busy: Iterable[Task]) -> set[Path]:
        """The nodes below which somebody works, or something is planned."""
        found: set[Path] = set()
        paths = [(*task.path, task.branch[0]) for task in busy if task is not WHOLE]
        for path in [*paths, *(path for path, node in self.nodes.items() if node.ahead)]:
            for depth in range(len(path) - 1, -1, -1):
                if path[:depth] in found:
                    break
                found.add(path[:depth])
        return found

    def planned(self) -> int:
        """How many branches are known and not handed out."""
        return len(self.tasks) + sum(len(leaves(node.ahead)) for node in self.nodes.values())

    def plan(self, path: Path, sequence: Sequence[int]) -> None:
        """Plan a sequence at a node, unless it is covered there."""
        node, conflicts = self.nodes[path], self.events.conflicts
        asleep = node.sleep
        for number in sequence:
            if asleep >> number & 1:
                return
            asleep &= ~conflicts[number]
        place = None if asleep else find_place(node.ahead, list(sequence), conflicts)
        if place is not None:
            plant(*place)

    def give_back(self, rest: Rest) -> None:
        """Take over what a search has left: first in its own branch, then what it found above."""
        path = rest.path
        for depth, (sleep, ahead) in enumerate(rest.nodes, start=rest.floor):
            # The step taken here is explored or has its own nodes below.
            self.nodes[path[:depth]] = Open(sleep | 1 << path[depth], ahead)
        for depth, sequence in rest.outbox:
            self.plan(path[:depth], sequence)

    def forget_finished(self, busy: Iterable[Task]) -> None:
        """Drop the nodes that nothing can be planned at any more."""
        needed: set[Path] = set()
        paths = [task.path for task in (*busy, *self.tasks)]
        for path in [*paths, *(path for path, node in self.nodes.items() if node.ahead)]:
            needed.update(path[:depth] for depth in range(len(path) + 1))
        self.nodes = {path: node for path, node in self.nodes.items() if path in needed}

    def dump(self, busy: Iterable[Task] = ()) -> dict[str, Any]:
        """The frontier as JSON, with the tasks that are handed out as if they had not begun."""
        return {
            "steps": [dump_step(step) for step in self.events.steps],
            "guarded": sorted(self.guarded),
            "sure": sorted(self.sure),
            "nodes": [
                [list(path), bits(node.sleep), leaves(node.ahead)]
                for path, node in self.nodes.items()
            ],
            "tasks": [
                [list(path), [bits(mask) for mask in sleep], leaves([branch])]
                for path, sleep, branch in (*busy, *self.tasks)
            ],
        }

    @classmethod
    def load(cls, data: dict[str, Any]) -> Frontier:
        """The frontier that was dumped."""
        found = cls()
        for step in data["steps"]:
            found.events.number(load_step(step))
        found.guarded = set(data["guarded"])
        found.sure = frozenset(data["sure"])
        for path, sleep, sequences in data["nodes"]:
            tree = _tree(sequences, found.events)
            found.nodes[tuple(path)] = Open(_mask(sleep), tree)
        found.tasks = [
            Task(tuple(path), tuple(map(_mask, sleep)), _tree(sequences, found.events)[0])
            if sequences != [[-1]]
            else WHOLE
            for path, sleep, sequences in data["tasks"]
        ]
        return found


def _tree(sequences: Iterable[list[int]], events: Events) -> list[Branch]:
    tree: list[Branch] = []
    for sequence in sequences:
        place = find_place(tree, sequence, events.conflicts)
        if place is not None:
            plant(*place)
    return tree


def _mask(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)


def bits(mask: int) -> list[int]:
    """The numbers in a mask."""
    return [bit for bit in range(mask.bit_length()) if mask >> bit & 1]


def dump_step(step: Step) -> list[Any]:
    """A step as JSON."""
    return [*step.choice, step.action, sorted(step.reads), sorted(step.writes)]


def load_step(data: Sequence[Any]) -> Step:
    """The step that was dumped."""
    who, what, action, reads, writes = data
    return Step(Choice(who, what), action, frozenset(reads), frozenset(writes))
