"""The shield: between a commit and the swap of the view nothing ends a reply."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leo import AsyncLeoField
from leo.actions import Action
from leo.errors import StepError
from leo.trace.events import Happened, NoTrace
from tests.leo.support import UNITS, async_field, picture, reloaded

SHIELDED = [id for id in UNITS if id != "unit-of-work"]


class FailsOnce(NoTrace):
    """A tracer that fails at the first commit, and then has room again."""

    enabled = True  # type: ignore[misc]

    def __init__(self) -> None:
        self.left = [OSError("no room for a trace")]
        self.actions: list[str] = []

    def record(self, happened: Happened) -> None:
        self.actions.append(happened.action.value)
        if happened.action is Action.Commit and self.left:
            raise self.left.pop()


async def whole(field: AsyncLeoField) -> bool:
    return picture(field.view) == await field._store.perform(reloaded)


@pytest.mark.parametrize("discipline", SHIELDED)
def test_an_error_between_commit_and_swap_waits_for_the_swap(
    tmp_path: Path, discipline: str
) -> None:
    """The recorder fails when the commit is carried out: the view takes the commit all the same,
    the caller is told of the error, and the next reply works.
    """

    async def main() -> None:
        tracer = FailsOnce()
        async with await async_field(tmp_path / "field", discipline, tracer) as field:
            with pytest.raises(StepError, match=r"'commit' .*no room for a trace"):
                await field.reply("grey herons wait")
            assert tracer.actions[-3:] == ["Commit", "SwapView", "Raise"]
            assert field.view.trigram_count("grey", "herons", "wait") == 1
            assert await whole(field)
            assert await field.reply("and now?")
            assert await whole(field)

    asyncio.run(main())


@pytest.mark.parametrize("discipline", [id for id in SHIELDED if id != "actor"])
def test_a_cancellation_comes_before_an_error_that_was_held_back(
    tmp_path: Path, discipline: str
) -> None:
    """Both strike between commit and swap: the view is swapped, and whoever cancelled sees the
    cancellation come back.
    """

    async def main() -> None:
        tracer = FailsOnce()
        calls: list[asyncio.Task[str]] = []

        async def gate(session: str, action: Action) -> None:
            if action is Action.SwapView and calls:
                calls.pop().cancel()
                await asyncio.sleep(0)

        async with await async_field(tmp_path / "field", discipline, tracer, gate) as field:
            call = asyncio.ensure_future(field.reply("grey herons wait"))
            calls.append(call)
            await asyncio.wait((call,))
            assert call.cancelled()
            assert tracer.actions[-2:] == ["SwapView", "CancelApplied"]
            assert await whole(field)

    asyncio.run(main())
