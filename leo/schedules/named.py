"""Finds a scenario by its name, for the command line: `leo explore module:scenario`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from leo.errors import LeoError
from leo.schedules.exploration import Exploration, explore


@dataclass(frozen=True, slots=True)
class Named:
    """What `explore` is asked: `make`, `calls`, and its other arguments."""

    make: Callable[[], Any]
    calls: Any
    options: dict[str, Any]

    def explore(self, **options: Any) -> Exploration:
        """Explore it; `options` go before its own."""
        return explore(self.make, self.calls, **{**self.options, **options})


def scenario(make: Any = None, calls: Any = None, **options: Any) -> Any:
    """A scenario, with the arguments of `explore`.

    A function that returns one can be named on the command line.  Without `make` it is a decorator
    for the function that makes the object: `@scenario(calls=[...])`.
    """
    if make is None:
        return lambda function: Named(function, calls, options)
    return Named(make, calls, options)


def load(name: str) -> Named:
    """The scenario `module:name`.  Raises LeoError when there is none."""
    module, _, attribute = name.partition(":")
    expected = "expected module:scenario, with the module's name as in an import"
    if not module or not attribute:
        raise LeoError(f"{name!r}: {expected}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module)
    except ImportError as error:
        raise LeoError(f"{name!r}: {error}; {expected}") from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise LeoError(f"{name!r}: {module} has no {attribute}; {expected}")
        found = getattr(found, part)
    if not isinstance(found, Named) and callable(found):
        found = found()
    if not isinstance(found, Named):
        raise LeoError(
            f"{name!r} is {type(found).__name__}: expected a function that returns "
            "leo.schedules.scenario(make, calls, ...), or one that it decorates"
        )
    return found
