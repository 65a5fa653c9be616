"""What `explore` is given: put into one form, or refused before anything runs, each by its name."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
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
    it, pct, wrong = scenario, strategy == "pct", ""
    make: Any = it.make
    kinds = [kind for kind in it.raises if not _is_exception(kind)]
    numbers: dict[str, Any] = {
        "cancellations": it.cancellations, "bound": bound, "limit": limit,
        "steps": it.longest,
    }  # fmt: skip
    words = [name for name, value in numbers.items() if not isinstance(value, int)]
    if not callable(make):
        wrong = f"make is {type(make).__name__}: expected a function"
    elif missing := _missing(make):
        wrong = f"make needs {missing}: expected a function without arguments, a lambda say"
    elif words:
        wrong = f"{words[0]}={numbers[words[0]]!r}: expected a whole number"
    elif seconds is not None and not isinstance(seconds, int | float):
        wrong = f"seconds={seconds!r}: expected a number"
    elif it.cancellations < 0:
        wrong = f"{it.cancellations} cancellations: expected 0 or more"
    elif it.clock not in ("idle", "any"):
        wrong = f"clock {it.clock!r}: expected 'idle' or 'any'"
    elif strategy not in STRATEGIES:
        wrong = f"{strategy!r} is no strategy: expected one of {', '.join(STRATEGIES)}"
    elif it.declared and strategy != "every":
        wrong = f"strategy {strategy!r} makes no use of reads and writes: leave one out"
    elif not 0 < it.longest <= MOST_STEPS:
        wrong = f"{it.longest} steps: expected 1 to {MOST_STEPS:,}"
    elif limit < 1:
        wrong = f"a limit of {limit} schedules: expected at least 1"
    elif bound < pct:
        wrong = f"a bound of {bound}: expected at least {int(pct)}"
    elif seconds is not None and seconds <= 0:
        wrong = f"a limit of {seconds} seconds: expected more than 0"
    elif kinds:
        wrong = f"raises {kinds[0]!r}: expected classes of exceptions"
    if wrong:
        raise LeoError(wrong)


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


def _is_exception(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)
