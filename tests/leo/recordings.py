"""Every run of the organism that a test records is judged, whether the test asks for it or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leo.errors import TraceFileError
from leo.reply.turn import Contents, Instance
from leo.trace.recorder import NdjsonRecorder
from leo_model.traces.report import to_text
from leo_model.traces.validate import expected_to_break, validate
from tests.leo.judge import CLAIMS


def problem_of(trace: Path) -> str | None:
    """Tell what is wrong with a recorded run: no trace, no behaviour, or a broken promise."""
    [report] = validate([trace], torn=True)
    if report.error is not None:
        return str(report.error)
    if report.finding(expected_to_break(CLAIMS, report)):
        return to_text(report)
    return None


class Recordings:
    """Watches the recorders that instances of the organism begin, and judges each when it closes.

    ``judged`` counts them, ``problems`` are what is wrong with them.
    """

    def __init__(self) -> None:
        self.judged = 0
        self.problems: list[str] = []
        self._open: list[NdjsonRecorder] = []

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """From now on, until the patch is undone, no recording of a run goes by unseen."""
        begin, close = Instance.begin, NdjsonRecorder.close

        def begin_seen(instance: Instance, opened: Contents) -> None:
            begin(instance, opened)
            tracer: Any = instance.tracer
            if isinstance(tracer, NdjsonRecorder) and tracer not in self._open:
                self._open.append(tracer)

        def close_seen(recorder: NdjsonRecorder) -> None:
            close(recorder)
            if recorder in self._open:
                self._open.remove(recorder)
                self._judge(recorder)

        patch.setattr(Instance, "begin", begin_seen)
        patch.setattr(NdjsonRecorder, "close", close_seen)

    def finish(self) -> list[str]:
        """Judge what was never closed as well, and return every problem."""
        for recorder in self._open:
            try:
                recorder.flush()
            except TraceFileError as error:
                self.problems.append(str(error))
            else:
                self._judge(recorder)
        self._open = []
        return self.problems

    def _judge(self, recorder: NdjsonRecorder) -> None:
        self.judged += 1
        problem = problem_of(recorder.path)
        if problem is not None:
            self.problems.append(problem)
