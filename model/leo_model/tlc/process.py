"""Java processes of TLC: reads one to its end, and ends all of them with this program."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from threading import Lock, Timer
from typing import Any

from leo.commands.ending import started, starting
from leo_model.tlc.java import environment
from leo_model.tlc.job import TlcJob
from leo_model.tlc.messages import Stream


class Children:
    """The processes of a group of runs, so that all can be ended at once; after that none can be
    added.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        started(self)

    def start(self, command: Sequence[str], **given: Any) -> subprocess.Popen[bytes]:
        """Start a process as `subprocess.Popen` does, with the environment of a Java program."""
        with starting():
            process = subprocess.Popen(
                command, env=environment(os.environ), stdin=subprocess.DEVNULL, **given
            )
            with self._lock:
                self._alive.add(process)
                if self._closed:
                    process.kill()
        return process

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._alive.discard(process)

    def kill(self) -> None:
        with self._lock:
            self._closed = True
            for process in self._alive:
                process.kill()


def lay_out(job: TlcJob, folder: Path) -> tuple[Path, list[str]]:
    """Write a job's files into its run folder; where to start TLC, and the JVM's flags for the
    library.
    """
    (folder / "tmp").mkdir()
    (folder / "job.cfg").write_text(job.config, "utf-8")
    if isinstance(job.root, Path):
        start = job.root.resolve().parent
    else:
        start = folder
        (folder / f"{job.module()}.tla").write_text(job.root, "utf-8")
    library = os.pathsep.join(str(path.resolve()) for path in job.library)
    return start, [f"-DTLA-Library={library}"] if library else []


def watch(
    command: Sequence[str],
    start: Path,
    folder: Path,
    timeout: float,
    stream: Stream,
    children: Children,
) -> tuple[int | None, str]:
    """Feed a command's output into `stream`; return its exit code, or None and why it was ended.

    timeout: seconds. The output is copied to `tlc.out` in `folder`, what it complains to
    `stderr.txt`.
    """
    timed_out: list[bool] = []
    with (
        (folder / "stderr.txt").open("wb") as errors,
        (folder / "tlc.out").open("wb") as copy,
        children.start(command, cwd=start, stdout=subprocess.PIPE, stderr=errors) as process,
    ):

        def expire() -> None:
            timed_out.append(True)
            process.kill()

        timer = Timer(timeout, expire)
        timer.start()
        try:
            assert process.stdout is not None
            for raw in process.stdout:
                copy.write(raw)
                stream.feed(raw.decode("utf-8", errors="replace").rstrip("\r\n"))
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            children.remove(process)
    if timed_out:
        return None, f"timed out after {timeout:g} s"
    return (code, "") if code >= 0 else (None, f"killed by signal {-code}")
