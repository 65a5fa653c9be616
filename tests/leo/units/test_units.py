"""The judge of units on histories in short: what falls, under which name, and how it is told."""

from __future__ import annotations

import msgspec
import pytest

import leo.units.judge
from leo.units.report import to_fields, to_lines
from leo.units.verdict import UnitsVerdict
from tests.leo.units.writer import Writer


def script(text: str) -> UnitsVerdict:
    """Judge a history in short: `a:rx` unit a reads x, `a:wxy` writes x and y, `a:ux` reads and
    writes x, `a:.` returns, `a:!` raises, `a:?x` a write of x that raised, `a:~x` one that was
    cancelled, and the unit with it.
    """
    trace = Writer()
    seen: set[str] = set()
    for word in text.split():
        unit, _, act = word.partition(":")
        if unit not in seen:
            seen.add(unit)
            trace.add(unit, "Open")
        names = act[1:]
        match act[0]:
            case "r":
                trace.add(unit, "Read", reads=names)
            case "w":
                trace.add(unit, "Write", writes=names)
            case "u":
                trace.add(unit, "Write", reads=names, writes=names)
            case "?":
                trace.add(unit, "Write", writes=names, outcome="raised")
            case ".":
                trace.add(unit, "Close", outcome="returned")
            case "!":
                trace.add(unit, "Close", outcome="raised")
            case "~":
                trace.add(unit, "Write", writes=names, outcome="cancelled")
                trace.add(unit, "Close", outcome="cancelled")
    return trace.judge()


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


def test_real_time_that_depends_on_moments_is_undecided() -> None:
    """A read that overlapped a write: had it come first, a unit that came later would have to come
    before one that had returned."""
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
    trace.add("b", "Write", writes="x", since=2)
    trace.add("a", "Read", reads="x", since=2)
    trace.add("b", "Close", outcome="returned")
    trace.add("c", "Open")
    trace.add("c", "Write", writes="y")
    trace.add("c", "Close", outcome="returned")
    trace.add("a", "Read", reads="y")
    trace.add("a", "Close", outcome="returned")
    verdict = trace.judge()
    assert not verdict.broken
    assert set(verdict.undecided) == {"StrictlySerializable"}
    assert verdict.undecided["StrictlySerializable"].first.witness == (
        "c wrote y v1 (line 8), before a read it (v1) (line 10)",
        "a read x v1 (line 5), perhaps before b wrote v1 (line 4)",
        "b had returned (line 6) before c opened (line 7)",
    )


def test_exact_versions_are_believed() -> None:
    """A unit that says it read an old version is on a cycle with who overwrote it."""
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
    trace.add("b", "Write", writes="xy")
    trace.add("b", "Close", outcome="returned")
    trace.add("a", "Read", reads="x")
    trace.add("a", "Read", seen={"y": 0})
    trace.add("a", "Close", outcome="returned")
    assert set(trace.judge().broken) == {"Serializable", "NoTornRead"}


def late_reader(between: int) -> Writer:
    """Units write x, and at last one reads it as it was before all but the first."""
    trace = Writer()
    for k in range(between):
        trace.add(f"w{k}", "Open")
        trace.add(f"w{k}", "Write", writes="x")
        trace.add(f"w{k}", "Close", outcome="returned")
    trace.add("late", "Open")
    trace.add("late", "Read", seen={"x": 1})
    trace.add("late", "Close", outcome="returned")
    return trace


@pytest.mark.parametrize("between", [3, 63, 64, 65, 200])
def test_a_late_read_is_judged_alike_however_late_it_is(between: int) -> None:
    """It is explained by an order, and by none that keeps who came after whom."""
    verdict = late_reader(between).judge()
    assert set(verdict.broken) == {"StrictlySerializable"}
    assert not verdict.undecided


def test_forgotten_versions_are_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exact read of a version whose overwriter is forgotten is not called valid."""
    monkeypatch.setattr(leo.units.judge, "KEEP", 1)
    verdict = late_reader(9).judge()
    assert set(verdict.undecided) == {"Serializable"}
    assert set(verdict.broken) == {"StrictlySerializable"}
    assert "are forgotten" in verdict.undecided["Serializable"].first.witness[0]


def test_who_opened_before_what_is_forgotten_may_have_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It reads, as the first thing that it does, an old version: that breaks nothing for sure."""
    monkeypatch.setattr(leo.units.judge, "KEEP", 1)
    trace = Writer()
    trace.add("early", "Open")
    for k in range(9):
        trace.unit(f"u{k}", "wx")
    trace.add("early", "Read", seen={"x": 2})
    trace.add("early", "Close", outcome="returned")
    verdict = trace.judge()
    assert not verdict.broken
    assert set(verdict.undecided) == {"Serializable", "StrictlySerializable"}
    assert verdict.undecided["Serializable"].first.line == len(trace.events)


@pytest.mark.parametrize("closing", ["wuvx", "wuxv"])
def test_moments_that_cannot_be_are_not_doubted(closing: str) -> None:
    """Calls that overlap in a chain, where no choice of moments closes the cycle: nothing found."""
    trace = Writer()
    for unit in "uvwx":
        trace.add(unit, "Open")
    begun = len(trace.events)
    trace.add("v", "Write", writes="pr")
    trace.add("x", "Write", writes="rs")
    trace.add("u", "Read", reads="s")
    between = len(trace.events)
    trace.add("u", "Write", writes="q", since=between)
    trace.add("w", "Write", writes="pq", since=begun)
    for unit in closing:
        trace.add(unit, "Close", outcome="returned")
    assert trace.judge().clean


@pytest.mark.parametrize(
    ("reads", "writes", "other"),
    [("x", "x", "x"), ("xy", "", "xy"), ("xy", "xy", "xy"), ("", "x", "x")],
)
def test_a_call_is_one_moment(reads: str, writes: str, other: str) -> None:
    """Two calls that overlapped, each all that its unit did: in either order nothing came
    between one of them and itself, and neither saw a part of the other. Nothing is left open."""
    trace = Writer()
    for unit in "ab":
        trace.add(unit, "Open")
    trace.add("a", "Write" if writes else "Read", reads=reads, writes=writes, since=2)
    trace.add("b", "Write", writes=other, since=2)
    for unit in "ab":
        trace.add(unit, "Close", outcome="returned")
    verdict = trace.judge()
    assert not verdict.broken
    assert not verdict.undecided


def test_memory_follows_the_open_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand racing units leave no more behind than a hundred do."""
    monkeypatch.setattr(leo.units.judge, "KEEP", 16)
    most = []
    for units in (100, 2_000):
        trace = Writer()
        for k in range(0, units, 2):
            for unit in (f"a{k}", f"b{k}"):
                trace.add(unit, "Open")
                trace.add(unit, "Read", reads="x")
            for unit in (f"a{k}", f"b{k}"):
                trace.add(unit, "Write", writes="x")
                trace.add(unit, "Close", outcome="returned")
        verdict = trace.judge()
        assert verdict.broken["Serializable"].count == units // 2
        most.append(verdict.most)
    assert most[1] <= most[0] + 2


def test_report_for_people_and_programs() -> None:
    """The story names who read and wrote which version on which line, in 80 columns."""
    verdict = script("a:rx b:rx a:wx b:wx a:. b:. c:wx c:! d:~y")
    text = "\n".join(to_lines(verdict))
    assert max(map(len, text.splitlines())) <= 80
    assert "broken    b overwrote a's x v1 without having seen it" in text
    assert "lost update" in text
    assert "b read x v0 (line 5), before a wrote v1 (line 6)" in text
    assert "a wrote x v1 (line 6), before b wrote v2 (line 7)" in text
    assert "c raised (line 12) and had written x v3 (line 11)" in text
    fields = to_fields(verdict)
    assert fields["broken"] == ["AllOrNothing", "NoLostUpdate", "Serializable"]
    assert fields["undecided"] == []
    assert not fields["clean"]
    assert msgspec.json.decode(msgspec.json.encode(fields)) == fields


def test_of_two_failed_writes_the_one_that_was_read_is_named() -> None:
    """A unit fails after it has written twice: what a reader found is not left open."""
    trace = Writer(commits=True)
    for unit in "ab":
        trace.add(unit, "Open")
    for _ in range(2):
        trace.add("a", "Write", writes="x")
    trace.add("b", "Read", reads="x")
    trace.add("a", "Close", outcome="raised")
    trace.add("b", "Close", outcome="returned")
    verdict = trace.judge()
    assert set(verdict.broken) == {"NoAbortedRead"}
    assert not verdict.undecided
