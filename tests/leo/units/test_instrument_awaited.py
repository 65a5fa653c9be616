"""Plain functions that return what is to be awaited or entered: the call ends when that does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any

import aiosqlite
import pytest

from leo import instrument
from leo.units import Recording, judge_bytes
from tests.leo.units.test_instrument import told


class Pending:
    """What a client library returns: it can be awaited."""

    def __init__(self, work: Awaitable[int]) -> None:
        self.work = work

    def __await__(self) -> Generator[Any, Any, int]:
        return self.work.__await__()


class Client:
    """A store behind a client whose methods are plain functions."""

    def __init__(self) -> None:
        self.value = 0

    async def _set(self, value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError(value)
        self.value = value
        return value

    def coroutine(self, value: int) -> Awaitable[int]:
        return self._set(value)

    def task(self, value: int) -> Awaitable[int]:
        return asyncio.ensure_future(self._set(value))

    def pending(self, value: int) -> Pending:
        return Pending(self._set(value))

    def get(self) -> int:
        return self.value


def recorded(client: Client) -> Recording:
    names = ("coroutine", "task", "pending")
    return instrument(client, writes=dict.fromkeys(names, "value"), reads={"get": "value"})


@pytest.mark.parametrize("name", ["coroutine", "task", "pending"])
def test_the_call_ends_when_what_it_returned_does(name: str) -> None:
    """The value comes through, an exception as well, and between the call and the await other calls
    are units of their own.
    """

    async def main() -> Recording:
        client = Client()
        with recorded(client) as recording:
            begun = getattr(client, name)(7)
            assert client.get() == 0
            assert await begun == 7
            with pytest.raises(ValueError, match="-1"):
                await getattr(client, name)(-1)
            await asyncio.sleep(0)
        return recording

    recording = asyncio.run(main())
    assert [(unit, action, outcome) for unit, action, _, _, outcome in told(recording)] == [
        (f"{name}.1", "Open", "ok"),
        ("get.1", "Open", "ok"),
        ("get.1", "Read", "ok"),
        ("get.1", "Close", "returned"),
        (f"{name}.1", "Write", "ok"),
        (f"{name}.1", "Close", "returned"),
        (f"{name}.2", "Open", "ok"),
        (f"{name}.2", "Write", "raised"),
        (f"{name}.2", "Close", "raised"),
    ]


def test_a_real_client_is_wrapped() -> None:
    """aiosqlite's `execute` is a plain function, and `async with` enters its cursor."""

    async def main() -> Recording:
        async with aiosqlite.connect(":memory:") as db:
            await db.execute("create table t(x)")
            with (
                instrument(
                    db, writes={"execute": "t"}, reads={"execute_fetchall": "t"}, commits="commit"
                ) as recording,
                recording.unit("insert"),
            ):
                async with db.execute("insert into t values (1)"):
                    pass
                await db.execute("insert into t values (2)")
                assert len(list(await db.execute_fetchall("select * from t"))) == 2
                await db.commit()
        return recording

    verdict = judge_bytes(asyncio.run(main()).ndjson())
    assert verdict.clean and verdict.calls == 3
