"""The judge of units on histories in short: what falls, under which name, and how it is told."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

import leo.units.blocks
import leo.units.judge
from leo.units.doubt import Doubt
from leo.units.patterns import Block
from leo.units.report import to_fields, to_lines
from leo.units.verdict import UnitsVerdict
from tests.leo.units.writer import Writer


def script(
    text: str, start: dict[str, int] | None = None, *, commits: bool = False
) -> UnitsVerdict:
    """Judge a history in short. `a:rx` unit a reads x, `a:wxy` it writes x and y, `a:ux` it reads
    and writes x, `a:=x0` it reads version 0 of x, `a:?x` a write of x that raised, `a:~x` one that
    was cancelled, and the unit with it; `a:o` a opens, `a:(` its next call begins, `a:.` it
    returns, `a:!` it raises.
    """
    versions = start or {}
    trace = Writer(start=versions, versions=dict(versions), commits=commits)
    seen: set[str] = set()
    begun: dict[str, int] = {}
    for word in text.split():
        unit, _, act = word.partition(":")
        if unit not in seen:
            seen.add(unit)
            trace.add(unit, "Open")
        if act == "(":
            begun[unit] = len(trace.events)
        elif act in (".", "!"):
            trace.add(unit, "Close", outcome="returned" if act == "." else "raised")
        elif act != "o":
            call(trace, unit, act, begun.pop(unit, None))
    return trace.judge()


def call(trace: Writer, unit: str, act: str, since: int | None) -> None:
    """Add one call of a unit."""
    parts = re.findall(r"([rwu=?~])([a-z0-9]*)", act)
    kinds = {kind for kind, _ in parts}
    writes = "".join(names for kind, names in parts if kind in "wu?~")
    trace.add(
        unit,
        "Write" if writes else "Read",
        reads="".join(names for kind, names in parts if kind in "ru"),
        writes=writes,
        outcome="raised" if "?" in kinds else "cancelled" if "~" in kinds else "ok",
        since=since,
        seen={item: int(version) for item, version in re.findall(r"([a-z])(\d)", act)},
    )
    if "~" in kinds:
        trace.add(unit, "Close", outcome="cancelled")


@pytest.mark.parametrize(
    ("history", "broken", "undecided"),
    [
        ("a:rx a:wx a:. b:rx b:wx b:.", "", ""),
        ("a:rx b:rx a:wx b:wx a:. b:.", "Serializable NoLostUpdate", ""),
        ("a:rx b:wx b:. a:rx a:.", "Serializable StableRead", ""),
        ("b:wx a:rx a:ry b:wy a:. b:.", "Serializable NoTornRead", ""),
        ("a:ry b:wx b:wy b:. a:rx a:.", "Serializable NoTornRead", ""),
        ("a:rx b:ry a:wy b:wx a:. b:.", "Serializable", ""),
        ("a:rx b:wx b:ry c:wy c:rz a:wz a:. b:. c:.", "Serializable", ""),
        ("a:wx a:!", "AllOrNothing", ""),
        ("a:rx a:!", "", ""),
        ("a:~x", "", "AllOrNothing"),
        ("a:wx", "", "AllOrNothing"),
        ("a:rx", "", ""),
        ("a:rx b:~x a:rx a:.", "", "StableRead NoAbortedRead AllOrNothing"),
        ("a:rx a:ux a:. b:ux b:.", "", ""),
        # What a unit read that failed itself, or wrote itself, is nobody's concern.
        ("a:wx b:rx b:! a:!", "AllOrNothing", ""),
        ("a:wx a:rx a:wx a:.", "", ""),
        # Overwritten by another before it was read, or written once more by who read it.
        ("a:wx c:wx b:rx b:. a:! c:.", "AllOrNothing", ""),
        ("a:wx a:! b:wx b:rx b:.", "AllOrNothing", ""),
        ("a:wx a:! b:rx b:!", "AllOrNothing", ""),
        ("a:wx a:! b:rx b:. c:wx c:. d:rx d:.", "AllOrNothing NoAbortedRead", ""),
        ("a:?x a:! b:rx b:.", "", "AllOrNothing NoAbortedRead"),
        ("a:wx b:rx b:.", "", "AllOrNothing NoAbortedRead"),
        ("a:wx b:rx a:?x b:. a:.", "", "Serializable NoIntermediateRead"),
        ("a:wx a:?x b:rx b:. a:.", "", ""),
        # A write that raised may not have happened: then what was read is the one before it.
        ("a:wx b:?x b:. c:rx c:. a:!", "AllOrNothing", "NoAbortedRead"),
        ("a:wx b:?x b:. c:rx c:. a:wx a:.", "Serializable", "NoIntermediateRead"),
        ("a:rx b:wx b:. c:wy c:. a:ry a:.", "StrictlySerializable", ""),
        ("a:rx b:wx c:wy c:. a:ry a:. b:.", "", ""),
        ("b:?x a:rx a:ry b:wy a:. b:.", "", "Serializable NoTornRead"),
        # An old version that a unit says it read closes a cycle with who overwrote it.
        ("a:o b:o b:wxy b:. a:rx a:=y0 a:.", "Serializable NoTornRead", ""),
        # A read that looks back behind a write is before it, also where the write tells when it
        # began; a write that it missed may not have happened, its own may have, after that.
        ("a:wx a:. r:=x0 r:.", "StrictlySerializable", ""),
        ("a:o a:( a:wx a:. r:=x0 r:.", "StrictlySerializable", ""),
        ("a:?x a:. r:=x0 r:.", "", "StrictlySerializable"),
        ("a:wx a:. r:=x0?x r:.", "StrictlySerializable", "Serializable NoLostUpdate"),
        # Two calls that overlapped, each all that its unit did: nothing came between one of them
        # and itself, and neither saw a part of the other.
        ("a:o b:o a:( b:( a:ux b:wx a:. b:.", "", ""),
        ("a:o b:o a:( b:( a:rxy b:wxy a:. b:.", "", ""),
        ("a:o b:o a:( b:( a:uxy b:wxy a:. b:.", "", ""),
        ("a:o b:o a:( b:( a:wx b:wx a:. b:.", "", ""),
        # Versions count the ends of calls: who reads the older one may have read the last.
        ("b:o a:o a:( b:wx a:wx a:. b:. r:=x1 r:.", "", "StrictlySerializable"),
        # Whose value a unit found while another's long write went on, no version says.
        ("a:o b:o b:( a:wx b:wx b:! a:rx a:.", "AllOrNothing", "NoAbortedRead"),
        # Calls that overlap in a chain, where no choice of moments closes the cycle.
        *(
            (f"u:o v:o w:o x:o w:( v:wpr x:wrs u:rs u:( u:wq w:wpq {ends}", "", "")
            for ends in ("w:. u:. v:. x:.", "w:. u:. x:. v:.")
        ),
    ],
)
def test_histories(history: str, broken: str, undecided: str) -> None:
    """Textbook histories: which property falls, and which may have."""
    verdict = script(history)
    assert set(verdict.broken) == set(broken.split())
    assert set(verdict.undecided) == set(undecided.split())
    assert verdict.clean == (not broken and not undecided)


@pytest.mark.parametrize(
    ("history", "name"),
    [
        # Two ways from a to b, and the one over a read comes first.
        ("a:wx b:rx b:wx b:wy a:wy a:. b:.", "G0 dirty write"),
        # A write skew of d and e is the shorter cycle.
        (
            "d:rx a:wx c:rx c:ry b:wy d:ry d:rp e:rq d:wq e:wp a:. b:. c:. e:. d:.",
            "G-nonadjacent long fork",
        ),
        # Another wrote in between, but the unit read it again before it wrote: nothing is lost.
        ("a:rx b:wx a:rx a:wx a:. b:.", "G-single read skew"),
        ("a:rx b:wx a:wx a:. b:.", "lost update"),
        ("a:rx b:ry c:rz a:wy b:wz c:wx a:. b:. c:.", "G2-item write skew"),
    ],
)
def test_a_cycle_has_the_gravest_name(history: str, name: str) -> None:
    """Of several cycles through a unit the one is told that the weakest level forbids."""
    found = script(history).broken["Serializable"]
    assert found.first.anomaly == name
    assert found.anomalies[name] == 1


FORK = [("Serializable", "G-nonadjacent long fork")]
SKEW = [("StableRead", ""), ("Serializable", "G-single read skew")]


@pytest.mark.parametrize(
    ("history", "start", "names"),
    [
        # Who wrote before the recording is a unit like others.
        ("w:wx w:. a:=x0 a:=x1 a:.", "", SKEW),
        ("a:=x0 a:=x1 a:.", "x", SKEW),
        ("v:wx v:. w:wy w:. a:=x0 a:=y1 a:. b:=x1 b:=y0 b:.", "", FORK),
        ("a:=x0 a:=y1 a:. b:=x1 b:=y0 b:.", "xy", FORK),
        # A unit that reads past its own write.
        ("a:wx a:=x0 a:.", "", [("ReadsOwnWrites", "")]),
        ("a:wx b:wy b:. a:=x0 a:.", "", [("ReadsOwnWrites", "")]),
        # c read what a wrote over b's, and does not depend on b.
        (
            "b:o c:o b:wx a:wx c:rx a:! b:wx b:. c:.",
            "",
            [("AllOrNothing", ""), ("NoAbortedRead", "G1a aborted read")],
        ),
        # Units on a cycle are not out of order in time as well: that is not said twice.
        ("t:wx t:wy t:. v:wx v:. w:wy w:. a:=x2y1 a:. b:=x1y2 b:.", "", FORK),
    ],
)
def test_at_the_edge_of_what_a_trace_says(
    history: str, start: str, names: list[tuple[str, str]]
) -> None:
    """What falls for sure, and under which name; nothing is left open."""
    verdict = script(history, dict.fromkeys(start, 1))
    assert [(case.broke, case.anomaly) for case in verdict.cases(sure=True)] == names
    assert not verdict.undecided


def test_each_name_has_a_witness_and_the_gravest_comes_first() -> None:
    """Groups of units are counted by name, and each name shows the units of its first group."""
    verdict = script(
        "c:rx d:ry c:wy d:wx c:. d:. a:wx b:wx b:wy a:wy a:. b:. e:wx f:rx f:wx e:wx e:. f:."
    )
    found = verdict.broken["Serializable"]
    assert found.anomalies == {"G0 dirty write": 2, "G2-item write skew": 1}
    assert [(case.anomaly, case.line) for case in found] == [
        ("G0 dirty write", 17),
        ("G2-item write skew", 9),
    ]
    text = "\n".join(to_lines(verdict))
    assert text.index("a and b overwrote each other") < text.index("c and d each read")


def test_one_group_shows_each_anomaly_that_concerns_more_units() -> None:
    """a and b wrote over each other, c saw a part of a, c and d did not see each other; all four
    hang together.
    """
    verdict = script("a:wx b:wx b:wy a:wy a:wz c:rz c:rw a:ww c:rp d:rq c:wq d:wp a:. b:. c:. d:.")
    assert [(case.anomaly, case.units) for case in verdict.broken["Serializable"]] == [
        ("G0 dirty write", ("a", "b")),
        ("G-single read skew", ("a", "c")),
        ("G2-item write skew", ("c", "d")),
    ]


@pytest.mark.parametrize("keep", [1, 10_000])
def test_real_time_that_depends_on_moments_is_undecided(
    keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that overlapped a write: had it come first, a unit that came later would have to come
    before one that had returned. Also where all that can be is forgotten after each unit.
    """
    monkeypatch.setattr(leo.units.judge, "KEEP", keep)
    verdict = script("a:o b:o a:( b:( b:wx a:rx b:. c:wy c:. a:ry d:wz d:. a:.")
    assert not verdict.broken
    assert set(verdict.undecided) == {"StrictlySerializable"}
    assert verdict.undecided["StrictlySerializable"].first.witness == (
        "c wrote y v1 (line 8), before a read it (v1) (line 10)",
        "a read x v1 (line 5), perhaps before b wrote v1 (line 4)",
        "b had returned (line 6) before c opened (line 7)",
    )


def in_turn(units: int) -> str:
    """Units that write x, one after the other."""
    return " ".join(f"w{k}:wx w{k}:." for k in range(units))


@pytest.mark.parametrize("between", [3, 63, 64, 65, 200])
def test_a_late_read_is_judged_alike_however_late_it_is(between: int) -> None:
    """It is explained by an order, and by none that keeps who came after whom."""
    verdict = script(f"{in_turn(between)} late:=x1 late:.")
    assert set(verdict.broken) == {"StrictlySerializable"}
    assert not verdict.undecided


@pytest.mark.parametrize(
    ("history", "broken", "undecided"),
    [
        (f"{in_turn(9)} late:=x1 late:.", {"StrictlySerializable"}, {"Serializable"}),
        # Who opened before may have come first.
        (
            f"early:o {in_turn(9)} early:=x2 early:.",
            set(),
            {"Serializable", "StrictlySerializable"},
        ),
    ],
)
def test_forgotten_versions_are_undecided(
    history: str, broken: set[str], undecided: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exact read of a version whose overwriter is forgotten is not called valid."""
    monkeypatch.setattr(leo.units.judge, "KEEP", 1)
    verdict = script(history)
    assert set(verdict.broken) == broken and set(verdict.undecided) == undecided


@pytest.mark.parametrize("sweep", [1, 10_000])
@pytest.mark.parametrize("doubtful", [7, 8, 20])
def test_a_failed_write_is_not_forgotten_behind_many_doubtful_ones(
    monkeypatch: pytest.MonkeyPatch, sweep: int, doubtful: int
) -> None:
    """None of the writes after it may have happened: then it is what was read."""
    monkeypatch.setattr(leo.units.judge, "KEEP", sweep)
    perhaps = " ".join(f"u{k}:?x u{k}:." for k in range(doubtful))
    assert "NoAbortedRead" in script(f"d:wx d:! {perhaps} r:rx r:.").undecided


def test_of_two_failed_writes_the_one_that_was_read_is_named() -> None:
    """A unit fails after it has written twice: what a reader found is not left open."""
    verdict = script("a:o b:o a:wx a:wx b:rx a:! b:.", commits=True)
    assert set(verdict.broken) == {"NoAbortedRead"}
    assert not verdict.undecided


def test_memory_follows_the_open_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many racing units leave no more behind than a hundred do."""
    monkeypatch.setattr(leo.units.judge, "KEEP", 16)
    most = []
    for units in (100, 1_000):
        races = (f"a{k}:rx b{k}:rx a{k}:wx a{k}:. b{k}:wx b{k}:." for k in range(0, units, 2))
        verdict = script(" ".join(races))
        assert verdict.broken["Serializable"].count == units // 2
        most.append(verdict.most)
    assert most[1] <= most[0] + 2


def waiting(units: int, look: str) -> str:
    """Four callers of a method that waits for a lock: each call began when the one three before it
    was done. With `look` each of their units has read before.
    """
    words: list[str] = []
    for k in range(units + 3):
        words += [f"u{k}:{look}", f"u{k}:("] if k < units else []
        words += [f"u{k - 3}:ux", f"u{k - 3}:."] if k >= 3 else []
    return " ".join(words)


def starving(units: int, look: str) -> str:
    """Three calls wait for a lock all the time that so many other units have it in turn."""
    first = " ".join(f"w{k}:{look.replace('y', 'z')} w{k}:(" for k in range(3))
    others = " ".join(f"u{k}:{look} u{k}:ux u{k}:." for k in range(units))
    return f"{first} {others} " + " ".join(f"w{k}:ux w{k}:." for k in range(3))


def looked_at(monkeypatch: pytest.MonkeyPatch, history: str) -> int:
    """How many dependencies are looked at, each as often as it is; nothing may be found."""
    searches: list[tuple[int, Doubt]] = []

    def counted(block: Block) -> Doubt:
        doubt = Doubt(block)
        searches.append((doubt.effort, doubt))
        return doubt

    counted.needed = Doubt.needed  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(leo.units.blocks, "Doubt", counted)
        assert script(history).clean
    return sum(before - doubt.effort for before, doubt in searches)


@pytest.mark.parametrize("history", [waiting, starving])
def test_the_work_grows_with_the_trace_and_not_faster(
    monkeypatch: pytest.MonkeyPatch, history: Callable[[int, str], str]
) -> None:
    """Four times as many units of a correct program that waits inside its calls: about four times
    as much to look at. One call to a unit: no time runs back, and there is nothing to search.
    """
    short, long = (looked_at(monkeypatch, history(units, "ry")) for units in (100, 400))
    assert 0 < long < 5 * short
    assert looked_at(monkeypatch, history(100, "o")) == 0


@pytest.mark.parametrize(
    ("gave", "ends", "sure"),
    [
        (("1", "1"), "returned", True),
        (("0", "1"), "returned", False),
        ((None, "1"), "returned", False),
        (("1", "2"), "raised", False),
    ],
)
def test_values_tell_a_lost_update(gave: tuple[str | None, str], ends: str, sure: bool) -> None:
    """Two units whose calls overlap in every way: both found a value that no write had given, and
    wrote. Where a write may have given it again, or one of the two failed, that says nothing.
    """
    trace = Writer(values=True)
    for unit in "ab":
        trace.add(unit, "Open")
    for unit in "ab":
        trace.add(unit, "Read", reads="x", since=2)
    for since, unit in enumerate("ab", 3):
        trace.add(unit, "Write", writes="x", since=since)
    trace.add("a", "Close", outcome=ends)
    trace.add("b", "Close", outcome="returned")
    told = [None, None, "0", "0", *gave, None, None]
    for at, words in enumerate(told):
        event, said = trace.events[at], msgspec.UNSET if words is None else {"x": words}
        trace.events[at] = msgspec.structs.replace(
            event, **{"saw" if event.reads else "gave": said}
        )
    verdict = trace.judge()
    assert ("NoLostUpdate" in verdict.broken, "Serializable" in verdict.broken) == (sure, sure)


def test_report_for_people_and_programs() -> None:
    """The story names who read and wrote which version on which line, in 80 columns."""
    verdict = script("a:rx b:rx a:wx b:wx a:. b:. c:wx c:! d:~y")
    text = "\n".join(to_lines(verdict))
    assert max(map(len, text.splitlines())) <= 80
    assert "b read x v0 (line 5), before a wrote v1 (line 6)" in text
    assert "a wrote x v1 (line 6), before b wrote v2 (line 7)" in text
    assert "c raised (line 12) and had written x v3 (line 11)" in text
    fields = to_fields(verdict)
    assert fields["broken"] == ["AllOrNothing", "NoLostUpdate", "Serializable"]
    assert fields["undecided"] == []
    assert not fields["clean"]
    assert msgspec.json.decode(msgspec.json.encode(fields)) == fields


def test_names_reach_the_terminal_as_text() -> None:
    """The name of an object may hold what a terminal obeys."""
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
        trace.add(unit, "Read", reads=["\x1b[2Jx\n"])
    for unit in "ab":
        trace.add(unit, "Write", writes=["\x1b[2Jx\n"])
        trace.add(unit, "Close", outcome="returned")
    lines = list(to_lines(trace.judge()))
    assert all(line.isprintable() for line in lines)
    assert r"'\x1b[2Jx\n' v1" in " ".join(lines)


def test_a_long_cycle_is_shortened() -> None:
    """Many units, each of which read what the next one changed: the report stays short."""
    trace = Writer()
    for k in range(500):
        trace.add(f"u{k}", "Open")
        trace.add(f"u{k}", "Read", reads=[f"x{k}"])
    for k in range(500):
        trace.add(f"u{k}", "Write", writes=[f"x{(k + 1) % 500}"])
    for k in range(500):
        trace.add(f"u{k}", "Close", outcome="returned")
    verdict = trace.judge()
    assert verdict.broken["Serializable"].first.anomaly == "G2-item write skew"
    text = "\n".join(to_lines(verdict))
    assert "more: --json has them all" in text
    assert len(text) < 2_000
