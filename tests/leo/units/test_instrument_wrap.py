"""What can be wrapped, what is refused, and that everything is put back."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.errors import InstrumentError
from leo.units import instrument, judge_bytes
from tests.leo.units.test_instrument import Shelf, told


class Slotted:
    __slots__ = ("value",)

    def get(self) -> int:
        return 1


@dataclass(frozen=True)
class Frozen:
    value: int = 5

    def get(self) -> int:
        return self.value


class Proxy:
    """Finds its attributes in a way of its own."""

    def __getattribute__(self, name: str) -> Any:
        if name == "get":
            return lambda: 1
        return object.__getattribute__(self, name)

    def get(self) -> int:
        return 2


@pytest.mark.parametrize("name", ["get", "put", "add", "count", "wait"])
@pytest.mark.parametrize("on_class", [False, True])
def test_signature_kind_and_name_are_kept(name: str, on_class: bool) -> None:
    """An inspection of a wrapped method shows the method."""
    shelf = Shelf()
    before = getattr(shelf, name)
    with instrument(Shelf if on_class else shelf, unit=name):
        wrapped = getattr(shelf, name)
        assert inspect.signature(wrapped) == inspect.signature(before)
        assert inspect.iscoroutinefunction(wrapped) == inspect.iscoroutinefunction(before)
        assert (wrapped.__name__, wrapped.__doc__) == (before.__name__, before.__doc__)
    assert getattr(shelf, name) == before


@given(
    st.lists(st.sampled_from(["get", "put", "add", "count", "wait"]), unique=True), st.booleans()
)
def test_everything_is_put_back(names: list[str], on_class: bool) -> None:
    """Instance and class are as they were: the same attributes, the same objects."""
    shelf = Shelf()
    mine = shelf.get
    vars(shelf)["get"] = mine
    classes, objects = dict(vars(Shelf)), dict(vars(shelf))
    with instrument(Shelf if on_class else shelf, unit=names):
        changed = dict(vars(Shelf if on_class else shelf)) != (classes if on_class else objects)
        assert changed == bool(names)
    assert dict(vars(Shelf)) == classes
    assert all(vars(Shelf)[name] is value for name, value in classes.items())
    assert vars(shelf) == objects
    assert vars(shelf)["get"] is mine


def test_inherited_methods_of_a_class() -> None:
    """A wrapper on a subclass goes, and the inherited method is seen again."""

    class Lower(Shelf):
        """Inherits."""

    with instrument(Lower, reads={"get": lambda self, key: key}) as recording:
        Lower().get("a")
        Shelf().get("b")
    assert "get" not in vars(Lower)
    assert [event[2] for event in told(recording)] == [{}, {"a": 0}, {}]


def test_frozen_objects_can_be_wrapped() -> None:
    """An object that refuses new attributes is wrapped all the same, and equal afterwards."""
    frozen = Frozen()
    with instrument(frozen, reads={"get": "value"}) as recording:
        assert frozen.get() == 5
    assert vars(frozen) == {"value": 5}
    assert len(told(recording)) == 3


@pytest.mark.parametrize(
    ("target", "name", "reason"),
    [
        (Shelf(), "gte", "there is no such method; did you mean 'get'"),
        (Shelf(), "size", "it is a property"),
        (Shelf, "size", "it is a property"),
        (Shelf(), "values", "it is a dict"),
        (Shelf(), "__init__", "Python looks it up on the class"),
        (Shelf(), "each", "it is a generator"),
        (Shelf(), "stream", "it is a generator"),
        (Shelf, "stream", "it is a generator"),
        (Shelf(), "locked", "makes a context manager of one"),
        (Slotted(), "get", "slots and no room"),
        (Proxy(), "get", "a way of its own"),
        (dict, "get", "the class does not allow it"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(target: object, name: str, reason: str) -> None:
    """The refusal names method and reason, and leaves nothing behind, also of what it could do."""
    before = dict(vars(target)) if hasattr(target, "__dict__") else {}
    names = ["get", name] if isinstance(target, Shelf) else [name]
    with pytest.raises(InstrumentError, match=reason):
        instrument(target, unit=names)
    assert (dict(vars(target)) if hasattr(target, "__dict__") else {}) == before


def test_a_wrapper_replaced_by_others_is_left_and_told() -> None:
    """Recordings closed in the wrong order: the second wrapper stays, and the error says so."""
    shelf = Shelf()
    first = instrument(shelf, unit="get")
    second = instrument(shelf, unit="get")
    with pytest.raises(InstrumentError, match=r"Shelf\.get was replaced"):
        first.close()
    second.close()
    first.close()


def test_a_list_of_methods_is_refused() -> None:
    """What a method reads or writes has to be named: a list of methods does not say it."""
    with pytest.raises(InstrumentError, match=r"^writes=\['put'\]: expected a mapping"):
        instrument(Shelf(), reads={"get": "shelf"}, writes=["put"])  # type: ignore[arg-type]


def test_a_unit_that_is_one_moment_is_refused() -> None:
    """A unit that is itself the read and the write would be found atomic without a look."""
    both = {"get": "shelf"}
    with pytest.raises(InstrumentError, match=r"Shelf\.get is a unit, and both reads and writes"):
        instrument(Shelf(), reads=both, writes=both, unit="get")
    with pytest.raises(InstrumentError, match="one moment"):
        instrument(Shelf(), reads=both, appends=both, unit="get")
    instrument(Shelf(), reads=both, writes=both).close()


class Budget:
    """A method that reads, waits, and writes."""

    used = 0

    async def spend(self, tokens: int) -> None:
        used = self.used
        await asyncio.sleep(0)
        self.used = used + tokens


@pytest.mark.parametrize("others", [0, 1])
def test_a_call_that_waits_between_its_read_and_its_write_is_told(others: int) -> None:
    """It is taken as one moment, so that the report must not be silent about it."""

    async def run() -> Any:
        budget, both = Budget(), {"spend": "used"}
        with instrument(budget, reads=both, writes=both) as recording:
            await asyncio.gather(*(budget.spend(1) for _ in range(1 + others)))
        return judge_bytes(recording.ndjson())

    notices = asyncio.run(run()).notices
    assert any("spend reads and writes in one call" in text for text in notices) == bool(others)
