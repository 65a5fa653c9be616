"""The processes of TLC's distributed mode: a server that hands out states, workers that explore
them.
"""

import os
import subprocess
from pathlib import Path
from threading import Lock, Thread, Timer

from leo_model.tlc.java import Runtime, environment
from leo_model.tlc.job import TlcJob
from leo_model.tlc.messages import Code, Message, Stream
from leo_model.tlc.process import Children, lay_out, watch

_SERVER = "tlc2.tool.distributed.TLCServer"
_WORKER = "tlc2.tool.distributed.TLCWorker"
# Seconds that the workers have to say goodbye to a server that has ended.
_FAREWELL = 5.0


def worker_command(
    runtime: Runtime,
    temporary: Path,
    host: str,
    port: int,
    *,
    threads: int = 1,
    heap_mb: int = 1024,
) -> list[str]:
    """The command that starts a worker for the server at `host` and `port`. temporary: as in
    `Runtime`.
    """
    flags = [f"-D{_SERVER}.port={port}", f"-D{_WORKER}.threadCount={threads}"]
    return [*runtime.command(_WORKER, temporary, heap_mb=heap_mb, full=True, flags=flags), host]


def _options(job: TlcJob, folder: Path) -> list[str]:
    options = ["-tool", "-metadir", str(folder / "states"), "-checkpoint", "0", "-deadlock"]
    options += ["-fp", str(job.fingerprint), "-config", str(folder / "job.cfg")]
    return [*options, job.module()]


class Crew:
    """A server and its workers, from their start to their end.

    grace: seconds that a server without workers is given to end by itself: workers end shortly
    before their server does.
    """

    def __init__(
        self,
        job: TlcJob,
        runtime: Runtime,
        folder: Path,
        count: int,
        host: str,
        port: int,
        children: Children,
        grace: float,
    ) -> None:
        self.job, self.runtime, self.folder = job, runtime, folder
        self.host, self.port, self.children = host, port, children
        self.grace_seconds = grace
        self.folders = [f"worker{number}" for number in range(1, count + 1)]
        self.registered = self.lost = 0
        self.deserted = ""
        self.processes: list[subprocess.Popen[bytes]] = []
        self._lock = Lock()
        self._grace: Timer | None = None

    def serve(self, stream: Stream) -> tuple[int | None, str]:
        """Run the server to its end."""
        start, flags = lay_out(self.job, self.folder)
        flags += [f"-D{_SERVER}.port={self.port}", f"-Djava.rmi.server.hostname={self.host}"]
        command = self.runtime.command(
            _SERVER, self.folder / "tmp", heap_mb=self.job.heap_mb, full=True, flags=flags
        )
        command += _options(self.job, self.folder)
        return watch(command, start, self.folder, self.job.timeout, stream, self.children)

    def start(self) -> None:
        """Start the workers; each is watched by a thread of its own."""
        for name in self.folders:
            place = self.folder / name
            place.mkdir()
            command = worker_command(
                self.runtime,
                place,
                self.host,
                self.port,
                threads=self.job.workers,
                heap_mb=self.job.heap_mb,
            )
            with (self.folder / f"{name}.out").open("wb") as out:
                process = subprocess.Popen(
                    command,
                    cwd=place,
                    env=environment(os.environ),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            self.children.add(process)
            self.processes.append(process)
        for process in self.processes:
            Thread(target=self._outlive, args=(process,), daemon=True).start()

    def hear(self, message: Message) -> None:
        """Count the worker threads that come and go."""
        if message.code == Code.WORKER_CAME:
            self.registered += 1
        elif message.code == Code.WORKER_LOST:
            self.lost += 1
            if self.lost >= self.registered:
                self._give_up()

    def _outlive(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        if all(other.poll() is not None for other in self.processes):
            self._give_up()

    def _give_up(self) -> None:
        """No worker is left: unless the server is just ending, it would wait for ever."""

        def desert() -> None:
            self.deserted = (
                f"no worker is left ({self.registered} worker threads came, {self.lost} were "
                f"lost): see {self.folder}"
            )
            self.children.kill()

        with self._lock:
            if self._grace is None:
                self._grace = Timer(self.grace_seconds, desert)
                self._grace.daemon = True
                self._grace.start()

    def dismiss(self) -> None:
        """Wait a moment for the workers to say goodbye, then end those that did not."""
        farewell = Timer(_FAREWELL, self.children.kill)
        farewell.start()
        for process in self.processes:
            process.wait()
            self.children.remove(process)
        farewell.cancel()
        with self._lock:
            if self._grace is not None:
                self._grace.cancel()
