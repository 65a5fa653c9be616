"""Ctrl-C in a synchronous field: what was half done in the view is mended before anybody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import leo.field.tables
from leo.errors import StoreLockedError
from leo.front.threads import LeoField
from leo.reply.turn import Instance
from tests.leo.support import picture, reloaded, sync_field

TEXT = "a field in the morning is mostly silence then a voice crosses it"
Act = Callable[[LeoField], object]
ACTS: list[Act] = [lambda field: field.observe(TEXT), lambda field: field.reply(TEXT)]


def interrupt_the(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Ctrl-C comes once, in the middle of an assignment: before the row of this number is added."""
    grow, calls = leo.field.tables._grow, iter(range(1, number + 1))

    def cut(rows: Iterable[object]) -> Iterator[object]:
        for row in rows:
            if next(calls, 0) == number:
                raise KeyboardInterrupt
            yield row

    def interrupted(table: Any, rankings: Any, rows: Iterable[object], sign: int) -> None:
        grow(table, rankings, cast(Any, cut(rows)), sign)

    monkeypatch.setattr(leo.field.tables, "_grow", interrupted)


@pytest.mark.parametrize("discipline", ["sequential", "threading-lock", "gil"])
@pytest.mark.parametrize("act", ACTS, ids=["observe", "reply"])
@pytest.mark.parametrize("number", [1, 5])
def test_an_interrupt_in_an_assignment_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str, act: Act, number: int
) -> None:
    """Interrupted inside the rows of an observation or of a reply: the view is what the store is,
    row for row, and goes on being that.
    """
    with sync_field(tmp_path / "field", discipline=discipline) as field:
        interrupt_the(monkeypatch, number)
        with pytest.raises(KeyboardInterrupt):
            act(field)
        assert picture(field.view) == field._store.perform(reloaded)
        assert field.reply("hello")
        assert picture(field.view) == field._store.perform(reloaded)


@pytest.mark.parametrize("act", ACTS, ids=["observe", "reply"])
def test_the_lock_is_held_until_the_view_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    """Nobody can reply from the half of an assignment: lock and latch are freed afterwards."""
    with sync_field(tmp_path / "field", discipline="threading-lock") as field:
        lock, latch = field._lock, field._latch
        assert lock is not None
        take, held = Instance.take, []

        def watched(instance: Instance, opened: object) -> None:
            held.append((lock.locked(), latch.locked()))  # type: ignore[attr-defined]
            take(instance, opened)  # type: ignore[arg-type]

        monkeypatch.setattr(Instance, "take", watched)
        interrupt_the(monkeypatch, 5)
        with pytest.raises(KeyboardInterrupt):
            act(field)
        assert held == [(True, True)]
        assert not lock.locked() and not latch.locked()  # type: ignore[attr-defined]


@pytest.mark.parametrize("act", ACTS, ids=["observe", "reply"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), StoreLockedError("not now")])
def test_a_view_that_could_not_be_mended_is_mended_by_whoever_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act, error: BaseException
) -> None:
    """A second Ctrl-C, or a store that is locked just then: the caller gets the interrupt, and the
    next call finds the view whole before it does anything.
    """
    take, failures = Instance.take, [error]

    def failing(instance: Instance, opened: object) -> None:
        if failures:
            raise failures.pop()
        take(instance, opened)  # type: ignore[arg-type]

    with sync_field(tmp_path / "field") as field:
        monkeypatch.setattr(Instance, "take", failing)
        interrupt_the(monkeypatch, 5)
        with pytest.raises(KeyboardInterrupt):
            act(field)
        assert not failures
        act(field)
        assert picture(field.view) == field._store.perform(reloaded)
