"""A class with a race on purpose, written as any library might have it, recorded and judged.

`Wallets` keeps balances behind calls that wait, as a database's would. `transfer` reads two of them
and writes two of them, and in between others have their turn. `report` reads all of them, one after
the other. Nothing in the class knows that it is watched.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from leo.units import UnitsVerdict, instrument, judge_bytes, to_lines


class Wallets:
    """Balances by name. `lock` makes a transfer and a report one step for all others."""

    def __init__(self, *, lock: bool = False, **balances: int) -> None:
        self._balances = balances
        self._lock: AbstractAsyncContextManager[Any] = asyncio.Lock() if lock else nullcontext()

    async def balance(self, name: str) -> int:
        found = self._balances[name]
        await asyncio.sleep(0)
        return found

    async def set_balance(self, name: str, value: int) -> None:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError(f"{name} would have {value}")
        self._balances[name] = value

    async def transfer(self, source: str, target: str, amount: int) -> None:
        async with self._lock:
            there = await self.balance(target)
            here = await self.balance(source)
            await self.set_balance(target, there + amount)
            await self.set_balance(source, here - amount)

    async def report(self) -> int:
        async with self._lock:
            return sum([await self.balance(name) for name in sorted(self._balances)])


async def watched(wallets: Wallets, *calls: tuple[Any, ...]) -> UnitsVerdict:
    """Make calls (a method's name and its arguments) at the same time; return the verdict."""
    with instrument(
        wallets,
        reads={"balance": lambda name: name},
        writes={"set_balance": lambda name, value: name},
        unit=("transfer", "report"),
    ) as recording:
        await asyncio.gather(
            *(getattr(wallets, method)(*arguments) for method, *arguments in calls),
            return_exceptions=True,
        )
    return judge_bytes(recording.ndjson())


async def run(lock: bool) -> tuple[UnitsVerdict, int]:
    """Two transfers out of one wallet and a report, at the same time; what is left in all."""
    wallets = Wallets(lock=lock, ada=10, bob=10, eve=10)
    verdict = await watched(
        wallets,
        ("transfer", "ada", "bob", 1),
        ("transfer", "ada", "eve", 2),
        ("report",),
        ("transfer", "bob", "eve", 100),
    )
    return verdict, await wallets.report()


def main() -> int:
    for lock in (False, True):
        verdict, total = asyncio.run(run(lock))
        print(f"{'with' if lock else 'without'} a lock: 30 paid in, {total} left")
        print("\n".join(to_lines(verdict)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
