"""Runs TLC: each run in its own folder, several in parallel, each judged by its messages."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from leo_model.errors import ConfigError, JavaError, JobError, SpecError
from leo_model.files import cache_folder, make_folder
from leo_model.tlc.dot import read_dot
from leo_model.tlc.java import Runtime, find, with_cache
from leo_model.tlc.job import (
    TlcJob,
    TlcResult,
    Verdict,
    check_job,
    config_sections,
)
from leo_model.tlc.messages import Code, Stream
from leo_model.tlc.process import Children, lay_out, watch
from leo_model.tlc.verdict import judge, raise_refusal


def run_once(
    job: TlcJob, work: Path, runtime: Runtime, children: Children
) -> tuple[TlcResult, Stream]:
    """One run in a fresh folder under `work`, and what it wrote. Errors as for
    `leo_model.tlc.driver.run`."""
    folder = Path(tempfile.mkdtemp(prefix=f"{job.name}-", dir=work))
    keep = True
    try:
        stream = Stream()
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

    The distributed mode passes over a false ASSUME and reports success; a depth-first search of
    depth 1 does not. It would pass over liveness: the properties are none of its business.
    """
    checked, stream = run_once(replace(job, dfid=1), work, runtime, children)
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


def options(job: TlcJob, folder: Path) -> list[str]:
    """The arguments of TLC for a job whose run folder is `folder`."""
    args = ["-tool", "-metadir", str(folder / "states"), "-checkpoint", "0"]
    args += ["-workers", str(job.workers), "-fp", "0"]
    if not job.deadlock:
        args.append("-deadlock")
    if job.goes_on:
        args.append("-continue")
    if job.dfid is not None:
        args += ["-dfid", str(job.dfid)]
    if job.dump:
        args += ["-dump", "dot,actionlabels", str(folder / "graph.dot")]
    if job.coverage:
        args += ["-coverage", "1"]
    return [*args, "-config", str(folder / "job.cfg"), job.module()]


# The cache takes about 3.5 s to make and saves 0.35 s a run.
_CACHE_PAYS = 12


def run(
    job: TlcJob,
    *,
    work: Path,
    runtime: Runtime | None = None,
    children: Children | None = None,
) -> TlcResult:
    """Run TLC once and judge what it wrote.

    The run has a fresh folder under `work`, kept when the verdict is "error" or the job says so.
    The file `<name>.result.json` under `work` is deleted before the run and written after it: an
    interrupted run leaves none. runtime: None finds one, with its cache in the user's cache folder
    if that is there.

    Raises JavaError, JarError, SpecError, ConfigError, JobError when there is nothing to judge.
    """
    runtime = prepare(job, runtime)
    children = Children() if children is None else children
    work = work.resolve()
    make_folder(work)
    result_path(job.name, work).unlink(missing_ok=True)
    return _record(run_once(job, work, runtime, children)[0], work)


def prepare(job: TlcJob, runtime: Runtime | None) -> Runtime:
    """Refuse what must not be run; the runtime to run the rest with. Raises as `run` does."""
    check_job(job)
    if isinstance(job.root, Path) and not job.root.is_file():
        raise SpecError(f"job {job.name}: there is no module file {job.root}")
    _check_constants(job)
    return with_cache(find(), cache_folder() / "java", make=False) if runtime is None else runtime


def run_many(
    jobs: Sequence[TlcJob],
    *,
    parallel: int = 3,
    work: Path,
    runtime: Runtime | None = None,
    done: Callable[[TlcResult], None] | None = None,
) -> list[TlcResult]:
    """Run all jobs, `parallel` at a time, and return their results in the order of the jobs.

    The default is one more than two cores have: each JVM spends 0.3 s of its end asleep. done
    is called from the threads of the runs. When a run raises, or the user interrupts, all
    others are killed and the exception goes on. Names must differ. With runtime None the cache is
    made when many runs will use it.

    Raises as `run` does.
    """
    if parallel < 1:
        raise JobError(f"{parallel} runs of TLC at a time (--jobs): expected at least one")
    names = [job.name for job in jobs]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise JobError(f"jobs of one batch need different names, used twice: {', '.join(twice)}")
    if runtime is None:
        runtime = with_cache(find(), cache_folder() / "java", make=len(jobs) >= _CACHE_PAYS)
    children = Children()

    def one(job: TlcJob) -> TlcResult:
        result = run(job, work=work, runtime=runtime, children=children)
        if done is not None:
            done(result)
        return result

    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="tlc") as pool:
        futures: list[Future[TlcResult]] = [pool.submit(one, job) for job in jobs]
        try:
            finished, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
        finally:
            # Nothing is left to end when all went well; after a failure or an interrupt, all the
            # rest is.
            pool.shutdown(wait=False, cancel_futures=True)
            children.kill()
    return [future.result() for future in futures]


def result_path(name: str, work: Path) -> Path:
    """The file that says how the last finished run of the job `name` ended."""
    return work / f"{name}.result.json"


def _record(result: TlcResult, work: Path) -> TlcResult:
    summary = {
        key: getattr(result, key)
        for key in ("job", "verdict", "property", "reason", "distinct", "generated", "depth")
    } | {"seconds": result.seconds, "exit_code": result.exit_code, "version": result.version}
    with tempfile.NamedTemporaryFile("w", dir=work, delete=False, encoding="utf-8") as file:
        json.dump(summary, file, indent=1, ensure_ascii=False)
    Path(file.name).replace(result_path(result.job, work))
    return result


def _check_constants(job: TlcJob) -> None:
    """TLC ignores a constant of the configuration that no module has: a misspelt one would change
    nothing.
    """
    folders = list(job.library)
    texts = [job.root] if isinstance(job.root, str) else []
    if isinstance(job.root, Path):
        folders.append(job.root.parent)
    texts += [
        path.read_text("utf-8") for folder in folders for path in sorted(folder.glob("*.tla"))
    ]
    known = set(re.findall(r"\w+", "\n".join(texts)))
    words = config_sections(job.config).get("CONSTANT", [])
    for word, after in pairwise(words):
        if after in ("=", "<-") and word not in known:
            raise ConfigError(
                f"job {job.name}: the configuration gives a value to the constant {word}, which "
                f"occurs in no module of {', '.join(map(str, folders)) or 'the job'}: correct the "
                "name, or remove the line"
            )
