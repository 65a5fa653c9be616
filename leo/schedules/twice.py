"""Does the same schedule come out the same when it is executed again, and if not, what differs?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leo.schedules.atomic import follow
from leo.schedules.calls import CoroutineRun, Scenario
from leo.schedules.engine.system import Choice
from leo.schedules.report import came_to, to_text
from leo.schedules.running.choosing import Refused
from leo.schedules.running.places import place_of
from leo.schedules.running.shape import Shape
from leo.schedules.values import Part, differing, short


def execute_twice(scenario: Scenario[Any], path: Sequence[Choice]) -> None:
    """Raise LeoError when the same schedule does not come out the same."""
    seen = [follow(scenario, path, CoroutineRun.behaviour) for _ in range(2)]
    both = enumerate(zip(*seen, strict=False), 1)
    step = next((at for at, (one, two) in both if one != two), 0)
    if not step and not len(seen[0]) == len(seen[1]) == len(path):
        step = min(map(len, seen)) + 1
    if step:
        left = ", ".join(scenario.around.left)
        raise Refused(
            f"{_what_differs(scenario, path, step)}: the object behaves differently when the same "
            f"schedule is executed again, at step {step} of `{to_text(path)}`"
            f"{f'; {left} keeps what an earlier one left' if left else ''}; set it in `make`, "
            "or say with `state=` what counts"
        )


def _what_differs(scenario: Scenario[Any], path: Sequence[Choice], step: int) -> str:
    """The first place that differs when the start of a schedule is executed twice."""
    for until in (0, step):
        seen: list[Part] = []
        values: list[list[Any]] = []
        for _ in range(2):
            run = scenario.start()
            try:
                for choice in path[:until]:
                    if choice in run.enabled():
                        run.take(choice)
                came = came_to(run, ids=True)
                shape = Shape(data=True)
                shape.add_all(run.state_parts())
                values.append(shape.out)
                places = {
                    f".place of {label}": Part(str(place_of(task)))
                    for label, task in run.loop.tasks.items()
                }
            finally:
                run.close()
            results = {f".result of {name}": it for name, it in came.answers.items()}
            seen.append(Part("", False, {"": came.state, **results, **places}))
        made = "" if until else ", as `make` gives it,"
        if told := [
            f"`{place or 'state'}`{made} is {one}, then {two}"
            for place, (one, two) in differing(seen)
        ]:
            return "; ".join(told[:2])
    # No text shows it, an object made in C say.
    both = zip(*values, strict=False)
    one, two = next((pair for pair in both if pair[0] != pair[1]), ("one", "another"))
    return f"something in the state is {short(one)}, then {short(two)}"
