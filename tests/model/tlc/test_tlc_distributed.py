"""TLC's distributed mode on this host: the answer of a local run, or an error, never a false
success.
"""

import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.checking.claims import Numbers, load_claims
from leo_model.checking.distributed import show_distributed
from leo_model.checking.plan import plan
from leo_model.errors import JobError
from leo_model.tlc.distributed import Crew, run_distributed, worker_command
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import TlcJob, Verdict
from leo_model.tlc.messages import Code, Message
from leo_model.tlc.process import Children

SPACE = """---- MODULE Space ----
EXTENDS Naturals
VARIABLES x, y
ASSUME 2 + 2 = 4
Init == x = 0 /\\ y = 0
Next == \\/ x' = (x + 1) % SIZE /\\ y' = y
        \\/ y' = (y + x) % SIZE /\\ x' = x
Near == x + y < SIZE * 2
Low == x < 5
Odd == x < 5 \\/ x.foo = 1
====
"""


NEAR = "INVARIANT Near"


def job(config: str, size: int = 12, root: str = SPACE) -> TlcJob:
    """A job for the distributed mode: invariants, no deadlock check."""
    text = root.replace("SIZE", str(size))
    return TlcJob("space", text, "INIT Init\nNEXT Next\n" + config, deadlock=False, timeout=60)


def test_all_states_are_found(runtime: Runtime, work: Path) -> None:
    """Two workers find all the 12 * 12 states, and leave nothing. The slower of the two may find
    that all is done when it comes.
    """
    answer = run_distributed(job(NEAR), work=work, runtime=runtime)
    assert answer.result.reason == ""
    assert (answer.result.verdict, answer.result.distinct) == (Verdict.OK, 144)
    assert answer.registered in (1, 2)
    assert answer.lost == 0
    assert answer.unanswered or [path.name for path in work.iterdir()] == []


@pytest.mark.parametrize(
    ("config", "verdict", "name"),
    [
        ("INVARIANTS Near Low", Verdict.INVARIANT, "Low"),
        pytest.param("INVARIANT Odd", Verdict.ERROR, None, marks=pytest.mark.long),
    ],
)
def test_what_fell(
    runtime: Runtime, work: Path, config: str, verdict: Verdict, name: str | None
) -> None:
    """The server says neither which invariant fell nor that it could not be evaluated; the answer
    does.
    """
    answer = run_distributed(job(config), workers=1, work=work, runtime=runtime)
    assert (answer.result.verdict, answer.result.property) == (verdict, name)
    assert [step.state["x"] for step in answer.result.trace.steps] == [0, 1, 2, 3, 4, 5]


@pytest.mark.long
def test_killed_worker_is_survived(runtime: Runtime, work: Path) -> None:
    """When one of two workers is killed, the other does its work, and the loss is reported."""
    came: list[Message] = []

    def kill_one(message: Message, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        came.extend([message] if message.code == Code.WORKER_CAME else [])
        if len(came) == 2:
            processes[0].kill()

    answer = run_distributed(job(NEAR, size=150), work=work, runtime=runtime, listener=kill_one)
    assert (answer.result.verdict, answer.result.distinct) == (Verdict.OK, 22500)
    assert (answer.registered, answer.lost) == (2, 1)


def test_no_worker_left_is_an_error(runtime: Runtime, work: Path) -> None:
    """When the only worker is killed, the server would wait for ever: it is ended, and says
    nothing.
    """

    def kill_all(message: Message, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            process.kill()

    answer = run_distributed(
        job(NEAR, size=500),
        workers=1,
        work=work,
        runtime=runtime,
        listener=kill_all,
        grace=0.5,
        attempts=1,
    )
    assert answer.result.verdict is Verdict.ERROR
    assert answer.result.reason.startswith("no worker is left (0 worker threads came, 0 were lost)")


@pytest.mark.long
def test_a_run_without_an_answer_is_begun_again(runtime: Runtime, work: Path) -> None:
    """A run whose workers were lost says nothing: the next one answers, and it is told that one
    did not.
    """
    killed: list[subprocess.Popen[bytes]] = []

    def kill_first(message: Message, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        if not killed and processes:
            killed.extend(processes)
            processes[0].kill()

    answer = run_distributed(
        job(NEAR), workers=1, work=work, runtime=runtime, listener=kill_first, grace=0.1
    )
    assert (answer.result.verdict, answer.result.distinct) == (Verdict.OK, 144)
    assert (answer.unanswered, answer.registered) == (1, 1)


class Ended(Children):
    """Says when all were told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.told = threading.Event()

    def kill(self) -> None:
        super().kill()
        self.told.set()


def test_all_threads_lost_is_an_error(runtime: Runtime, tmp_path: Path) -> None:
    """A worker process may outlive its last thread: the server is ended all the same."""
    children = Ended()
    crew = Crew(job(NEAR), runtime, tmp_path, 0, "127.0.0.1", 1, children, 0.01)
    crew.hear(Message(Code.WORKER_CAME, 0, ""))
    crew.hear(Message(Code.WORKER_CAME, 0, ""))
    crew.hear(Message(Code.WORKER_LOST, 0, ""))
    assert crew._grace is None
    crew.hear(Message(Code.WORKER_LOST, 0, ""))
    assert children.told.wait(10)
    assert crew.deserted.startswith("no worker is left (2 worker threads came, 2 were lost)")


def test_false_assume(runtime: Runtime, work: Path) -> None:
    """The server passes over a false ASSUME and reports success; here it falls."""
    false = job(NEAR, root=SPACE.replace("= 4\n", "= 5\n"))
    answer = run_distributed(false, work=work, runtime=runtime)
    assert answer.result.verdict is Verdict.ASSUMPTION


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (job("PROPERTY Live"), r"passes over properties \(Live\) and reports success"),
        (replace(job(""), deadlock=True), "hangs when it meets a deadlock"),
        (replace(job(""), dump=True), "has neither depth-first search"),
    ],
)
def test_refused_jobs(runtime: Runtime, work: Path, bad: TlcJob, said: str) -> None:
    """What the server would pass over, or hang on, is refused."""
    with pytest.raises(JobError, match=said):
        run_distributed(bad, work=work, runtime=runtime)


def test_no_attempt_is_refused(runtime: Runtime, work: Path) -> None:
    """Without an attempt there is no answer to give."""
    with pytest.raises(JobError, match="0 attempts: expected at least one"):
        run_distributed(job(NEAR), work=work, runtime=runtime, attempts=0)


def test_command_for_another_host(runtime: Runtime, tmp_path: Path) -> None:
    """A worker elsewhere needs the port as a property and the server's host as its argument."""
    command = worker_command(runtime, tmp_path, "server.example", 4711, threads=4)
    assert command[0] == str(runtime.java)
    assert command[-2:] == ["tlc2.tool.distributed.TLCWorker", "server.example"]
    assert "-Dtlc2.tool.distributed.TLCServer.port=4711" in command
    assert "-Dtlc2.tool.distributed.TLCWorker.threadCount=4" in command


@pytest.mark.long
def test_a_claim_distributed_finds_what_the_local_run_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`leo check --distributed`: the specification itself, the recorded number of states; another
    number is a finding.
    """
    claims = load_claims()
    runs = [r for r in plan(claims, ["shielded-unit-of-work"]) if r.kind == "holds" and r.faults]
    assert show_distributed(claims, runs, tmp_path, 2) == 0
    assert re.search("[12] workers, 0 lost: it holds in all", capsys.readouterr().out)
    wrong = replace(claims, numbers={runs[0].name: Numbers(1, 1)})
    assert show_distributed(wrong, runs, tmp_path, 1) == 1
