"""Under load callers go first: inner replies wait, and are dropped when too many call."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from leo import MODULES, AsyncLeoField
from leo.actions import Action
from leo.drivers.inner import PRESSURE, WAITING
from leo.errors import CallerError, OverloadError, StepError
from leo.reply.program import ReplyState
from tests.leo.support import async_field, sync_field

D6 = "shielded-unit-of-work"
KINDS = [D6, "actor", "asyncio-lock"]


class Order:
    """A gate that notes which sessions call, in their order, and holds one of them back."""

    def __init__(self, held: str = "") -> None:
        self.calls: list[str] = []
        self.held, self.there, self.go_on = held, asyncio.Event(), asyncio.Event()

    async def __call__(self, session: str, action: Action) -> None:
        if action is Action.Call:
            self.calls.append(session)
        if session == self.held and action is Action.Generate and not self.go_on.is_set():
            self.there.set()
            await self.go_on.wait()


async def settled(field: AsyncLeoField) -> None:
    """All inner replies have ended."""
    tasks = [t for t in asyncio.all_tasks() if t.get_name().startswith("the inner replies")]
    if tasks:
        await asyncio.wait(tasks)


@pytest.mark.parametrize("discipline", KINDS)
def test_inner_replies_begin_when_nobody_calls(tmp_path: Path, discipline: str) -> None:
    """They wait for the call that is under way and for those that wait for it, and then come one
    after the other.
    """

    async def main() -> None:
        gate = Order(held="b")
        async with await async_field(
            tmp_path / "field", discipline, gate=gate, modules=MODULES
        ) as field:
            first = asyncio.ensure_future(field.reply("hello there", "a"))
            second = asyncio.ensure_future(field.reply("hello there", "b"))
            third = asyncio.ensure_future(field.reply("hello there", "c"))
            await first
            await gate.there.wait()
            for _ in range(20):
                await asyncio.sleep(0)
            assert not any("~" in call for call in gate.calls)
            gate.go_on.set()
            await asyncio.gather(second, third)
            await settled(field)
            assert field.dropped == 0
        inner = [call for call in gate.calls if "~" in call]
        assert gate.calls == ["a", "b", "c", *inner] and len(inner) >= 9
        # One session's thoughts are not torn apart by another's.
        assert [call[0] for call in inner] == sorted(call[0] for call in inner)

    asyncio.run(main())


@pytest.mark.parametrize("discipline", [D6, "actor"])
def test_too_many_callers_are_not_kept_waiting_for_thoughts(
    tmp_path: Path, discipline: str
) -> None:
    """With more than PRESSURE calls under way a session that calls again is answered without its
    inner replies; they are counted.
    """

    async def main() -> None:
        async with await async_field(tmp_path / "field", discipline, modules=MODULES) as field:

            async def talk(session: str) -> None:
                for _ in range(2):
                    await field.reply("hello there", session)

            await asyncio.gather(*(talk(f"s{n}") for n in range(PRESSURE + 8)))
            assert field.dropped >= 8
            await settled(field)
            before = field.dropped
            # Fewer callers: what a session says and hears has one order again.
            for _ in range(3):
                await field.reply("hello there", "s1")
            assert field.dropped == before

    asyncio.run(main())


def test_thoughts_that_wait_are_bounded(tmp_path: Path) -> None:
    """Sessions that come once, while somebody calls all the time: the oldest are dropped."""

    async def main() -> None:
        gate = Order(held="long")
        async with await async_field(
            tmp_path / "field", "bare", gate=gate, modules=MODULES
        ) as field:
            long = asyncio.ensure_future(field.reply("hello there", "long"))
            await gate.there.wait()
            for number in range(WAITING + 3):
                await field.reply("hello", f"s{number}")
            for _ in range(20):
                await asyncio.sleep(0)
            held = field._afterthoughts._held
            assert len(held) == WAITING and "s0" not in held and field.dropped == 3
            # What waits is of no use to a field that closes at once.
            for task in list(field._afterthoughts._tasks.values()):
                task.cancel()
            gate.go_on.set()
            await long

    asyncio.run(main())


@pytest.mark.unjudged("inner replies fail")
def test_errors_that_nobody_asks_for_are_bounded(tmp_path: Path) -> None:
    """Sessions whose inner replies fail and that never come back: the last errors are kept, and
    nothing of what the replies had in mind.
    """

    async def gate(session: str, action: Action) -> None:
        if "~" in session and action is Action.Generate:
            raise RuntimeError(session)

    async def main() -> None:
        async with await async_field(tmp_path / "field", D6, gate=gate, modules=MODULES) as field:
            for number in range(WAITING + 3):
                await field.reply("hello there", f"s{number}")
                await settled(field)
            kept = field._afterthoughts._failed
            assert not field._afterthoughts._tasks
            assert len(kept) == WAITING and "s2" not in kept and "s3" in kept
            gc.collect()
            assert sum(isinstance(thing, ReplyState) for thing in gc.get_objects()) < 5
            with pytest.raises(StepError, match="s9~"):
                await field.settle("s9")
            kept.clear()

    asyncio.run(main())


def test_one_session_hears_the_same_whoever_waits_for_its_thoughts(tmp_path: Path) -> None:
    """The same bytes as the synchronous field, which carries them out before it returns."""
    prompts = ["hello there", "a path is no wall", "who are you?", "What is a field?"]

    async def talk() -> list[str]:
        async with await async_field(tmp_path / "one", D6, modules=MODULES) as field:
            return [await field.reply(prompt) for prompt in prompts]

    with sync_field(tmp_path / "other", modules=MODULES) as field:
        assert asyncio.run(talk()) == [field.reply(prompt) for prompt in prompts]


@pytest.mark.parametrize("discipline", KINDS)
def test_more_callers_than_the_field_was_opened_for_are_refused(
    tmp_path: Path, discipline: str
) -> None:
    """Before anything is done; those that wait are answered, and there is room again."""

    async def main() -> None:
        async with await AsyncLeoField.open(
            tmp_path / "field", discipline=discipline, max_waiting=2
        ) as field:
            calls = [field.reply("hello", f"s{n}") for n in range(6)]
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert [isinstance(end, OverloadError) for end in ends] == [False] * 3 + [True] * 3
            assert isinstance(ends[-1], CallerError) and "max_waiting is 2" in str(ends[-1])
            assert await field.reply("hello", "s5")
            assert field.view.versions()["view.bigrams"] == 1 + 4

    asyncio.run(main())


@pytest.mark.slow
def test_the_log_beside_a_small_field_stays_small(tmp_path: Path) -> None:
    """Within 4 MiB, however much is said."""
    path = tmp_path / "field"
    most = 0
    with sync_field(path, modules=MODULES) as field:
        for number in range(100):
            field.reply(f"hello there, {number} times", f"s{number}")
            most = max(most, Path(f"{path}-wal").stat().st_size)
    assert 1 << 20 < most <= 4 << 20
