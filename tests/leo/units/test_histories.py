"""Histories of others with known verdicts (`histories.py`): each is judged right, or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leo.commands.main import main
from leo.units import LEVELS, history_of, is_history, judge_reader
from tests.leo.units.histories import LISTS, PLAIN, REGISTERS, SINGLES, TEXTS, Told, bare, entry

ALL = [
    pytest.param(told, id=f"{kind}: {name}")
    for kind, some in (
        ("list", LISTS),
        ("register", REGISTERS),
        ("single", SINGLES),
        ("plain", PLAIN),
        ("text", TEXTS),
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


@dataclass
class Tried:
    """A transaction of a history by chance: its operations, how it ends, and when."""

    ops: list[list[Any]]
    kind: str
    begin: int = -1
    end: int = 0

    def written(self) -> set[str]:
        return {key for verb, key, _ in self.ops if verb != ":r"}


def by_chance(seed: int) -> tuple[str, list[Tried]]:
    """A history of a few transactions that find the right thing, or what was there at another time,
    or what is written at any time.
    """
    rng = Random(seed)
    verb, count, value = (":w", ":append")[seed % 2], rng.randint(2, 4), 0
    tried = []
    for _ in range(count):
        ops: list[list[Any]] = []
        for _ in range(rng.randint(1, 3)):
            value += 1
            key = rng.choice("xy")
            ops.append([":r", key, None] if rng.random() < 0.5 else [verb, key, value])
        tried.append(Tried(ops, rng.choices(["ok", "info", "fail"], [8, 1, 1])[0]))
    states: list[dict[str, list[int]]] = [{"x": [], "y": []}]
    order = rng.sample(tried, count)
    wild = rng.random() < 0.4
    for one in order:
        after = {key: [*values] for key, values in states[-1].items()}
        for did, key, what in one.ops if wild or one.kind != "fail" else ():
            if did != ":r":
                after[key].insert(rng.randint(0, 9) if wild else 9, what)
        states.append(after)
    for at, one in enumerate(order):
        base = states[at] if rng.random() < 0.7 else rng.choice(states)
        mine: dict[str, list[int]] = {"x": [], "y": []}
        for op in one.ops:
            if op[0] != ":r":
                mine[op[1]].append(op[2])
                continue
            there = (states[-1] if wild else base if rng.random() < 0.9 else rng.choice(states))[
                op[1]
            ]
            there = there[: rng.randint(0, len(there))] if wild else there
            seen = [e for e in there if e not in mine[op[1]]] + mine[op[1]]
            op[2] = seen if seed % 2 else (seen[-1] if seen else None)
    text = ""
    times = [one for one in order for _ in "be"]
    if rng.random() < 0.5:
        rng.shuffle(times)
    for now, one in enumerate(times):
        ended = one.begin >= 0
        one.begin, one.end = (one.begin, now) if ended else (now, 0)
        told = [[op[0], op[1], None if op[0] == ":r" and not ended else op[2]] for op in one.ops]
        said = str(told).replace("'", "").replace("None", "nil").replace(",", "")
        text += entry(one.kind if ended else "invoke", tried.index(one), said)
    return text, tried


def found(one: Tried, state: dict[str, list[int]]) -> dict[str, list[int]] | None:
    """What a transaction leaves, if it finds in a state what it read."""
    state = {**state}
    for verb, key, value in one.ops:
        there = state.get(key, [])
        if verb == ":r" and one.kind == "ok":
            right = there if isinstance(value, list) else there[-1:]
            if right != (value if isinstance(value, list) else [] if value is None else [value]):
                return None
        elif verb != ":r":
            state[key] = [*there, value]
    return state


def in_order(order: Sequence[Tried]) -> bool:
    """Each transaction, one after the other, finds what it read."""
    state: dict[str, list[int]] | None = {}
    for one in order:
        state = None if state is None else found(one, state)
    return state is not None


def in_snapshots(
    left: Sequence[Tried],
    state: dict[str, list[int]],
    done: Sequence[Tried] = (),
    begun: Sequence[tuple[Tried, int]] = (),
) -> bool:
    """Each finds what it read in a snapshot, and of two that write the same the first one wins."""
    if not left and not begun:
        return True
    for one in left:
        rest, now = [other for other in left if other is not one], (one, len(done))
        if found(one, state) is not None and in_snapshots(rest, state, done, [*begun, now]):
            return True
    for one, since in begun:
        if not any(one.written() & other.written() for other in done[since:]):
            blind = Tried([op for op in one.ops if op[0] != ":r"], "ok")
            after, rest_begun = found(blind, state), [b for b in begun if b[0] is not one]
            if after is not None and in_snapshots(left, after, [*done, one], rest_begun):
                return True
    return False


def what_holds(tried: Sequence[Tried]) -> int:
    """The strongest level that holds by the definition, as its number; -1 below snapshots."""
    sure, open_ = ([one for one in tried if one.kind == kind] for kind in ("ok", "info"))
    holds = -1
    for size in range(len(open_) + 1):
        for some in combinations(open_, size):
            orders = [o for o in permutations([*sure, *some]) if in_order(o)]
            late = [
                any(b.kind == "ok" and b.end < a.begin for a, b in combinations(o, 2))
                for o in orders
            ]
            if not all(late):
                return LEVELS.index("strict-serializable")
            if orders:
                holds = LEVELS.index("serializable")
            elif holds < 0 and in_snapshots([*sure, *some], {}):
                holds = LEVELS.index("snapshot-isolation")
    return holds


def check_by_chance(seed: int) -> None:
    """By the definition: is there an order, one that keeps who came after whom, or are there
    snapshots? Nothing is undecided.
    """
    text, tried = by_chance(seed)
    verdict = judge_reader(history_of("elle", text.encode(), "history"))
    sure, perhaps = (
        LEVELS.index(level) if (level := verdict.level(sure=which)) else -1
        for which in (True, False)
    )
    holds = what_holds(tried)
    assert sure == perhaps or perhaps < LEVELS.index("snapshot-isolation"), seed
    assert (sure if sure >= LEVELS.index("snapshot-isolation") else -1) == holds, seed


@pytest.mark.parametrize("seed", range(0, 60, 2))
def test_every_format_says_the_same(seed: int) -> None:
    """A history of registers in each text format has the verdict that it has in EDN, where only the
    order of each session is known.
    """
    _, tried = by_chance(seed)
    done = [(k % 2, one.ops) for k, one in enumerate(tried)]
    words = str.maketrans({"'": "", ",": None})
    edn = bare(*((who, str(ops).translate(words).replace("None", "nil")) for who, ops in done))
    calls, spelled, brackets = "", ["", ""], ["", ""]
    for k, (who, ops) in enumerate(done):
        spelled[who] += "---\n"
        brackets[who] += f"[{' '.join(bracket(*op) for op in ops)}] "
        for verb, key, value in ops:
            calls += f"{verb[1]}({key},{value or 0},{who},{k})\n"
            spelled[who] += f"{verb[1]} {key} {value or 0}\n"
    verdicts = [
        judge_reader(history_of(kind, data.encode(), "history"))
        for kind, data in (
            ("elle", edn),
            ("text", calls),
            ("text", "===\n".join(spelled)),
            ("text", "\n-----\n".join(brackets)),
        )
    ]
    assert (
        len({(frozenset(v.broken), v.level(sure=True), v.level(sure=False)) for v in verdicts}) == 1
    )


def bracket(verb: str, key: str, value: int | None) -> str:
    return f"{key}:={value}" if verb == ":w" else f"{key}=={value or '?'}"


@pytest.mark.parametrize(
    ("first", "kind"),
    [
        ("r(1,2,3,4)", "text"),
        ("w x 1", "text"),
        ("[x:=1 y==2]", "text"),
        ("// a comment", "text"),
        ("INFO jepsen.util - 3\t:invoke\t:read\tnil", "text"),
        ("[[:r x 1]]", "elle"),
        ("({:type :ok", "elle"),
        ('{"params": {"id": 1}, "data": [', "elle"),
        ('{"unit": "t1", "calls": []}', "transactions"),
        ("\x00\x01", "binary"),
        ('{"seq": 1, "type": "x"}', ""),
        ("words", ""),
    ],
)
def test_the_first_line_tells_the_format(first: str, kind: str) -> None:
    assert is_history(f"{first}\n".encode()) == kind


@dataclass
class Alone:
    """An operation on one object: what it does with which values, how it ends, and when."""

    f: str
    key: str
    values: list[str]
    kind: str = "ok"
    begin: int = -1
    end: int = 0

    def after(self, state: str) -> str | None:
        """What it leaves, if it finds in a state what it has to; nothing is there at first."""
        first, last = self.values[0], self.values[-1]
        finds = {"cas": first, "get": first, "read": first, "acquire": "", "release": "held"}
        if self.f in finds and state != finds[self.f]:
            return state if self.kind == "info" and self.f in ("get", "read") else None
        return {
            "write": first, "put": first, "cas": last, "append": state + first, "acquire": "held",
            "release": "",
        }.get(self.f, state)  # fmt: skip

    def entry(self, kind: str, process: int) -> str:
        said = "nil" if kind == "invoke" and self.f in ("get", "read") else self.values[0]
        if self.f == "cas":
            said = f"[{self.values[0] or 'nil'} {self.values[1]}]"
        if self.f in ("put", "append", "get"):
            said = said if said == "nil" else f'"{said}"'
        if self.f in ("acquire", "release"):
            said = "nil"
        where = f", :key {self.key}" if self.f in ("put", "append", "get") else ""
        if self.f in ("read", "write", "cas"):
            said = f"[{self.key} {said or 'nil'}]"
        who = f"{{:process {process}, :type :{kind}, :f :{self.f}{where}"
        return f"{who}, :value {said}}}\n"


def alone_by_chance(seed: int) -> tuple[str, list[Alone]]:
    """Operations on registers, on texts or on a lock, values written more than once."""
    rng = Random(seed)
    fs = (("read", "write", "cas"), ("get", "put", "append"), ("acquire", "release"))[seed % 3]
    ops = [
        Alone(
            rng.choice(fs), rng.choice("xy") if len(fs) == 3 else "lock",
            [rng.choice("12"), rng.choice("12")],
            rng.choices(["ok", "info", "fail"], [8, 1, 1])[0],
        )
        for _ in range(rng.randint(2, 5))
    ]  # fmt: skip
    states: dict[str, list[str]] = {}
    for op in ops:
        seen = states.setdefault(op.key, [""])
        if op.f in ("read", "get", "cas"):
            op.values[0] = seen[-1] if rng.random() < 0.8 else rng.choice(seen)
        after = None if op.kind == "fail" else op.after(seen[-1])
        seen += [] if after is None else [after]
    times = [op for op in ops for _ in "be"]
    if rng.random() < 0.7:
        rng.shuffle(times)
    text = ""
    for now, op in enumerate(times):
        ended = op.begin >= 0
        op.begin, op.end = (op.begin, now) if ended else (now, 0)
        text += op.entry(op.kind if ended else "invoke", ops.index(op))
    return text, ops


def check_alone(seed: int) -> None:
    """By the definition: is there an order, and one that keeps who came after whom?"""
    text, ops = alone_by_chance(seed)
    sure, open_ = ([op for op in ops if op.kind == kind] for kind in ("ok", "info"))
    holds = 0
    for size in range(len(open_) + 1):
        for some in combinations(open_, size):
            for order in permutations([*sure, *some]):
                state: dict[str, str] = {}
                for op in order:
                    after = op.after(state.get(op.key, ""))
                    if after is None:
                        break
                    state[op.key] = after
                else:
                    late = any(
                        b.kind == "ok" and b.end < a.begin for a, b in combinations(order, 2)
                    )
                    holds = max(holds, 1 if late else 2)
    verdict = judge_reader(history_of("elle", text.encode(), "history"))
    serializable = LEVELS.index("serializable")
    perhaps = LEVELS.index(verdict.level(sure=False) or LEVELS[0])
    if holds:
        assert verdict.level(sure=True) == LEVELS[perhaps] == LEVELS[serializable - 1 + holds], seed
    else:
        assert perhaps < serializable, seed


@pytest.mark.parametrize("check", [check_by_chance, check_alone])
@pytest.mark.parametrize("seeds", [500, pytest.param(100_000, marks=pytest.mark.long)])
def test_histories_by_chance(check: Callable[[int], None], seeds: int) -> None:
    for seed in range(seeds):
        check(seed)
