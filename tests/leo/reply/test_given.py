"""What a caller gives: refused in a sentence before anything is marked, so that nothing stays
locked.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from leo import LeoField
from leo.errors import CallerError, SessionBusyError
from leo.reply.given import LONGEST
from leo.reply.turn import Instance
from tests.leo.judge import judge
from tests.leo.support import async_field, picture, recorder, sync_field

NO_TEXTS: list[Any] = [None, 3, b"hello", ["hello"]]
NO_SESSIONS: list[Any] = [
    None, 3, b"s1", ["s1"], "\ud800", "s\udfff1",
    "", "a\nb", "\x1b[31m", "nobody", "s" * 201, "s1~x",
]  # fmt: skip
KINDS = ["sequential", "gil", "threading-lock"]
ASYNC_KINDS = ["bare", "asyncio-lock", "shielded-unit-of-work", "actor"]


@pytest.mark.parametrize("discipline", KINDS)
def test_what_is_no_text_is_refused_and_locks_nothing(tmp_path: Path, discipline: str) -> None:
    """Prompt, session or observation: a CallerError that shows the type, and the next call is
    answered.
    """
    with sync_field(tmp_path / "field", discipline=discipline) as field:
        before = picture(field.view)
        for given in NO_TEXTS:
            with pytest.raises(CallerError, match=f"type {type(given).__name__}"):
                field.reply(given)
            with pytest.raises(CallerError, match=f"type {type(given).__name__}"):
                field.observe(given)
        for session in NO_SESSIONS:
            with pytest.raises(CallerError, match="session"):
                field.reply("hello", session)
        assert picture(field.view) == before
        assert field.reply("hello")


@pytest.mark.parametrize("discipline", ASYNC_KINDS)
def test_what_is_no_text_is_refused_on_a_loop_as_well(tmp_path: Path, discipline: str) -> None:
    """The same under an event loop, whoever carries the replies out."""

    async def main() -> None:
        async with await async_field(tmp_path / "field", discipline) as field:
            before = picture(field.view)
            for given in NO_TEXTS:
                with pytest.raises(CallerError, match=f"type {type(given).__name__}"):
                    await field.reply(given)
                with pytest.raises(CallerError, match=f"type {type(given).__name__}"):
                    await field.observe(given)
            for session in NO_SESSIONS:
                with pytest.raises(CallerError, match="session"):
                    await field.reply("hello", session)
            assert picture(field.view) == before
            assert await field.reply("hello")

    asyncio.run(main())


@pytest.mark.parametrize("discipline", KINDS)
def test_ctrl_c_before_the_turn_is_there_locks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """The session was made busy, and the interrupt comes before anybody has the turn."""
    admit, presses = Instance.admit, [KeyboardInterrupt()]

    def pressed(instance: Instance, *given: Any) -> None:
        admit(instance, *given)
        if presses:
            raise presses.pop()

    monkeypatch.setattr(Instance, "admit", pressed)
    with sync_field(tmp_path / "field", discipline=discipline) as field:
        with pytest.raises(KeyboardInterrupt):
            field.reply("hello")
        assert field.reply("hello")


def test_a_refused_call_does_not_free_the_session_of_the_one_under_way(tmp_path: Path) -> None:
    """Only who made the session busy frees it: a second refusal follows the first."""
    seen: list[str] = []

    def gate(session: str, action: object) -> None:
        for _ in range(2 - len(seen)):
            with pytest.raises(SessionBusyError) as caught:
                field.reply("and?", session)
            seen.append(str(caught.value))

    with sync_field(tmp_path / "field", gate=gate) as field:
        assert field.reply("hello")
    assert len(seen) == 2


def test_every_session_that_is_answered_can_be_recorded(tmp_path: Path) -> None:
    """What a trace cannot hold is refused, and the rest is a trace."""
    with recorder(tmp_path / "trace") as tracer, sync_field(tmp_path / "field", tracer) as field:
        for name in ("a.b", "a b", "\N{SEEDLING}", "main", "i1", "s" * 200, "..", '"', "1"):
            assert field.reply("hello", name)
    assert judge(tmp_path / "trace").outcomes == {"returned": 9}


@pytest.mark.parametrize("discipline", ["sequential", "shielded-unit-of-work"])
def test_a_text_that_would_keep_everybody_waiting_is_refused(
    tmp_path: Path, discipline: str
) -> None:
    """At once; one of the length that is allowed is taken in."""
    longest, longer = "ab " * (LONGEST // 3), "ab " * LONGEST

    async def main() -> None:
        async with await async_field(tmp_path / "field", discipline) as field:
            for call in (field.reply, field.observe):
                with pytest.raises(CallerError, match="300,000 characters is too long"):
                    await call(longer)
            await field.observe(longest)
            assert await field.reply("hello")

    if discipline != "sequential":
        asyncio.run(main())
        return
    with sync_field(tmp_path / "field") as field:
        for call in (field.reply, field.observe):
            with pytest.raises(CallerError, match="300,000 characters is too long"):
                call(longer)
        field.observe(longest)
        assert field.reply("hello")


@pytest.mark.parametrize("now", [float("inf"), float("-inf"), float("nan"), 1e13])
def test_a_clock_that_no_row_can_hold_is_refused(tmp_path: Path, now: float) -> None:
    """Nothing is written, and the session is free again."""
    times = [now, 5.0]
    with LeoField.open(tmp_path / "field", clock=lambda: times.pop(0)) as field:
        with pytest.raises(CallerError, match="the clock of the field says"):
            field.reply("hello")
        assert field.reply("hello") and field.view.versions()["view.bigrams"] == 2
