"""Small programs on shared objects, which the engine is tested on.

A program is a list of tasks, a task a list of operations `"r x"`, `"w x"`, `"acquire l"` and
`"release l"`: a read keeps the object's value, a write stores one more than the sum of what the
task has read.  Locks block; a task can be cancelled before any of its operations, at most `cancels`
times in a run, and a cancelled task lets go of its locks.
"""

from __future__ import annotations

from collections.abc import Sequence

from leo.errors import LeoError
from leo.schedules.engine.system import Choice, Outcome, Step

LOST_UPDATE: tuple[str, ...] = ("r x", "w x", "r x", "w x")
_LIVES = "cancellations"


class Tasks:
    """A system of tasks; `LOST_UPDATE` twice is the program read, write, read, write of two tasks.

    Raises LeoError for an operation that is none of the four.
    """

    def __init__(self, program: Sequence[Sequence[str]], cancels: int = 0) -> None:
        self.cancels = cancels
        self.names = tuple(f"t{number + 1}" for number in range(len(program)))
        self.operations = [[_operation(text) for text in task] for task in program]
        self.choices = tuple(Choice(name) for name in self.names)
        self.steps = [
            [_declared(choice, *operation) for operation in task]
            for choice, task in zip(self.choices, self.operations, strict=True)
        ]
        self.cancel = tuple(Choice(name, "cancel") for name in self.names)
        self.cancellations = [
            Step(choice, "Cancel", frozenset(), frozenset({_LIVES, *_locks(task)}))
            for choice, task in zip(self.cancel, self.operations, strict=True)
        ]

    def start(self) -> TasksRun:
        return TasksRun(self)


class TasksRun:
    """One execution of `Tasks`."""

    __slots__ = ("at", "held", "left", "read", "system", "values")

    def __init__(self, system: Tasks) -> None:
        self.system = system
        self.at = [0] * len(system.names)
        self.read = [0] * len(system.names)
        self.values: dict[str, int] = {}
        self.held: dict[str, int] = {}
        self.left = system.cancels

    def enabled(self) -> tuple[Choice, ...]:
        """Every task whose next operation can be done, then every task that can be cancelled."""
        system, held = self.system, self.held
        found, alive = [], []
        for task, at in enumerate(self.at):
            operations = system.operations[task]
            if at < len(operations):
                alive.append(system.cancel[task])
                kind, name = operations[at]
                if kind != "acquire" or name not in held:
                    found.append(system.choices[task])
        return (*found, *alive) if self.left else tuple(found)

    def pending(self, choice: Choice) -> Step:
        """The next step of a task, or its cancellation."""
        task = int(choice.who[1:]) - 1
        if choice.what == "step":
            return self.system.steps[task][self.at[task]]
        return self.system.cancellations[task]

    def waiting(self) -> tuple[Choice, ...]:
        """Tasks that wait for a lock, and cancellations that are used up."""
        system, now, found = self.system, self.enabled(), list[Choice]()
        for task, at in enumerate(self.at):
            if at < len(system.operations[task]):
                its = (system.choices[task], system.cancel[task])[: 1 + bool(system.cancels)]
                found += [choice for choice in its if choice not in now]
        return tuple(found)

    def take(self, choice: Choice) -> Step:
        """Do one operation. Raises LeoError when the task cannot do it now."""
        task = int(choice.who[1:]) - 1
        system, at = self.system, self.at[task]
        if choice.what != "step":
            self.left -= 1
            self.at[task] = len(system.operations[task])
            self.held = {name: by for name, by in self.held.items() if by != task}
            return system.cancellations[task]
        return self.operate(task, at)

    def operate(self, task: int, at: int) -> Step:
        """Do an operation of a task."""
        system = self.system
        kind, name = system.operations[task][at]
        if kind == "r":
            self.read[task] += self.values.get(name, 0)
        elif kind == "w":
            self.values[name] = self.read[task] + 1
        elif kind == "release":
            self.held.pop(name, None)
        elif name in self.held:
            raise LeoError(f"task {system.names[task]} cannot acquire {name}: it is held")
        else:
            self.held[name] = task
        self.at[task] = at + 1
        return system.steps[task][at]

    def fingerprint(self) -> object:
        """All that the rest of the run depends on."""
        values = tuple(sorted(self.values.items())), tuple(sorted(self.held.items()))
        return tuple(self.at), tuple(self.read), self.left, *values

    def finished(self) -> bool:
        return all(
            at == len(operations)
            for at, operations in zip(self.at, self.system.operations, strict=True)
        )

    def close(self) -> Outcome:
        """The values that are left, and what each task has read."""
        reads = dict(zip(self.system.names, self.read, strict=True))
        return Outcome(final={**self.values, **reads})


def _operation(text: str) -> tuple[str, str]:
    kind, _, name = text.partition(" ")
    if kind not in ("r", "w", "acquire", "release") or not name:
        raise LeoError(f"{text!r} is no operation; they are 'r X', 'w X', 'acquire L', 'release L'")
    return kind, name


def _declared(choice: Choice, kind: str, name: str) -> Step:
    touched = frozenset({name})
    nothing: frozenset[str] = frozenset()
    action = f"{kind} {name}"
    if kind == "r":
        return Step(choice, action, touched, nothing)
    return Step(choice, action, touched if kind == "acquire" else nothing, touched)


def _locks(task: Sequence[tuple[str, str]]) -> set[str]:
    return {name for kind, name in task if kind in ("acquire", "release")}
