"""Calls outside any unit, each a unit of its own, and lines that are made many at a time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leo.units.log
from leo.errors import InstrumentError, TraceFileError
from leo.units import Recording, instrument
from leo.units.judge import judge_bytes
from leo.units.log import CHUNK
from tests.leo.units.test_instrument import Shelf, told, watch


def test_names_that_are_no_text_are_told_at_the_end() -> None:
    """What cannot be written as JSON stops the recording, and never the program."""
    shelf = Shelf()
    recording = watch(shelf)
    for _ in range(CHUNK):
        assert shelf.get("\ud800") == 0
    with pytest.raises(TraceFileError, match="the recording: a line cannot be written as JSON"):
        recording.ndjson()
    with pytest.raises(TraceFileError, match="surrogates not allowed"):
        recording.close()
    assert vars(shelf) == {"values": {}}


def test_a_call_alone_ends_its_unit_however_it_ends() -> None:
    """A name that cannot be found: the unit has raised, and nobody stays in it."""
    shelf = Shelf()
    naming: dict[str, str] = {}
    with instrument(shelf, reads={"get": lambda key: naming[key]}) as recording:
        with pytest.raises(KeyError):
            shelf.get("a")
        naming["a"] = "a"
        shelf.get("a")
    assert [(unit, action, outcome) for unit, action, _, _, outcome in told(recording)] == [
        ("get.1", "Open", "ok"),
        ("get.1", "Close", "raised"),
        ("get.2", "Open", "ok"),
        ("get.2", "Read", "ok"),
        ("get.2", "Close", "returned"),
    ]


@pytest.mark.parametrize("names", [None, 5, [["a"]], [None], ["a", 7], b"a"])
def test_what_is_no_name_is_told_at_the_end_and_not_to_the_program(names: Any) -> None:
    """The call is made and returns; `ndjson` and `close` say which method it was."""
    shelf = Shelf()
    recording = instrument(shelf, reads={"get": lambda key: names})
    assert shelf.get("a") == 0
    for told_by in (recording.ndjson, recording.close):
        with pytest.raises(InstrumentError, match=r"^Shelf\.get: .* expected a text, or several"):
            told_by()
    assert vars(shelf) == {"values": {}}


@given(
    st.lists(st.sampled_from(["get", "put", "add", "bad", "unit"]), max_size=3 * CHUNK),
    st.sampled_from([1, 2, CHUNK]),
)
@settings(max_examples=30)
def test_any_calls_make_one_trace(calls: list[str], chunk: int) -> None:
    """Calls alone and in units, that return and that raise, however many lines are made at a time:
    the judge finds a whole trace of as many units, and nothing wrong with calls one by one."""

    async def main() -> Recording:
        shelf = Shelf()
        with watch(shelf) as recording:
            for call in calls:
                if call == "get":
                    shelf.get("a")
                elif call == "unit":
                    with recording.unit("unit"):
                        shelf.get("a")
                        await shelf.add("b")
                elif call == "bad":
                    with contextlib.suppress(ValueError):
                        await shelf.put("a", -1)
                else:
                    await (shelf.add("a") if call == "add" else shelf.put("a", 1))
        return recording

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leo.units.log, "CHUNK", chunk)
        verdict = judge_bytes(asyncio.run(main()).ndjson())
    assert (verdict.units, verdict.open, verdict.closed) == (len(calls), 0, True)
    assert verdict.outcomes["raised"] == calls.count("bad")
    assert not verdict.broken
    # A write that raised may have happened, and then a later read has read it.
    may_be = {"AllOrNothing", "NoAbortedRead"} if "bad" in calls else set()
    assert set(verdict.undecided) <= may_be
