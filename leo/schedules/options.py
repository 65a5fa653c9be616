"""What `explore` is given: put into one form, or refused before anything runs, each by its name."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from math import inf
from typing import Any, Final, TypeVar

from leo.errors import LeoError
from leo.schedules.calls import Calls, Scenario
from leo.schedules.engine.system import MOST_STEPS
from leo.schedules.report import tell_raised
from leo.schedules.running.choosing import CLOCK

T = TypeVar("T")
Call = Callable[[T], Awaitable[object]]
STRATEGIES: Final = ("every", "preemptions", "random", "pct")


def several(raises: Any) -> tuple[Any, ...]:
    """A class, or several of them."""
    return (
        tuple(raises)
        if isinstance(raises, Iterable) and not isinstance(raises, type)
        else (raises,)
    )


def named(calls: Mapping[str, Call[T]] | Sequence[Call[T]]) -> Calls[T]:
    """The calls by their names.  Raises LeoError for what is no call."""
    found = (
        dict(calls)
        if isinstance(calls, Mapping)
        else {f"t{number}": call for number, call in enumerate(calls, 1)}
    )
    if not found:
        raise LeoError("there are no calls to explore: expected at least one")
    for name, call in found.items():
        if not name.isidentifier() or name in (CLOCK, "make"):
            raise LeoError(f"a call cannot be named {name!r}: expected a word, and not {CLOCK!r}")
        if not callable(call):
            raise LeoError(
                f"{name} is {type(call).__name__}: expected a function of the object that returns "
                "something to await, such as `lambda store: store.add(1)`"
            )
    return found


def guarded(option: str, function: Callable[[T], object] | None) -> Any:
    """A function of the user's: what it raises is one error, which names its option."""
    if function is None:
        return None
    if not callable(function):
        raise LeoError(f"{option}={function!r}: expected a function of the object")

    @wraps(function)
    def called(target: T) -> object:
        with _telling(option):
            found = function(target)
        return _awaited(option, found) if inspect.iscoroutine(found) else found

    return called


async def _awaited(option: str, found: Awaitable[object]) -> object:
    with _telling(option):
        return await found


@contextmanager
def _telling(option: str) -> Iterator[None]:
    try:
        yield
    except LeoError:
        raise
    except Exception as error:
        if isinstance(error, AssertionError) and option in ("invariant", "at_end"):
            raise
        raise LeoError(f"{option}= {tell_raised(error)}; it is a function of the object") from error


def check(scenario: Scenario[T], strategy: str, bound: int, limit: int, seconds: Any) -> None:
    """Raise LeoError for what cannot be explored."""
    it, least = scenario, int(strategy == "pct")
    make: Any = it.make
    if not callable(make):
        raise LeoError(
            f"make is an object of {type(make).__name__}: expected what makes a new one each time, "
            "such as the class or a lambda"
        )
    if missing := _missing(make):
        raise LeoError(f"make needs {missing}: expected a function without arguments, a lambda say")
    _number("cancellations", it.cancellations)
    _number("bound", bound, least)
    _number("limit", limit, 1)
    _number("steps", it.longest, 1, MOST_STEPS)
    _one_of("clock", it.clock, ("idle", "any"))
    _one_of("strategy", strategy, STRATEGIES)
    if seconds is not None and (not isinstance(seconds, int | float) or seconds <= 0):
        raise LeoError(f"seconds={seconds!r}: expected a number of more than 0")
    if it.declared and strategy != "every":
        raise LeoError(f"strategy={strategy!r} makes no use of reads and writes: leave one out")
    kinds: tuple[Any, ...] = it.raises
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise LeoError(f"raises={kind!r}: expected classes of exceptions")


def _number(option: str, value: Any, least: int = 0, most: float = inf) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        upto = f"{least} or more" if most == inf else f"{least} to {most:,}"
        raise LeoError(f"{option}={value!r}: expected a whole number, {upto}")


def _one_of(option: str, value: Any, words: Sequence[str]) -> None:
    if value not in words:
        raise LeoError(f"{option}={value!r}: expected one of {', '.join(words)}")


def _missing(make: Callable[[], Any]) -> str:
    """The arguments without which a function cannot be called."""
    try:
        found = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        # Some that are written in C do not say.
        return ""
    any_number = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return ", ".join(
        it.name for it in found if it.default is it.empty and it.kind not in any_number
    )
