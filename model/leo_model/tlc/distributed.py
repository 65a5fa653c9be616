"""Model checking by TLC's own distributed mode: a server, and workers that reach it over RMI.

By default all run on this host. To add another host, give `host` an address by which it reaches
this one and `port` a number, and start there, with the same jar, what
`leo_model.tlc.distributed.worker_command` gives.

Observed of the server of TLC 2.15: it ignores every PROPERTY and a false ASSUME and reports
success; it waits for ever when a worker met a deadlock or the last worker is gone; when an
invariant fell it ends with exit code 0 and does not name it; an evaluation error looks the same. So
properties and deadlock checks are refused, assumptions are checked first, a server without workers
is ended, and a local run names the invariant that fell. The numbers of distinct states agree with a
local run; the depth may be greater.

A server can also end or time out without an answer: a worker that is leaving does not reply to it,
another process takes its port, or a worker never connects. That says nothing of the specification,
so such a run is repeated, `attempts` times in all, and the answer says how often.
"""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread, Timer
from typing import TypeAlias

from leo_model.errors import JavaError, JobError
from leo_model.files import make_folder
from leo_model.tlc.driver import check_assumptions, no_messages, prepare, result_path, run
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import TlcJob, TlcResult, Verdict, config_sections
from leo_model.tlc.messages import Code, Message, Stream
from leo_model.tlc.process import Children, lay_out, watch
from leo_model.tlc.verdict import judge, raise_refusal

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
    options += ["-fp", "0", "-config", str(folder / "job.cfg")]
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
                process = self.children.start(
                    command, cwd=place, stdout=out, stderr=subprocess.STDOUT
                )
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


# Hears each message of the server, with the processes of the workers on this host.
Listener: TypeAlias = Callable[[Message, Sequence[subprocess.Popen[bytes]]], None]


@dataclass(frozen=True)
class DistributedResult:
    """The answer, how many worker threads came and were lost on the way, and how many runs had
    ended without one before.
    """

    result: TlcResult
    registered: int
    lost: int
    unanswered: int = 0


def free_port() -> int:
    """A port of this host that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check_distributed(job: TlcJob) -> None:
    """Refuse what TLC's server would pass over or hang on. Raises JobError."""
    properties = config_sections(job.config).get("PROPERTY", [])
    if properties:
        raise JobError(
            f"job {job.name}: TLC's distributed mode passes over properties "
            f"({', '.join(properties)}) and reports success: check them locally, and only "
            "invariants distributed"
        )
    if job.deadlock:
        raise JobError(
            f"job {job.name}: TLC's distributed mode hangs when it meets a deadlock: switch the "
            "check off"
        )
    if job.dfid is not None or job.dump or job.coverage:
        raise JobError(
            f"job {job.name}: the distributed mode has neither depth-first search, state graph nor "
            "coverage"
        )


def run_distributed(
    job: TlcJob,
    *,
    workers: int = 2,
    work: Path,
    runtime: Runtime | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    listener: Listener | None = None,
    grace: float = 8.0,
    attempts: int = 2,
) -> DistributedResult:
    """Check the invariants of a job with a server and `workers` worker processes on this host.

    `job.workers` is the number of threads of each worker, `job.timeout` holds for each attempt.
    grace: seconds that a server whose workers are gone is given to end by itself. attempts: how
    often a run that ends without an answer is begun in all. Raises as `leo_model.tlc.driver.run`
    does, and JobError for what the distributed mode cannot do.
    """
    check_distributed(job)
    if workers < 1:
        raise JobError(
            f"job {job.name}: {workers} workers: expected at least one, or the server would wait "
            "for ever"
        )
    if attempts < 1:
        raise JobError(f"job {job.name}: {attempts} attempts: expected at least one")
    runtime = prepare(job, runtime)
    if isinstance(job.root, Path):
        # A worker looks for the configuration beside the root module: both go into one folder.
        library = (*job.library, job.root.parent)
        job = replace(job, root=job.root.read_text("utf-8"), library=library)
    work = work.resolve()
    make_folder(work)
    result_path(job.name, work).unlink(missing_ok=True)
    fell = check_assumptions(replace(job, workers=1), work, runtime, Children())
    if fell is not None:
        return DistributedResult(fell, 0, 0)
    unanswered = 0
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{job.name}-", dir=work))
        at = free_port() if port is None else port
        crew = Crew(job, runtime, folder, workers, host, at, Children(), grace)
        result, pointed = _serve(crew, listener)
        if pointed:
            result = _confirm(job, work, runtime)
        if pointed or job.keep or result.verdict is Verdict.ERROR:
            result = replace(result, folder=folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        if pointed or result.verdict is not Verdict.ERROR or unanswered + 1 == attempts:
            return DistributedResult(result, crew.registered, crew.lost, unanswered)
        unanswered += 1


def _serve(crew: Crew, listener: Listener | None) -> tuple[TlcResult, bool]:
    """One run of a server and its workers; whether the server points at a state where something
    fell.
    """
    job = crew.job

    def on_message(message: Message) -> None:
        if message.code == Code.SERVER_READY:
            crew.start()
        crew.hear(message)
        if listener is not None:
            listener(message, crew.processes)

    stream = Stream(on_message)
    try:
        code, stopped = crew.serve(stream)
        if not stream.messages and not stopped:
            raise JavaError(no_messages(crew.runtime, crew.folder, stream, code))
        raise_refusal(job, stream)
        result = judge(job, stream, code, crew.deserted or stopped)
    finally:
        crew.dismiss()
        for heavy in ("states", "tmp", *crew.folders):
            shutil.rmtree(crew.folder / heavy, ignore_errors=True)
    initial = any(message.code == Code.INITIAL_ERROR for message in stream.messages)
    return result, bool(result.trace.steps) or initial


def _confirm(job: TlcJob, work: Path, runtime: Runtime) -> TlcResult:
    """What fell, by a local run: the server has said that something did, and no more."""
    result = run(job, work=work, runtime=runtime)
    if result.verdict is Verdict.OK:
        reason = "the distributed run reports a violation and a local run finds none"
        return replace(result, verdict=Verdict.ERROR, reason=reason, complete=False)
    return result
