"""A writer of traces of units, as a program would have it that is not ours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from leo.trace.events import End
from leo.units.judge import judge_bytes
from leo.units.log import UnitAction, UnitEvent, UnitsHeader
from leo.units.verdict import UnitsVerdict


@dataclass
class Writer:
    """Writes the lines of a trace, as a program would that is not ours."""

    events: list[UnitEvent] = field(default_factory=list)
    start: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    commits: bool = False
    values: bool = False

    def add(
        self,
        unit: str,
        action: str,
        *,
        reads: Iterable[str] = (),
        writes: Iterable[str] = (),
        outcome: str = "ok",
        since: int | None = None,
        seen: dict[str, int] | None = None,
    ) -> None:
        found = {name: self.versions.get(name, 0) for name in sorted(reads)}
        made = {}
        for name in sorted(writes):
            made[name] = self.versions[name] = self.versions.get(name, 0) + 1
        self.events.append(
            UnitEvent(
                seq=len(self.events) + 1,
                writer="w1",
                run="r",
                time=0.0,
                instance="i1",
                store="main",
                session=unit,
                reply=unit,
                action=UnitAction(action),
                reads=found | (seen or {}),
                writes=made,
                outcome=outcome,
                since=msgspec.UNSET if since is None else since,
            )
        )

    def unit(self, name: str, calls: str) -> None:
        """A unit that runs alone and returns: `rx` reads x, `wx` writes it."""
        self.add(name, "Open")
        for call in calls.split():
            if call[0] == "r":
                self.add(name, "Read", reads=call[1:])
            else:
                self.add(name, "Write", writes=call[1:])
        self.add(name, "Close", outcome="returned")

    def data(self) -> bytes:
        lines = [
            UnitsHeader(1, "units", "units/1", "r", self.start, self.commits, self.values),
            *self.events,
            End("end", "r", "w1", len(self.events)),
        ]
        return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)

    def judge(self) -> UnitsVerdict:
        return judge_bytes(self.data())
