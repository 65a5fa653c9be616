"""The judge of recorded runs: it sees every run, and a wrong one makes the test fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leo import NdjsonRecorder
from leo.actions import Action
from leo.trace.events import Happened
from tests.leo.recordings import Recordings, problem_of
from tests.leo.support import async_field, recorder, sync_field


def test_a_run_is_seen_and_judged(tmp_path: Path, recordings: Recordings) -> None:
    """Synchronous and asynchronous runs, closed in any way; a recorder that no organism uses is
    nobody's run."""
    for number in range(2):
        with recorder(tmp_path / f"{number}") as tracer, sync_field(tmp_path / "f", tracer) as leo:
            leo.reply("hello")
    recorder(tmp_path / "unused").close()
    assert (recordings.judged, recordings.problems) == (2, [])

    async def main() -> None:
        tracer = recorder(tmp_path / "open")
        async with await async_field(tmp_path / "g", "bare", tracer) as field:
            await field.reply("hello")

    asyncio.run(main())
    assert recordings.judged == 2
    assert recordings.finish() == []
    assert recordings.judged == 3


@pytest.mark.unjudged("the run is made wrong to show that the judge sees it")
@pytest.mark.parametrize("closed", [True, False])
def test_a_wrong_run_is_a_problem(
    tmp_path: Path, closed: bool, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorder that forgets an action: no behaviour, whether it is closed or not."""
    right = NdjsonRecorder.record

    def forgetful(self: NdjsonRecorder, happened: Happened) -> None:
        if happened.action is not Action.Ingest:
            right(self, happened)

    monkeypatch.setattr(NdjsonRecorder, "record", forgetful)
    seen = Recordings()
    seen.install(monkeypatch)
    tracer = recorder(tmp_path / "trace")
    with sync_field(tmp_path / "field", tracer) as leo:
        leo.reply("hello")
    if closed:
        tracer.close()
    (problem,) = seen.finish()
    assert "trace: REJECTED at line 5" in problem
    assert recordings.judged == 0


def test_wrong_and_damaged_traces_are_problems(tmp_path: Path) -> None:
    """A run that claims another discipline, and a file that is no trace."""
    path = tmp_path / "trace"

    async def main() -> None:
        with recorder(path) as tracer:
            async with await async_field(tmp_path / "field", "bare", tracer) as field:
                await asyncio.gather(field.reply("one", "s1"), field.reply("two", "s2"))

    asyncio.run(main())
    assert problem_of(path) is None
    path.write_text(path.read_text().replace('"bare"', '"asyncio-lock"'))
    assert "the lock is free" in str(problem_of(path))
    path.write_text("hello")
    assert "the first line is cut" in str(problem_of(path))


def test_the_judge_is_everywhere(request: pytest.FixtureRequest) -> None:
    """The fixture needs no asking for: it is in force here, where nobody asked."""
    assert "recordings" in request.fixturenames
    assert NdjsonRecorder.close.__qualname__.startswith("Recordings.install")
