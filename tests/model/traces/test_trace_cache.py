"""TLC's verdicts by content: spared runs, and never a verdict that no whole run has given."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from leo_model.errors import CheckError
from leo_model.files import cache_folder, secret
from leo_model.traces import tlc_engine as tracetlc
from leo_model.traces.reader import trace_of
from leo_model.traces.tlc_engine import (
    CacheError,
    EngineError,
    Recorded,
    TlcVerdict,
    VerdictCache,
    judge,
    record,
)
from tests.model.traces.synth import random_trace, trace_world

GUARD = TlcVerdict("guard", 5, frozenset({"Refines", "Serializable"}))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a specification and a jar of sorts."""
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "A.tla").write_text("---- MODULE A ----")
    (tmp_path / "jar").write_bytes(b"PK")
    (tmp_path / "key").write_bytes(b"a key of the user's")
    return tmp_path


def cache_in(place: Path) -> VerdictCache:
    return VerdictCache(
        place / "cache", spec=place / "spec", jar=place / "jar", secret=(place / "key").read_bytes()
    )


def test_what_is_put_is_found_again(place: Path) -> None:
    """The same content, the same verdict, also for another process that opens the folder."""
    cache = cache_in(place)
    key = cache.key("module", "config")
    assert cache.get(key) is None
    cache.put(key, GUARD)
    again = cache_in(place)
    assert again.get(again.key("module", "config")) == GUARD
    assert (again.asked, again.found) == (1, 1)


@pytest.mark.parametrize("what", ["trace", "config", "spec", "new module", "jar"])
def test_any_other_content_is_another_key(place: Path, what: str) -> None:
    """The trace, its configuration, a module of the specification, the jar: each is in the key."""
    before = cache_in(place).key("module", "config")
    if what == "spec":
        (place / "spec" / "A.tla").write_text("---- MODULE A -----")
    elif what == "new module":
        (place / "spec" / "B.tla").write_text("")
    elif what == "jar":
        (place / "jar").write_bytes(b"PK2")
    given = ("modul", "econfig") if what == "trace" else ("module", "config")
    after = cache_in(place).key(given[0], "other" if what == "config" else given[1])
    assert after != before


def forge(path: Path) -> None:
    """As somebody does who knows all but the key."""
    root = path.parents[2]
    forger = VerdictCache(path.parents[1], spec=root / "spec", jar=root / "jar", secret=b"another")
    forger.put(path.stem, TlcVerdict("accepted", None, frozenset()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text(json.dumps({**json.loads(path.read_bytes()), "line": None})),
        lambda path: path.write_text("[]"),
        lambda path: (path.unlink(), path.mkdir()),
        forge,
    ],
    ids=["cut", "empty", "changed", "list", "folder", "forged"],
)
def test_damaged_entries_count_as_absent(place: Path, damage: Callable[[Path], object]) -> None:
    """A verdict that was cut, edited, replaced or forged is not believed; nor another one's."""
    cache = cache_in(place)
    key, other = cache.key("module", "config"), cache.key("other", "config")
    cache.put(key, GUARD)
    (path,) = (place / "cache").rglob("*.json")
    target = place / "cache" / other[:2] / f"{other}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(path.read_bytes())
    damage(path)
    assert cache.get(key) is cache.get(other) is None


def test_folder_that_cannot_be_written_is_an_error(place: Path) -> None:
    """One paragraph that names the folder and the way out."""
    cache = cache_in(place)
    (place / "cache").write_text("a file in the way")
    with pytest.raises(CacheError, match=r"cache.*cannot be kept .*add --no-cache"):
        cache.put(cache.key("module", "config"), GUARD)


def test_only_a_folder_of_the_user_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is made once, for the user alone; where others may write, nothing is believed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert secret() == secret() and len(secret()) == 32
    (key,) = cache_folder().iterdir()
    assert key.stat().st_mode & 0o077 == 0
    cache_folder().chmod(0o777)
    with pytest.raises(CheckError, match="others may write it"):
        secret()


def traces(count: int) -> list[Recorded]:
    """Traces of which the odd ones have a step too many."""
    found = []
    for k in range(count):
        header, events = random_trace(trace_world("bare", 2), Random(k), 0.0, 20)
        if k % 2:
            events = [*events[:9], {**events[8], "seq": 10}]
        found.append(record(trace_of(f"t{k}", header, events)))
    return found


def test_only_unknown_traces_are_given_to_tlc(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace is judged once, also when it occurs twice; a new one does not disturb the others."""
    runs: list[int] = []

    def run(asked: list[Recorded], work: Path | None) -> list[TlcVerdict]:
        runs.append(len(asked))
        return [TlcVerdict("data", len(trace.events), frozenset()) for trace in asked]

    monkeypatch.setattr(tracetlc, "_run", run)
    first, second, third = traces(3)
    cache = cache_in(place)
    once = judge([first, second, first], cache=cache)
    assert [verdict.line for verdict in once] == [21, 11, 21]
    assert judge([second, first], cache=cache) == [once[1], once[0]]
    judge([first, third, second], cache=cache)
    assert runs == [2, 1]


@pytest.mark.parametrize("error", [EngineError("no verdict"), KeyboardInterrupt()])
def test_a_run_that_does_not_end_leaves_nothing(
    place: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interrupted or failed run the same question is asked again."""

    def run(asked: list[Recorded], work: Path | None) -> list[TlcVerdict]:
        raise error

    monkeypatch.setattr(tracetlc, "_run", run)
    for _ in range(2):
        with pytest.raises(type(error)):
            judge(traces(2), cache=cache_in(place))
    assert not list((place / "cache").rglob("*"))


def test_kept_verdicts_are_those_of_tlc(tmp_path: Path) -> None:
    """The verdicts out of the cache are the ones that TLC gave, and it is not asked again."""
    cache = tracetlc.open_cache(tmp_path / "cache")
    first = judge(traces(4), cache=cache, work=tmp_path / "runs")
    assert [verdict.accepted for verdict in first] == [True, False, True, False]
    assert judge(traces(4), cache=cache, work=tmp_path / "none") == first
    assert not (tmp_path / "none").exists()


def test_a_failed_run_of_tlc_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run in which an invariant falls judges nothing, and nothing is kept."""
    monkeypatch.setattr(tracetlc, "CONFIG", tracetlc.CONFIG + "INVARIANT MutualExclusion\n")
    cache = tracetlc.open_cache(tmp_path / "cache")
    with pytest.raises(EngineError, match="TLC judged no trace"):
        judge(traces(4), cache=cache, work=tmp_path / "runs")
    assert not (tmp_path / "cache").exists()
