"""The framework of the experiments: rows that come back, the same bytes, nothing used twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Config, Key, Lab, Row
from paper.experiments.registry import load
from paper.experiments.rows import RowFile, read_rows
from paper.experiments.runner import run_experiment
from paper.experiments.summary import Summary, as_json, number
from tests.paper.experiments.experiments_toy import PLAIN, TOY, measure, run_toy


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's folder after a run without interruption."""
    build = tmp_path_factory.mktemp("whole")
    run_toy(build)
    return build / "toy"


def test_two_runs_give_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    """Rows, summaries and plots are equal byte by byte; there is one file of each kind."""
    run_toy(tmp_path)
    assert contents(tmp_path / "toy") == contents(whole)
    kinds = {".jsonl", ".json", ".md", ".png", ".svg", ".pdf"}
    assert {path.suffix for path in whole.iterdir()} == kinds


def test_another_seed_gives_other_rows(whole: Path, tmp_path: Path) -> None:
    """The rows depend on the seed."""
    run_toy(tmp_path, PLAIN, seed=8)
    assert read_rows(tmp_path / "toy/rows.jsonl").cells != read_rows(whole / "rows.jsonl").cells


@settings(max_examples=12, deadline=None)
@given(cut=st.integers(0, 1000))
def test_a_torn_file_is_mended(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Cut off anywhere, the rows of a stopped run are completed to the bytes of a whole one."""
    build = tmp_path_factory.mktemp("torn")
    shutil.copytree(whole, build / "toy")
    rows = build / "toy/rows.jsonl"
    data = rows.read_bytes()
    kept = cut * len(data) // 1000
    rows.write_bytes(data[:kept])
    complete = read_rows(rows)
    outcome = run_toy(build, PLAIN)
    assert rows.read_bytes() == data
    assert outcome.measured == outcome.cells - len(complete.cells)


def test_a_damaged_line_ends_what_is_trusted(whole: Path, tmp_path: Path) -> None:
    """A line that is no row, in the middle, costs the cells from there on, not more. A last line
    that lacks nothing but its end is torn: what is appended would continue it.
    """
    data = (whole / "rows.jsonl").read_bytes()
    lines, path = data.splitlines(keepends=True), tmp_path / "rows.jsonl"
    for bad in (b"{}\n", b"no JSON\n", b"[]\n", lines[0], lines[1]):
        path.write_bytes(b"".join([*lines[:2], bad, *lines[3:]]))
        assert list(read_rows(path).cells) == [("left", 0)]
    path.write_bytes(data[:-1])
    assert len(read_rows(path).cells) == 5


def test_rows_of_another_configuration_are_kept_aside(tmp_path: Path) -> None:
    """Another size begins a file of its own; the first comes back without measuring."""
    first = run_toy(tmp_path, PLAIN, size=3)
    bytes_before = (tmp_path / "toy/rows.jsonl").read_bytes()
    second = run_toy(tmp_path, PLAIN, size=2)
    third = run_toy(tmp_path, PLAIN, size=3)
    assert (first.measured, second.measured, third.measured) == (6, 4, 0)
    assert (tmp_path / "toy/rows.jsonl").read_bytes() == bytes_before


def test_rows_of_other_sources_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a file that the rows depend on is another one, all cells are measured again."""
    run_toy(tmp_path, PLAIN)
    monkeypatch.setattr("paper.experiments.runner.sources_of", lambda start: "others")
    assert run_toy(tmp_path, PLAIN).measured == 6
    assert run_toy(tmp_path, PLAIN).measured == 0


def test_what_was_measured_stays_when_a_cell_fails(tmp_path: Path) -> None:
    """An error in the fourth cell leaves three; the next run measures the other three."""
    calls: list[Key] = []

    def failing(config: Config, key: Key, lab: Lab) -> Sequence[Row]:
        calls.append(key)
        if len(calls) == 4:
            raise ExperimentError("the fourth")
        return measure(config, key, lab)

    broken = replace(PLAIN, measure=failing)
    with pytest.raises(ExperimentError, match="the fourth"):
        run_toy(tmp_path, broken)
    assert run_toy(tmp_path, broken).measured == 3


def test_times_are_kept_apart_from_rows(whole: Path) -> None:
    """What the clock said is in timings.jsonl and in no row."""
    times = [json.loads(line) for line in (whole / "timings.jsonl").read_text().splitlines()]
    assert [line["timings"] for line in times] == [[{"seconds": 1.0}]] * 6
    assert all(
        "seconds" not in row
        for rows in read_rows(whole / "rows.jsonl").cells.values()
        for row in rows
    )


def test_every_output_carries_the_stamp(whole: Path) -> None:
    """Version, specification, seed and configuration are in each kind of file."""
    stamp = read_rows(whole / "rows.jsonl").stamp
    assert stamp is not None
    assert {"version", "spec", "sources", "seed", "config", "config_hash", "command"} <= set(stamp)
    for path in whole.iterdir():
        if path.suffix in (".md", ".json", ".svg", ".png"):
            assert stamp["config_hash"].encode() in path.read_bytes(), path.name


def test_markdown_is_escaped(whole: Path) -> None:
    """A sign that means something to a Markdown table is made harmless."""
    assert r"left\|right" in (whole / "summary.md").read_text()


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (-0.0001, "0.000"), (-0.5, "−0.500"), (12345, "12,345"), ("x", "x")],
)
def test_numbers_for_people(value: str | int | float | None, text: str) -> None:
    """A missing value is a dash, minus zero is zero, thousands are grouped."""
    assert number(value) == text


def test_no_number_is_not_written(whole: Path) -> None:
    """A summary with an infinite fact is refused: JSON has no such number."""
    stamp = read_rows(whole / "rows.jsonl").stamp
    assert stamp is not None
    with pytest.raises(ValueError, match="Out of range"):
        as_json(Summary("t", "q", "a", facts={"x": float("inf")}), stamp)


def test_cells_that_cannot_be_kept_are_refused(tmp_path: Path) -> None:
    """A cell without rows, two cells of one key: each an error."""
    file = RowFile(tmp_path / "rows.jsonl", {"seed": 1})
    with pytest.raises(ExperimentError, match="gave no rows"):
        file.put(("a",), [])
    with pytest.raises(ExperimentError, match="same key"):
        run_toy(tmp_path, replace(TOY, cells=lambda config: [("a", 1), ("a", 1)]))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the file and says what to do."""
    (tmp_path / "toy").write_text("a file where the folder should be")
    with pytest.raises(ExperimentError, match=r"toy.*--build"):
        run_toy(tmp_path)


@pytest.mark.long
def test_two_processes_write_what_one_does(tmp_path: Path) -> None:
    """The rows of several processes are in the order of the cells: the same bytes as from one."""
    config = {"seed": 7, "quick": True, "seeds": 2}
    for jobs in (1, 2):
        run_experiment(
            load("confound"), config, tmp_path / str(jobs), command="both", clock=perf_counter,
            jobs=jobs,
        )  # fmt: skip
    assert contents(tmp_path / "1/confound") == contents(tmp_path / "2/confound")
