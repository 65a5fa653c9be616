"""Model checking by TLC's own distributed mode: a server, and workers that reach it over RMI.

By default all run on this host. To add another host, give `host` an address by which it reaches
this one and `port` a number, and start there, with the same jar, what
`leo_model.tlc.workers.worker_command` gives.

What the server of TLC 2.15 does, seen on this machine: it passes over every PROPERTY and over a
false ASSUME and reports success; it waits for ever when a worker met a deadlock or the last one is
gone; it ends with exit code 0 when an invariant fell and does not say which; an evaluation error
looks the same. So properties and deadlock checks are refused, assumptions are checked first, a
server without workers is ended, and what fell is named by a local run. The numbers of distinct
states agree with a local run; the depth may be greater.

A server can also end, or wait until its time is over, without an answer: it asks each worker to
leave and fails when the reply of a process that is leaving does not come, its port can be taken
between the choice and the start, a worker may never come. That says nothing of the specification,
so such a run is begun again, `attempts` times in all, and the answer says how often.
"""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from leo_model.folders import make_folder
from leo_model.tlc.driver import DEFAULT_WORK, prepare, result_path, run
from leo_model.tlc.errors import JavaError, JobError
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import OnProgress, TlcJob, TlcResult, Verdict, config_sections
from leo_model.tlc.messages import Code, Message, Stream
from leo_model.tlc.process import Children
from leo_model.tlc.refusal import raise_refusal
from leo_model.tlc.run import check_assumptions, no_messages, progress_reader
from leo_model.tlc.verdict import judge
from leo_model.tlc.workers import Crew

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
    if job.simulate or job.dfid is not None or job.dump or job.coverage:
        raise JobError(
            f"job {job.name}: the distributed mode has neither simulation, depth-first search, "
            "state graph nor coverage"
        )


def run_distributed(
    job: TlcJob,
    *,
    workers: int = 2,
    work: Path = DEFAULT_WORK,
    runtime: Runtime | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    progress: OnProgress | None = None,
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
        result, pointed = _serve(crew, progress, listener)
        if pointed:
            result = _confirm(job, work, runtime)
        if pointed or job.keep or result.verdict is Verdict.ERROR:
            result = replace(result, folder=folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        if pointed or result.verdict is not Verdict.ERROR or unanswered + 1 == attempts:
            return DistributedResult(result, crew.registered, crew.lost, unanswered)
        unanswered += 1


def _serve(
    crew: Crew, progress: OnProgress | None, listener: Listener | None
) -> tuple[TlcResult, bool]:
    """One run of a server and its workers; whether the server points at a state where something
    fell.
    """
    job = crew.job
    report = progress_reader(job.name, progress)

    def on_message(message: Message) -> None:
        if message.code == Code.SERVER_READY:
            crew.start()
        crew.hear(message)
        if listener is not None:
            listener(message, crew.processes)
        if report is not None:
            report(message)

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
