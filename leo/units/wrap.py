"""Replaces methods by wrappers, and restores them.

A method that cannot be wrapped is refused before anything is changed: if some calls bypassed the
wrapper, the trace would look complete and would not be.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

from leo.errors import InstrumentError

__all__ = ["Method", "Patches", "label_of"]

Method = Callable[..., Any]
Wrap = Callable[[Method], Method]
_MISSING: Final = object()


class Patches:
    """The wrappers that are in place, and what was there before."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, object, object]] = []

    def put(self, target: object, name: str, wrap: Wrap) -> None:
        """Replace the method `name` of an object or a class by what `wrap` makes of it.

        Raises InstrumentError when calls of the method could go around the wrapper, or end before
        its body does.
        """
        raw = inspect.getattr_static(target, name, _MISSING)
        if raw is _MISSING:
            near = get_close_matches(name, dir(target), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise _refused(target, name, f"there is no such method{hint}")
        if isinstance(target, type):
            self._put_on_class(target, name, raw, wrap)
        else:
            self._put_on_object(target, name, raw, wrap)

    def join(self, later: Patches) -> None:
        """Take over wrappers that were put in place after these."""
        self._undo += later._undo

    def restore(self) -> None:
        """Put everything back as it was, the last wrapper first.

        Raises InstrumentError, afterwards, when somebody else had replaced a wrapper: theirs is
        left.
        """
        changed = []
        while self._undo:
            target, name, mine, before = self._undo.pop()
            if vars(target).get(name, _MISSING) is not mine:
                changed.append(f"{label_of(target)}.{name}")
            elif isinstance(target, type):
                if before is _MISSING:
                    delattr(target, name)
                else:
                    setattr(target, name, before)
            elif before is _MISSING:
                del vars(target)[name]
            else:
                vars(target)[name] = before
        if changed:
            raise InstrumentError(
                f"{', '.join(changed)} was replaced while it was instrumented, and is left as it "
                "is; close recordings of one object in the reverse order of their making"
            )

    def _put_on_class(self, target: type, name: str, raw: Any, wrap: Wrap) -> None:
        kind = type(raw) if isinstance(raw, (staticmethod, classmethod)) else None
        original = raw.__func__ if kind else raw
        if not inspect.isroutine(original):
            raise _refused(target, name, f"it is a {type(raw).__name__} and no method")
        _check_body(target, name, original)
        wrapper = wrap(original)
        mine = kind(wrapper) if kind else wrapper
        before = vars(target).get(name, _MISSING)
        try:
            setattr(target, name, mine)
        except (TypeError, AttributeError) as error:
            why = f"the class does not allow it ({error}); wrap a subclass of it"
            raise _refused(target, name, why) from error
        self._undo.append((target, name, mine, before))

    def _put_on_object(self, target: object, name: str, raw: object, wrap: Wrap) -> None:
        if not hasattr(target, "__dict__"):
            why = "the object has slots and no room for a wrapper of its own; instrument its class"
            raise _refused(target, name, f"{why} {type(target).__name__}")
        if name.startswith("__") and name.endswith("__"):
            why = "Python looks it up on the class; instrument the class"
            raise _refused(target, name, f"{why} {type(target).__name__}")
        original = getattr(target, name)
        if hasattr(type(raw), "__set__") or not callable(original):
            raise _refused(target, name, f"it is a {type(raw).__name__} and no method")
        _check_body(target, name, original)
        mine = wrap(original)
        before = vars(target).get(name, _MISSING)
        # Not setattr: a frozen object refuses it, and one that counts its attributes would count.
        vars(target)[name] = mine
        self._undo.append((target, name, mine, before))
        if getattr(target, name) is not mine:
            self.restore()
            why = "the object finds its attributes in a way of its own, and not the wrapper"
            raise _refused(target, name, f"{why}; instrument its class {type(target).__name__}")


def _check_body(target: object, name: str, original: Method) -> None:
    """Refuse what returns before its body has run."""
    inner = original if inspect.iscoroutinefunction(original) else inspect.unwrap(original)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise _refused(
            target,
            name,
            "it is a generator or makes a context manager of one, and its body runs after the call "
            "has returned; wrap the methods that it calls, or open a unit with recording.unit(...)",
        )


def _refused(target: object, name: str, why: str) -> InstrumentError:
    return InstrumentError(f"{label_of(target)}.{name} cannot be instrumented: {why}")


def label_of(target: object) -> str:
    """The class's name, of a class or of an object."""
    return target.__name__ if isinstance(target, type) else type(target).__name__
