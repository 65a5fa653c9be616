"""SIGINT and SIGTERM end every command: with one line, leaving nothing behind.

Each command is begun in a folder and a process group of its own, and told to end at a moment that
a seed chooses. How long it takes is not asked here: other work on the machine decides that.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Thread

import pytest

from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import encode

# What takes long enough to be ended, from each command. The others are over at once (cite,
# completion), or need the results of these (paper, site).
LONG = {
    "ask": "discipline=bare sessions=4 turns=2",
    "chat": "",
    "check": "shared-store",
    "converse": "--field field.sqlite3 --observer http --model one --url http://127.0.0.1:PORT/v1",
    "cover": "bare",
    "experiment": "all --quick",
    "explore": "bare --sessions 3",
    "field": "import archive new.sqlite3",
    "live": "",
    "mutants": "",
    "noop": "",
    "observe": "book.txt",
    "orders": "",
    "prove": "",
    "record": "--sessions 5 --turns 5000",
    "replay": "--claims",
    "validate": "run.ndjson --follow",
    "verify": "",
}
# These treat Ctrl-C as an answer; SIGTERM ends them as any other.
KEEP = {"chat", "live", "validate"}
# One of each kind: what waits for input, for a server, for a database, for Java, for processes of
# its own, and what only computes. `make test-long` takes all.
QUICK = {
    "chat": signal.SIGTERM, "converse": signal.SIGINT, "field": signal.SIGTERM,
    "observe": signal.SIGINT, "verify": signal.SIGTERM, "prove": signal.SIGINT,
    "record": signal.SIGTERM, "explore": signal.SIGINT,
}  # fmt: skip


def prepare(command: str, folder: Path) -> int | None:
    """What the command works on; the open end of a pipe or of a server that says nothing, if it
    reads one.
    """
    if command == "converse":
        return socket.create_server(("127.0.0.1", 0)).detach()
    if command == "chat":
        os.mkfifo(folder / "said")
        return os.open(folder / "said", os.O_RDWR)
    if command == "observe":
        (folder / "book.txt").write_text("A field is a path, and nobody walls it. " * 400_000)
    if command == "validate":
        header, events = random_trace(trace_world("bare", 3), Random(2), 0.0, 40)
        (folder / "run.ndjson").write_bytes(encode([header, *events]))
    if command == "field":
        os.mkfifo(folder / "archive")
        return os.open(folder / "archive", os.O_RDWR)
    return None


def processes_of(session: int) -> list[int]:
    """The processes of a session, but zombies."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def listens(pid: int) -> bool:
    """The process has a handler for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(caught, 16) & 1 << signal.SIGTERM - 1)


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process has ended after so long, or before."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def ended(command: str, number: int, folder: Path, moment: float) -> None:
    """Begin a command, end it, and look at what it leaves."""
    (folder / "tmp").mkdir()
    pipe = prepare(command, folder)
    words = LONG[command]
    if command == "converse" and pipe is not None:
        with socket.socket(fileno=os.dup(pipe)) as server:
            words = words.replace("PORT", str(server.getsockname()[1]))
    process = subprocess.Popen(
        [sys.executable, "-m", "leo", command, *words.split()],
        cwd=folder,
        env=os.environ | {"TMPDIR": str(folder / "tmp")},
        stdin=pipe if command == "chat" else subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        while not listens(process.pid):
            assert not wait(process, 0.01), process.stderr.read().decode()
        if wait(process, moment):
            pytest.fail(f"over too soon ({process.returncode}): {process.stderr.read().decode()}")
        if number == signal.SIGINT:
            # As a terminal does: to all of them.
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert wait(process, 60), "it does not end"
        # What was killed may need a moment to be gone; an orphan stays.
        for pid in processes_of(process.pid):
            with suppress(ProcessLookupError), open(os.pidfd_open(pid)) as end:
                select.select([end], [], [], 10)
        orphans = processes_of(process.pid)
    finally:
        for left in processes_of(process.pid):
            os.kill(left, signal.SIGKILL)
        if pipe is not None:
            os.close(pipe)
    lines = process.stderr.read().decode().splitlines()
    process.stderr.close()
    assert process.returncode == 128 + number, lines
    assert [line for line in lines if line.startswith("leo: ")] == [lines[-1]]
    assert not any("Traceback" in line for line in lines), lines
    assert orphans == []
    assert list((folder / "tmp").iterdir()) == []
    for path in folder.rglob("*.json"):
        json.loads(path.read_text())
    # No part of a file, and no folder of an import that did not come to its end.
    assert [path for path in folder.rglob(".*") if path.name != ".aot"] == []


@pytest.mark.parametrize(("command", "number"), QUICK.items())
def test_a_signal_ends_a_command(command: str, number: int, tmp_path: Path) -> None:
    """At one moment of its work."""
    ended(command, number, tmp_path, Random(f"{command} {number}").uniform(0.0, 0.6))


@pytest.mark.long
@pytest.mark.parametrize("command", LONG)
def test_a_signal_ends_a_command_at_any_moment(command: str, tmp_path: Path) -> None:
    """Two hundred signals over all commands."""
    chance = Random(command)
    for turn in range(200 // len(LONG) + 1):
        number = chance.choice([signal.SIGTERM, *([] if command in KEEP else [signal.SIGINT])])
        folder = tmp_path / str(turn)
        folder.mkdir()
        ended(command, number, folder, chance.uniform(0.0, 4.0))


# A signal strikes when a process is there and nobody knows of it yet.
STRUCK = """
import os, signal, subprocess, sys
from leo.commands import ending
ending.install()
try:
    with ending.starting():
        child = subprocess.Popen([sys.executable, "-c", "while True: input()"], stdin=sys.stdin)
        os.kill(os.getpid(), signal.SIGTERM)
        ending.started(child)
finally:
    ending.end_all()
"""
# Its parent is gone without a word, and had begun another one.
KILLED = """
import multiprocessing, os, signal
from leo.commands.ending import follow
def one(talk):
    follow()
    talk.send("here")
    signal.pause()
if __name__ == "__main__":
    here, there = multiprocessing.Pipe()
    multiprocessing.get_context("spawn").Process(target=one, args=(there,)).start()
    here.recv()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("program", "code"), [(STRUCK, 143), (KILLED, -signal.SIGKILL)])
def test_no_process_stays(program: str, code: int, tmp_path: Path) -> None:
    """Each has the output as well, which is at its end when all have ended."""
    (tmp_path / "program.py").write_text(program)
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert wait(process, 60) and process.returncode == code
            assert process.stdout is not None
            ended = Thread(target=process.stdout.read)
            ended.start()
            ended.join(60)
            assert not ended.is_alive(), "a process stays"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
