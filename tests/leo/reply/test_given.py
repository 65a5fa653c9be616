"""What a caller gives: refused in a sentence before anything is marked, so that nothing stays
locked.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from leo.errors import CallerError, SessionBusyError
from leo.reply.turn import Instance
from tests.leo.support import async_field, picture, sync_field

NO_TEXTS: list[Any] = [None, 3, b"hello", ["hello"]]
NO_SESSIONS: list[Any] = [None, 3, b"s1", ["s1"], "\ud800", "s\udfff1"]
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
