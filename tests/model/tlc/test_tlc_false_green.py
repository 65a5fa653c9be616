"""The known ways in which TLC 2.15 says "no error" wrongly, or for the wrong reason.

Each is provoked on the real TLC, or on what it was seen to write, and must be reported as a
failure. Where TLC's own answer is a success, the test shows that first.
"""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leo_model.errors import JobError, SpecError
from leo_model.tlc.driver import result_path, run, run_many
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import TlcJob, TlcResult, Verdict
from leo_model.tlc.messages import Stream
from leo_model.tlc.verdict import judge

COUNTER = """---- MODULE Counter ----
EXTENDS Naturals, TLC
VARIABLE x
ASSUME 1 = ONE
Init == x = 0
Next == x' = (x + 1) % 5
Spec == Init /\\ [][Next]_x /\\ WF_x(Next)
TypeOK == x < 3
Goal == x # 4
Strange == x < 3 \\/ x.foo = 1
Visits == []<>(x = 0)
Nine == <>(x = 9)
Crashes == []<>(x = 2 /\\ x.foo)
Names == Permutations({A, B})
====
"""
GOOD = COUNTER.replace("ONE", "1").replace("Names == Permutations({A, B})\n", "")
FALSE_ASSUME = GOOD.replace("1 = 1", "1 = 2")
SPEC = "SPECIFICATION Spec\n"


def job(config: str, root: str = GOOD, name: str = "counter", **more: Any) -> TlcJob:
    """A job on the counter."""
    return TlcJob(name, root, SPEC + config, **more)


ENDLESS = """---- MODULE Endless ----
EXTENDS Naturals
VARIABLE x
Init == x = 0
Next == x' = x + 1
====
"""
LONG = TlcJob("counter", ENDLESS, "INIT Init\nNEXT Next", timeout=1)


SYMMETRIC = COUNTER.replace("ONE", "1").replace("VARIABLE", "CONSTANTS A, B\nVARIABLE")
CRASHES = {
    "crashes": ("PROPERTY Crashes", "Attempted to select field"),
    "strange": ("INVARIANT Strange", "Evaluating invariant Strange failed"),
}
JOBS = [
    job("", FALSE_ASSUME, "assume"),
    job(CRASHES["strange"][0], name="strange"),
    job(CRASHES["crashes"][0], name="crashes"),
    job("INVARIANTS Goal TypeOK", name="another"),
    job("PROPERTIES Visits Nine", name="which"),
    job("PROPERTY Visits", name="workers", workers=2),
    job("CONSTANTS A = A B = B\nSYMMETRY Names\nPROPERTY Visits", SYMMETRIC, "symmetry"),
    replace(LONG, name="long"),
]


@pytest.fixture(scope="module")
def ran(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TlcResult]:
    """The results of all that TLC can run, in one batch: in the order of the jobs, each told."""
    seen: list[str] = []
    work = tmp_path_factory.mktemp("batch")
    found = run_many(JOBS, work=work, runtime=runtime, done=lambda r: seen.append(r.job))
    assert [result.job for result in found] == [job.name for job in JOBS]
    assert sorted(seen) == sorted(job.name for job in JOBS)
    return {result.job: result for result in found}


def test_false_assume(ran: dict[str, TlcResult]) -> None:
    """A false ASSUME falls, and its place is told."""
    place = "line 4, col 8 to line 4, col 12 of module Counter"
    assert (ran["assume"].verdict, ran["assume"].property) == (Verdict.ASSUMPTION, place)


@pytest.mark.parametrize("name", CRASHES)
def test_crash_while_checking(ran: dict[str, TlcResult], name: str) -> None:
    """A crash in the liveness checker or in an invariant is an error, and keeps its folder."""
    result = ran[name]
    assert result.verdict is Verdict.ERROR
    assert result.property is None
    assert result.folder is not None
    assert (result.folder / "tlc.out").is_file()
    assert not (result.folder / "states").exists()
    assert re.search(CRASHES[name][1], result.reason)


def test_another_property_fell(ran: dict[str, TlcResult]) -> None:
    """When TypeOK falls, the expected violation of Goal has not been seen: exit code 12 says
    neither.
    """
    result = ran["another"]
    assert (result.verdict, result.exit_code) == (Verdict.INVARIANT, 12)
    assert not result.fell("Goal")
    assert result.fell("TypeOK")


def test_two_temporal_properties(ran: dict[str, TlcResult]) -> None:
    """TLC does not say which of two liveness properties fell, so that nothing was shown."""
    result = ran["which"]
    assert (result.verdict, result.property) == (Verdict.ERROR, None)
    assert "which of Visits, Nine" in result.reason
    assert not result.fell("Nine")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("workers", "a liveness property needs one worker, the job has 2"),
        ("symmetry", "symmetry together with a liveness property"),
    ],
)
def test_liveness_that_is_not_believed(ran: dict[str, TlcResult], name: str, said: str) -> None:
    """TLC checks liveness with two workers without a warning, under symmetry with one; both end
    with exit code 0.
    """
    assert (ran[name].verdict, ran[name].exit_code) == (Verdict.ERROR, 0)
    assert ran[name].reason.startswith(said)


def test_timeout(ran: dict[str, TlcResult]) -> None:
    """A run that takes too long is killed, and has shown nothing."""
    result = ran["long"]
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, None)
    assert result.reason == "timed out after 1 s"


def test_stale_result(runtime: Runtime, work: Path) -> None:
    """The result of an earlier run is gone before the next one starts: a run that breaks off leaves
    none.
    """
    result = run(job("INVARIANT Goal", GOOD.replace("# 4", "# 7")), work=work, runtime=runtime)
    path = result_path("counter", work)
    assert json.loads(path.read_text())["verdict"] == result.verdict == "ok"
    with pytest.raises(SpecError, match="SANY refuses"):
        run(job("", GOOD.replace("Init ==", "Init =")), work=work, runtime=runtime)
    assert not path.exists()


def test_two_runs_at_once(runtime: Runtime, work: Path) -> None:
    """Two runs of one job, started in the same moment, have a folder each and the same counts."""
    together = threading.Barrier(2)
    results: list[TlcResult] = []

    def one() -> None:
        together.wait()
        results.append(run(replace(job(""), keep=True), work=work, runtime=runtime))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = results
    assert first.folder != second.folder
    assert (first.verdict, first.distinct) == (second.verdict, second.distinct) == (Verdict.OK, 5)


def test_one_failure_ends_all(runtime: Runtime, work: Path) -> None:
    """A job that cannot run ends the others at once."""
    broken = TlcJob("broken", "---- MODULE M ----\nx\n====", "")
    with pytest.raises(SpecError, match="broken") as caught:
        run_many([replace(LONG, timeout=60), broken], parallel=2, work=work, runtime=runtime)
    assert caught.value.exit_code == 2
    stopped = json.loads(result_path("counter", work).read_text())
    assert stopped["reason"] == "killed by signal 9"


def test_batch_names_differ(runtime: Runtime, work: Path) -> None:
    """Two jobs of one name would share one result file."""
    with pytest.raises(JobError, match=r"^jobs of one batch need different names, used twice: cou"):
        run_many([job(""), job("")], work=work, runtime=runtime)


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob
from tests.model.tlc.test_tlc_false_green import LONG
from dataclasses import replace
work = Path(sys.argv[1])
def interrupt():
    while not list(work.glob("*/states")) and not stop.wait(0.05):
        pass
    os.kill(os.getpid(), signal.SIGINT)
stop = threading.Event()
threading.Thread(target=interrupt, daemon=True).start()
try:
    run_many([replace(LONG, timeout=50)], work=work)
except KeyboardInterrupt:
    print("interrupted", [path.read_text() for path in work.glob("*.result.json")])
"""


def test_interrupt_ends_the_children(tmp_path: Path) -> None:
    """Ctrl-C ends the runs under way, long before their time is up."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.startswith("interrupted"), done.stderr
    assert "killed by signal 9" in done.stdout


def message(code: int, text: str, severity: int = 0) -> list[str]:
    """One message as TLC writes it."""
    head = f"@!@!@STARTMSG {code}:{severity} @!@!@"
    return [head, *text.splitlines(), f"@!@!@ENDMSG {code} @!@!@"]


SUCCESS = [
    *message(2185, "Starting... (2026-01-01 00:00:00)"),
    *message(2212, "Implied-temporal checking--satisfiability problem has 1 branches."),
    *message(2192, "Checking temporal properties for the complete state space with 5 states"),
    *message(2267, "Finished checking temporal properties in 00s at 2026-01-01 00:00:00"),
    *message(2193, "Model checking completed. No error has been found."),
    *message(2199, "1,234 states generated, 1,005 distinct states found, 0 states left on queue."),
    *message(2194, "The depth of the complete state graph search is 5."),
    *message(2186, "Finished in 01min 02s at (2026-01-01 00:00:00)"),
]


def judged(lines: list[str], exit_code: int | None = 0, stopped: str = "") -> TlcResult:
    """The verdict on a stream of lines."""
    stream = Stream()
    for line in lines:
        stream.feed(line)
    return judge(job("PROPERTY Visits"), stream, exit_code, stopped)


def without(code: int) -> list[str]:
    """The stream of a success with one message left out."""
    at = next(i for i, line in enumerate(SUCCESS) if f"STARTMSG {code}:" in line)
    return SUCCESS[:at] + SUCCESS[at + 3 :]


def test_success_is_recognised() -> None:
    """The stream that the next tests spoil is a success, with its numbers."""
    result = judged(SUCCESS)
    assert (result.verdict, result.reason) == (Verdict.OK, "")
    assert (result.distinct, result.generated, result.depth, result.left) == (1005, 1234, 5, 0)
    assert result.seconds == 62


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda: judged(SUCCESS, 12), "exit code 0 \\(it is 12\\)"),
        (lambda: judged(without(2193)), "the message that model checking completed"),
        (lambda: judged(without(2192)), "the end of the check of the temporal properties"),
        (lambda: judged(without(2267)), "the end of the check of the temporal properties"),
        (lambda: judged(without(2199)), "the number of states; an empty queue"),
        (lambda: judged(without(2186)), "TLC ended in the middle of its work \\(exit code 0\\)"),
        (lambda: judged(SUCCESS[:-1]), "TLC ended in the middle of its work"),
        (lambda: judged([*SUCCESS, *SUCCESS[:2]]), "TLC ended in the middle of its work"),
        (lambda: judged([]), "TLC ended in the middle of its work"),
        (lambda: judged(SUCCESS, None, "killed by signal 9"), "^killed by signal 9$"),
        (
            lambda: judged([line.replace("0 states left", "7 states left") for line in SUCCESS]),
            "an empty queue of states \\(7 left\\)",
        ),
        (
            lambda: judged(message(1000, "TLC threw\nThe exception was a x\n: y", 1) + SUCCESS),
            "^TLC reports an error: x : y$",
        ),
        (
            lambda: judged(message(2110, "Invariant A is violated.", 1) + SUCCESS, 0),
            "a violation and exit code 0 instead of 12",
        ),
        (
            lambda: judged(
                message(2116, "Temporal properties were violated.", 1)
                + message(2110, "Invariant A is violated.", 1)
                + SUCCESS,
                13,
            ),
            "^TLC reports an error: Temporal properties were violated. / Invariant A is violated.$",
        ),
    ],
)
def test_one_sign_missing(spoil: Callable[[], TlcResult], said: str) -> None:
    """A success that lacks one of its signs, or has a sign of an error, is an error."""
    result = spoil()
    assert result.verdict is Verdict.ERROR
    assert not result.complete
    assert re.search(said, result.reason)
