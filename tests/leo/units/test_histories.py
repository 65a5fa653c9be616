"""Histories of others with known verdicts (`histories.py`): each is judged right, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leo.commands.main import main
from leo.units import LEVELS, history_of, is_history, judge_reader
from tests.leo.units.histories import LISTS, PLAIN, REGISTERS, SINGLES, Told, entry

ALL = [
    pytest.param(told, id=f"{kind}: {name}")
    for kind, some in (
        ("list", LISTS),
        ("register", REGISTERS),
        ("single", SINGLES),
        ("plain", PLAIN),
    )
    for name, told in some.items()
]


@pytest.mark.parametrize("told", ALL)
def test_history(told: Told, tmp_path: Path) -> None:
    """The strongest level that holds, what is found and what is left open; the command says so."""
    data = told.text.encode()
    kind = is_history(data.partition(b"\n")[0] + b"\n")
    verdict = judge_reader(history_of(kind, data, "history"))
    names = {case.anomaly for case in verdict.cases(sure=True)} - {""}
    assert (verdict.level(sure=True), verdict.level(sure=False)) == (told.level, told.level)
    assert names >= set(told.names)
    assert set(verdict.undecided) == set(told.undecided)
    path = tmp_path / "history"
    path.write_bytes(data)
    assert main(["validate", str(path)]) == int(told.level != "strict-serializable")
    if told.level:
        assert main(["validate", str(path), "--promise", told.level]) == 0


def by_chance(seed: int) -> tuple[str, list[tuple[list[list[Any]], int, int]]]:
    """A history of a few transactions, and each with its operations, its beginning and its end."""
    rng = Random(seed)
    lists, count = seed % 2, rng.randint(2, 5)
    state: dict[str, list[int]] = {"x": [], "y": []}
    done: list[tuple[list[list[Any]], int, int]] = []
    times = sorted(rng.sample(range(count * 4), count * 2))
    starts: list[int] = []
    spans: list[tuple[int, int]] = []
    while len(spans) < count:
        # Some begin, and one of those that have begun ends.
        while len(starts) + len(spans) < count and (not starts or rng.random() < 0.6):
            starts.append(times.pop(0))
        spans.append((starts.pop(rng.randrange(len(starts))), times.pop(0)))
    value = 0
    for begin, end in rng.sample(spans, count):
        ops: list[list[Any]] = []
        mine: dict[str, list[int]] = {}
        for _ in range(rng.randint(1, 3)):
            key = rng.choice("xy")
            if rng.random() < 0.5:
                value += 1
                mine[key] = [*mine.get(key, state[key]), value]
                ops.append([":append" if lists else ":w", key, value])
            else:
                # What is there, or what was there before.
                seen = mine.get(key, state[key])
                if key not in mine and rng.random() < 0.3:
                    seen = seen[: rng.randint(0, len(seen))]
                ops.append([":r", key, seen if lists else (seen[-1] if seen else None)])
                mine.setdefault(key, seen)
        state |= {k: v for k, v in mine.items() if any(op[1] == k and op[0] != ":r" for op in ops)}
        done.append((ops, begin, end))
    entries = []
    for k, (ops, begin, end) in enumerate(done):
        text = str(ops).replace("'", "").replace("None", "nil").replace(",", "")
        entries += [(begin, entry("invoke", k, text)), (end, entry("ok", k, text))]
    return "".join(text for _, text in sorted(entries)), done


def explains(order: Sequence[tuple[list[list[Any]], int, int]]) -> bool:
    """Each transaction, one after the other, finds what it read."""
    state: dict[str, Any] = {}
    for ops, _, _ in order:
        for verb, key, value in ops:
            if verb == ":append":
                state[key] = [*state.get(key, []), value]
            elif verb == ":w":
                state[key] = value
            elif (state.get(key) or None) != (value or None):
                return False
    return True


@pytest.mark.parametrize("first", range(0, 1_000, 250))
def test_histories_by_chance(first: int) -> None:
    """By the definition: is there an order, and one that keeps who came after whom?"""
    for seed in range(first, first + 250):
        text, done = by_chance(seed)
        orders = [order for order in permutations(done) if explains(order)]
        strict = any(all(a[1] < b[2] for a, b in combinations(order, 2)) for order in orders)
        verdict = judge_reader(history_of("elle", text.encode(), "history"))
        level = verdict.level(sure=True)
        assert not {"Serializable", "StrictlySerializable"} & set(verdict.undecided), seed
        if strict:
            assert verdict.clean, seed
        elif orders:
            assert level == "serializable", seed
        else:
            assert LEVELS.index(level) < LEVELS.index("serializable") if level else True, seed
