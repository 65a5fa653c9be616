"""What states and endings of runs are compared by.

Equal states can be followed by the same steps, so that one of them is enough; equal endings are
the same outcome for the question whether calls are atomic.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from leo.schedules.around import beside
from leo.schedules.atomic import Ending, answer_of, let_go, numbered
from leo.schedules.running import database, world
from leo.schedules.running.places import suspended
from leo.schedules.running.shape import Opaque, Shape

if TYPE_CHECKING:
    from leo.schedules.calls import CoroutineRun


def fingerprint(run: CoroutineRun[Any]) -> bytes | None:
    """Equal for two states that the same steps can follow; None when that cannot be told."""
    loop = run.loop
    shape = Shape(loop.labels, around=run.scenario.around)
    # How often somebody went round counts only where he will be passed over for it.
    loops = run.scenario.loops
    turning = run.turning[::2] if run.turning[1] in loops else ()
    # As long as nobody has read a clock, it is only how far off a timer is that counts.
    origin = 0.0 if loop.read else loop.now
    try:
        since = loop.now - origin
        shape.mark("run", run.left, run.over, since, tuple(run.struck), *turning)
        if run.round:
            rounds = run.rounds if run.all_go_round() else 0
            shape.mark("rounds", rounds, *sorted(run.round))
        for name, before in sorted(run.began_after.items()):
            shape.mark(name, *sorted(before))
        shape.add(run.target)
        tasks: Mapping[str, Any] = loop.tasks
        run.scenario.around.add_to(shape, loop.context)
        if loop.files:
            shape.mark("files", *world.contents(loop))
        for label, task in sorted(tasks.items()):
            if not task.done():
                shape.mark(label, task._must_cancel, task.cancelling(), len(loop.held[label]))
                shape.add(task.get_coro())
                shape.add(task._fut_waiter)
                for handle in loop.held[label]:
                    shape.add(handle._args)
                    shape.add(handle._context)  # type: ignore[attr-defined]
            elif label in run.scenario.calls:
                shape.mark(label, "over")
                shape.add(task)
        for when, _, timer, owner in sorted(loop.timers)[:]:
            if not timer.cancelled():
                shape.mark("timer", round(when - origin, 9), owner)
                shape.add(timer)
        shape.add_all(loop.later)
        if run.over:
            shape.mark("extra", *sorted(run.extra.items()), *sorted(run.waked))
        if not loops.isdisjoint(run.early):
            shape.mark("early", *sorted(it for it in run.early.items() if it[0] in loops))
        if loop.threads.all:
            loop.threads.add_to(shape)
        if loop.connections:
            shape.mark("databases", *sorted(loop.contents.items()))
            for connection in sorted(loop.connections, key=lambda it: it.leo_name):
                shape.add(database.state(connection))
    except Opaque as opaque:
        run.opaque = str(opaque)
        return None
    return shape.digest()


def behaviour(run: CoroutineRun[Any]) -> Any:
    """Who could go on now, where each task stands, and what the calls came to."""
    tasks = run.loop.tasks.items()
    places = [(label, tuple(suspended(task.get_coro()))) for label, task in tasks]
    over = run.ending() if run.finished() and not run.still_going() else None
    return run.loop.names(), places, over


def ending(run: CoroutineRun[Any], *, timeless: bool = False) -> Ending:
    """What the run came to; the calls are over.  `timeless`: all times are equal."""
    for task in run.loop.tasks.values():
        # What only the frames of an exception keep alive is no part of the state.
        let_go(task)
    numbers, opaque, tasks = dict[int, int](), dict[str, None](), run.loop.tasks
    timeless = timeless or run.scenario.timeless
    answers = {it: answer_of(tasks[it], numbers, opaque, timeless) for it in run.scenario.calls}
    shape = Shape(data=True, timeless=timeless)
    for value in run.state_parts():
        shape.add(value)
    same = numbered(shape, numbers)
    opaque.update(shape.opaque)
    return Ending(answers, shape.digest(), dict(run.began_after), same, tuple(opaque))


def state_parts(run: CoroutineRun[Any]) -> list[Any]:
    """What the final state is: of the object, and of databases that the run has opened."""
    state = run.scenario.state
    if state is not None:
        found = run.loop.perform(lambda: state(run.target))
        if isinstance(found, Iterator):
            # A generator says nothing of itself.
            found = list(found)
        if not inspect.isawaitable(found):
            return [found]
        if run.finished() and not run.still_going():
            return [run.carried_out(found, "to-state")]
        # To await it now would let others go on.
        if inspect.iscoroutine(found):
            found.close()
        return [run.target]
    return [run.target, *beside(run).items()]
