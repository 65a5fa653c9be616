"""Calls of units and what depends on what: when a call can act."""

from __future__ import annotations

import pytest

from leo.units.calls import Call, Edge, Unit


def call(since: int, seq: int) -> Call:
    """A call that acted after one event and not after another."""
    return Call(Unit("u", 0), seq, seq + 1, since, False, True, {}, {}, "method")


@pytest.mark.parametrize(
    ("earliest", "stale", "moment"),
    [
        (3, False, 5),
        (7, True, 7),
        (7, False, 7),
        # It had acted by then: possible only where a version says that it came after all.
        (9, False, None),
        (9, True, 5),
    ],
)
def test_the_moment_at_which_a_target_can_act(
    earliest: int, stale: bool, moment: int | None
) -> None:
    """After the source and after its own beginning, before its end."""
    edge = Edge(call(0, 9), call(5, 9), "x", "wr", sure=False, stale=stale)
    assert edge.moment(earliest) == moment
