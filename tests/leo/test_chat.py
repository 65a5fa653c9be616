"""`leo chat` through a pipe, and a conversation with interruptions."""

from __future__ import annotations

import asyncio
import io
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leo import ngrams
from leo.actions import Action
from leo.afield import Gate
from leo.chat import CANCELLED, EMPTY, HELP, converse
from leo.connection import Connection
from leo.disciplines import DEFAULT, DISCIPLINES
from leo.errors import SessionBusyError, StepError
from leo.speakers import AsyncSpeaker, SyncSpeaker
from leo.view import View
from tests.leo.support import async_field, dump, picture, reloaded, sync_field

pytestmark = pytest.mark.slow


def chat(path: Path, lines: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "leo", "chat", "--field", str(path), "--seed", "3", *arguments],
        input=lines,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_a_pipe_gets_one_line_per_prompt(tmp_path: Path) -> None:
    """No decorations; empty lines get a gentle notice; bytes that are no text are no trouble."""
    done = chat(
        tmp_path / "field", "Hello Leo\n\nhi \0 🌱\n".encode() + b"\xff\xfe\n/quit\nnever\n"
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3 and b">" not in done.stdout
    assert done.stderr.decode().splitlines() == [EMPTY]


def test_the_field_is_there_tomorrow(tmp_path: Path) -> None:
    """A second conversation goes on with what the first one left, under any driver the same."""
    for discipline in ("sequential", "bare", "asyncio-lock"):
        path = tmp_path / discipline
        core = ("--discipline", discipline, "--modules", "none")
        chat(path, b"Grey herons wait\n", *core)
        done = chat(path, b"/field\n", *core)
        assert b"version  2" in done.stdout and b"centres  I, the, and" in done.stdout
    assert dump(tmp_path / "bare").count("herons") == 1


def test_a_bad_field_is_one_paragraph_and_exit_code_2(tmp_path: Path) -> None:
    """No traceback; the file is left alone."""
    path = tmp_path / "notes"
    path.write_text("These are my notes.\n" * 100)
    done = chat(path, b"hello\n")
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.decode().startswith(f"leo: error: {path}: this is not a field")
    assert b"Traceback" not in done.stderr and path.read_text().startswith("These are")


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_at_a_terminal_a_byte_that_is_no_text_is_no_trouble(tmp_path: Path, errors: str) -> None:
    """Under the usual locales and under the one of plain C; the conversation goes on."""
    here, there = os.openpty()
    os.write(here, b"caf\xe9 au lait\n/field\n/quit\n")
    words = ("chat", "--field", str(tmp_path / "field"), "--seed", "1")
    with subprocess.Popen(
        [sys.executable, "-m", "leo", *words],
        stdin=there,
        stdout=there,
        stderr=there,
        env={**os.environ, "PYTHONIOENCODING": f"utf-8:{errors}", "TERM": "dumb"},
        close_fds=True,
    ) as process:
        os.close(there)
        shown = b""
        while select.select([here], [], [], 60)[0]:
            try:
                shown += os.read(here, 4096)
            except OSError:
                # The terminal of somebody who has gone.
                break
        assert process.wait(60) == 0, shown
    os.close(here)
    assert b"version  2" in shown and b"could not answer" not in shown and b"Trace" not in shown


class Stub:
    """A field that answers, is interrupted, or fails."""

    view = View()
    pulse = None
    discipline = DISCIPLINES[DEFAULT]

    def memory(self) -> list[str]:
        return []

    def why(self) -> str:
        return "because"

    def speak(self, prompt: str, session: str = "s1") -> str:
        if prompt == "long":
            raise KeyboardInterrupt
        if prompt == "bad":
            raise StepError("observe", "s1.1", ValueError("no"))
        if prompt == "soon":
            raise SessionBusyError("the session is busy")
        return prompt.upper()


def test_a_conversation_goes_on_after_interruption_failure_and_unknown_commands() -> None:
    """Ctrl-C cancels one reply, an error ends one reply, /quit ends the conversation."""
    out, notices = io.StringIO(), io.StringIO()
    lines = ["hi", "long", "bad", "soon", "/what now", "/help", "/why", "yo", "/quit", "x"]
    converse(Stub(), iter(lines), out, notices)
    assert out.getvalue() == f"HI\n{HELP}\nbecause\nYO\n"
    assert notices.getvalue().splitlines() == [
        "",
        CANCELLED,
        "Leo could not answer: the step 'observe' of reply s1.1 failed: ValueError: no",
        "Leo could not answer: the session is busy",
        "There is no '/what'; /help says what there is.",
    ]


def interrupted_at(wanted: Action) -> Gate:
    """A gate at which Ctrl-C is pressed, once."""
    presses = [signal.SIGINT]

    async def gate(session: str, action: Action) -> None:
        if action is wanted and presses:
            signal.raise_signal(presses.pop())

    return gate


@pytest.mark.parametrize("discipline", ["asyncio-lock", DEFAULT, "actor"])
@pytest.mark.parametrize("wanted", [Action.Recall, Action.Ingest, Action.SaveSnapshot])
def test_ctrl_c_cancels_an_asynchronous_reply(
    tmp_path: Path, wanted: Action, discipline: str
) -> None:
    """The signal becomes a cancellation of the reply; the next one is answered."""
    out, notices = io.StringIO(), io.StringIO()
    with asyncio.Runner() as runner:
        opening = async_field(tmp_path / "field", discipline, gate=interrupted_at(wanted))
        field = runner.run(opening)
        converse(AsyncSpeaker(field, runner), iter(["hello\n", "again\n"]), out, notices)
        assert picture(field.view) == runner.run(field._store.perform(reloaded))
        runner.run(field.close())
    assert notices.getvalue() == f"\n{CANCELLED}\n"
    assert len(out.getvalue().splitlines()) == 1


def test_ctrl_c_interrupts_a_synchronous_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a transaction: it is rolled back, and the next prompt is answered."""
    presses = [signal.SIGINT]
    bump = ngrams.bump

    def pressed(conn: Connection, name: str) -> int:
        version = bump(conn, name)
        if presses:
            signal.raise_signal(presses.pop())
        return version

    out, notices = io.StringIO(), io.StringIO()
    with sync_field(tmp_path / "field") as field:
        monkeypatch.setattr(ngrams, "bump", pressed)
        converse(SyncSpeaker(field), iter(["hello\n", "again\n"]), out, notices)
        assert field.view.versions() == {"view.bigrams": 2, "view.trigrams": 2}
        assert picture(field.view) == field._store.perform(reloaded)
    assert notices.getvalue() == f"\n{CANCELLED}\n"
    assert len(out.getvalue().splitlines()) == 1


@pytest.mark.parametrize("discipline", ["asyncio-lock", DEFAULT])
def test_a_second_ctrl_c_while_the_store_is_busy_ends_no_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """The first one asks for the end of the reply, the second one does not wait for it; the next
    prompt does, and is answered.
    """
    out, notices = io.StringIO(), io.StringIO()
    bump, main = ngrams.bump, threading.main_thread()
    let_go, presses = threading.Event(), [1, 2]

    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        def busy(conn: Connection, name: str) -> int:
            while presses:
                presses.pop()
                signal.pthread_kill(main.ident or 0, signal.SIGINT)
                if presses:
                    # One is enough for two that come together.
                    seen = threading.Event()
                    loop.call_soon_threadsafe(seen.set)
                    assert seen.wait(20)
                else:
                    assert let_go.wait(20)
            return bump(conn, name)

        def typed() -> Iterator[str]:
            yield "hello\n"
            let_go.set()
            yield "again\n"

        field = runner.run(async_field(tmp_path / "field", discipline))
        monkeypatch.setattr(ngrams, "bump", busy)
        converse(AsyncSpeaker(field, runner), typed(), out, notices)
        assert picture(field.view) == runner.run(field._store.perform(reloaded))
        runner.run(field.close())
    assert notices.getvalue() == f"\n{CANCELLED}\n"
    assert len(out.getvalue().splitlines()) == 1


def test_a_conversation_that_ends_over_an_abandoned_reply_is_closed(tmp_path: Path) -> None:
    """The reply is brought to its end before the store is closed: nothing is left to complain."""
    waits = asyncio.Event()

    async def gate(session: str, action: Action) -> None:
        if action is Action.Recall:
            asyncio.get_running_loop().call_soon(press_twice)
            try:
                await waits.wait()
            finally:
                ended.append(session)

    ended: list[str] = []
    with asyncio.Runner() as runner:
        field = runner.run(async_field(tmp_path / "field", DEFAULT, gate=gate))
        speaker = AsyncSpeaker(field, runner)
        with pytest.raises(KeyboardInterrupt):
            speaker.speak("hello")
        assert ended == []
        speaker.finish()
        assert ended == ["s1"]
        runner.run(field.close())


def press_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
