"""One run of TLC in a fresh folder: its command line, its output, its result."""

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from leo_model.tlc.dot import read_dot
from leo_model.tlc.errors import JavaError
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import OnProgress, Progress, TlcJob, TlcResult, Verdict
from leo_model.tlc.messages import Code, Message, Stream
from leo_model.tlc.process import Children, lay_out, watch
from leo_model.tlc.refusal import raise_refusal
from leo_model.tlc.verdict import judge, number

_PROGRESS = re.compile(
    r"Progress\((-?\d+)\).*?: ([\d,]+) states generated.*?, (-?[\d,]+) distinct states found.*?, "
    r"(-?[\d,]+) states left"
)


def run_once(
    job: TlcJob, work: Path, runtime: Runtime, progress: OnProgress | None, children: Children
) -> tuple[TlcResult, Stream]:
    """One run in a fresh folder under `work`, and what it wrote. Errors as for
    `leo_model.tlc.driver.run`."""
    folder = Path(tempfile.mkdtemp(prefix=f"{job.name}-", dir=work))
    keep = True
    try:
        stream = Stream(progress_reader(job.name, progress))
        start, flags = lay_out(job, folder)
        command = runtime.command(
            "tlc2.TLC", folder / "tmp", heap_mb=job.heap_mb, full=job.long, flags=flags
        )
        code, stopped = watch(
            [*command, *options(job, folder)], start, folder, job.timeout, stream, children
        )
        if not stream.messages and not stopped:
            raise JavaError(no_messages(runtime, folder, stream, code))
        raise_refusal(job, stream)
        result = judge(job, stream, code, stopped)
        if job.dump and result.verdict is Verdict.OK:
            result = replace(result, graph=read_dot(folder / "graph.dot"))
        keep = job.keep or result.verdict is Verdict.ERROR
        return (replace(result, folder=folder) if keep else result), stream
    finally:
        for heavy in ("states", "tmp"):
            shutil.rmtree(folder / heavy, ignore_errors=True)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def check_assumptions(
    job: TlcJob, work: Path, runtime: Runtime, children: Children
) -> TlcResult | None:
    """The result of a run that stops after the initial states, if an ASSUME or one of them is at
    fault.

    Simulation and the distributed mode pass over a false ASSUME and report success; a depth-first
    search of depth 1 does not. It would pass over liveness: the properties are none of its
    business.
    """
    checked, stream = run_once(replace(job, dfid=1), work, runtime, None, children)
    started = any(message.code == Code.INITIAL_DONE_DFID for message in stream.messages)
    if started and not checked.errors:
        if checked.folder is not None and not job.keep:
            shutil.rmtree(checked.folder, ignore_errors=True)
        return None
    return checked


def no_messages(runtime: Runtime, folder: Path, stream: Stream, code: int | None) -> str:
    """What to say when a JVM wrote no message at all."""
    said = (folder / "stderr.txt").read_text("utf-8", errors="replace").strip()
    said = " ".join((said or " ".join(stream.sany) or "nothing").split())[:400]
    return (
        f"{runtime.java} with {runtime.jar} ended with exit code {code} before TLC said anything; "
        f"it wrote: {said}; check JAVA_HOME and TLA2TOOLS_JAR, or unset both to use the runtime "
        "and the jar that come with this program"
    )


def progress_reader(name: str, progress: OnProgress | None) -> Callable[[Message], None] | None:
    """A listener for a Stream that hands TLC's reports of progress on to `progress`."""
    if progress is None:
        return None

    def on_message(message: Message) -> None:
        found = _PROGRESS.search(message.text) if message.code == Code.PROGRESS else None
        if found:
            depth, generated, distinct, left = map(number, found.groups())
            progress(Progress(name, depth, generated, distinct, left))

    return on_message


def options(job: TlcJob, folder: Path) -> list[str]:
    """The arguments of TLC for a job whose run folder is `folder`."""
    args = ["-tool", "-metadir", str(folder / "states"), "-checkpoint", "0"]
    args += ["-workers", str(job.workers), "-fp", str(job.fingerprint)]
    if not job.deadlock:
        args.append("-deadlock")
    if job.simulate is not None:
        args += ["-simulate", f"num={job.simulate.traces}", "-depth", str(job.simulate.depth)]
        args += ["-seed", str(job.simulate.seed)]
    if job.dfid is not None:
        args += ["-dfid", str(job.dfid)]
    if job.dump:
        args += ["-dump", "dot,actionlabels", str(folder / "graph.dot")]
    if job.coverage:
        args += ["-coverage", "1"]
    return [*args, "-config", str(folder / "job.cfg"), job.module()]
