"""`leo chat`: the conversation, and why a reply is what it is."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sqlite3
import subprocess
import sys
import termios
import threading
import tty
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from select import select
from textwrap import fill
from typing import Any, cast

import pytest

from leo import MODULES
from leo.actions import Action
from leo.commands.chat import RUNNABLE
from leo.commands.conversation import EMPTY, ENDED, Pacer, converse, describe_commands, until_a_key
from leo.commands.speakers import Speaker, describe_interruption
from leo.commands.why import Account
from leo.disciplines import DEFAULT, DISCIPLINES
from leo.drivers.tasks import Gate
from leo.errors import SessionBusyError, StepError
from leo.field import themes
from leo.field.themes import Survey
from leo.field.view import View
from leo.modules import Module
from leo.store import ngrams
from leo.store.connection import Connection
from leo.store.operations import get_versions
from leo.store.schema import connect
from tests.leo.support import async_field, picture, reloaded, sync_field


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


CANCELLED, DROPPED = describe_interruption(DISCIPLINES[DEFAULT])


class Stub:
    """A field that answers, is interrupted, or fails."""

    view = View()
    pulse = None
    discipline = DISCIPLINES[DEFAULT]

    def memory(self) -> list[str]:
        return []

    def why(self, steps: bool = False) -> str:
        return "steps" if steps else "because"

    def speak(self, prompt: str, session: str = "s1") -> str:
        if prompt == "long":
            raise KeyboardInterrupt
        if prompt == "bad":
            raise StepError("observe", "s1.1", ValueError("no"))
        if prompt == "soon":
            raise SessionBusyError("the session is busy")
        self.said = prompt
        return prompt.upper()

    def settle(self, session: str = "s1") -> None:
        if self.said == "dream":
            raise KeyboardInterrupt
        if self.said == "brood":
            raise StepError("observe", "s1~ring0.1", ValueError("no"))


STUB = cast(Speaker, Stub())


def test_a_conversation_goes_on_after_interruption_failure_and_unknown_commands() -> None:
    """Ctrl-C cancels one reply, an error ends one reply, /quit ends the conversation; what failed
    is counted, which is a pipe's exit code.
    """
    out, notices = io.StringIO(), io.StringIO()
    lines = ["hi", "long", "bad", "soon", "/what now", "/help", "/why", "dream", "brood", "bye"]
    lines[4:4] = ["/WHY", "/why now", "/Quit now", "/observe", "/observe nope"]
    # All but what follows a reply: long to soon, and five commands.
    assert converse(STUB, iter([*lines, "/quit", "x"]), out, notices) == 8
    told = f"{describe_commands()}\nbecause"
    assert out.getvalue() == f"HI\nbecause\n{told}\nDREAM\nBROOD\nBYE\n"
    assert notices.getvalue().splitlines() == [
        "",
        CANCELLED,
        "Leo could not answer: the step 'observe' of reply s1.1 failed: ValueError: no",
        "Leo could not answer: the session is busy",
        "/why takes nothing after it; /help says what there is.",
        "/Quit takes nothing after it; /help says what there is.",
        "Leo could not read: no text was named; name garden, harbour, night_train or a file",
        "Leo could not read: nope: there is no such file; name garden, harbour, night_train or a "
        "file",
        "There is no '/what'; /help says what there is.",
        "",
        DROPPED,
        "Leo could not think on: the step 'observe' of reply s1~ring0.1 failed: ValueError: no",
    ]


def test_ctrl_c_in_a_command_ends_the_command_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """While `/field` looks for themes: the conversation goes on, and the next one shows them."""
    survey, presses = themes.survey_themes, [KeyboardInterrupt()]

    def pressed(view: View, most: int | None = None) -> Survey:
        if presses:
            raise presses.pop()
        return survey(view, most)

    monkeypatch.setattr("leo.commands.conversation.survey_themes", pressed)
    out, notices = io.StringIO(), io.StringIO()
    converse(STUB, iter(["/field", "/field", "hi"]), out, notices)
    assert out.getvalue().count("themes") == 1 and out.getvalue().endswith("HI\n")
    assert notices.getvalue() == f"\n{ENDED}\n"


@pytest.mark.parametrize("ended", ["", "by a key", "in a pause", "in a word"])
def test_words_appear_one_by_one_after_the_commit(tmp_path: Path, ended: str) -> None:
    """A pause after each. A key or Ctrl-C shows the rest, and nothing is cancelled; the key may be
    the Enter of an empty line.
    """
    notices, seen, spans = io.StringIO(), list[str](), list[float]()

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            super().write(text)
            if ended == "in a word" and len(seen) == 3:
                seen.append(self.getvalue())
                raise KeyboardInterrupt
            return len(text)

    def pauses(seconds: float) -> Generator[None]:
        assert field._store.perform(get_versions)["snapshots"] == 1
        while len(seen) < 4 or ended in ("", "in a word"):
            seen.append(out.getvalue())
            spans.append(seconds)
            yield
        if ended == "in a pause":
            raise KeyboardInterrupt

    out = Out()
    with sync_field(tmp_path / "field") as field:
        lines = iter(["hello", ""])
        converse(Speaker(field), lines, out, notices, 30, pacer=Pacer(2.0, pauses))
        assert field.latest is not None
    assert out.getvalue() == f"{fill(field.latest.text, 30)}\n" and notices.getvalue() == ""
    words = len(out.getvalue().split())
    assert [len(text.split()) for text in seen] == [*range(1, 5 if ended else words + 1)]
    assert len(set(spans)) == 1 and (ended or sum(spans) == pytest.approx(2.0))


def test_a_key_ends_the_pauses_and_stays_for_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not shown, and the terminal is as it was, also where Ctrl-C comes at the very first."""
    keys, screen = os.openpty()
    with os.fdopen(keys, "rb", 0), os.fdopen(screen) as there:
        monkeypatch.setattr("sys.stdin", there)
        before = termios.tcgetattr(screen)
        pauses = until_a_key(0.0)
        assert next(pauses, "over") is None
        os.write(keys, b"x\n")
        assert next(pauses, "over") == "over"
        assert termios.tcgetattr(screen) == before and there.readline() == "x\n"
        assert not select([keys], [], [], 0)[0]
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(tty, "setcbreak", partial(struck, tty.setcbreak))
            next(until_a_key(0.0))
        assert termios.tcgetattr(screen) == before


def struck(work: Callable[..., object], *given: object) -> None:
    work(*given)
    raise KeyboardInterrupt


@contextmanager
def speaking(
    path: Path, discipline: str, gate: Gate | None = None, modules: Sequence[Module[Any]] = MODULES
) -> Iterator[Speaker]:
    """A speaker of a field whose view is the store's in the end."""
    account = Account()
    if discipline == "sequential":
        with sync_field(path, account, modules=modules) as field:
            yield Speaker(field, account)
            assert picture(field.view) == field._store.perform(reloaded)
        return
    with asyncio.Runner() as runner:
        afield = runner.run(async_field(path, discipline, account, gate, modules=modules))
        yield Speaker(afield, account, runner)
        assert picture(afield.view) == runner.run(afield._store.perform(reloaded))
        runner.run(afield.close())


@pytest.mark.parametrize("discipline", ["sequential", DEFAULT, "actor"])
def test_a_text_is_read_in_the_middle_of_a_conversation(tmp_path: Path, discipline: str) -> None:
    """One of our own or a file, once each, and the talk goes on; what is no text is said. `/why`
    tells of the reply before it.
    """
    book, out, notices = tmp_path / "my book.txt", io.StringIO(), io.StringIO()
    book.write_text("Grey herons wait.")
    with speaking(tmp_path / "field", discipline, modules=()) as speaker:
        texts = ["garden", str(book), str(tmp_path / "field"), "~nobody/x", "a\0b"]
        said = ["hello", *(f"/observe {text}" for text in texts), "/observe", "/why --steps", "yo"]
        converse(speaker, iter(said), out, notices, file=tmp_path / "field")
        assert speaker.view.bigrams.version == 5 and "herons" in speaker.view.words.names.values()
    assert out.getvalue().count("Leo has read") == 2 and "reply    s1.1\n" in out.getvalue()
    told = notices.getvalue().splitlines()
    assert [line.startswith("Leo could not read") for line in told] == [True] * 4
    assert "the file of the field" in told[0] and "no text was named" in told[3]


def test_what_cannot_work_is_not_offered() -> None:
    """Two disciplines show a deadlock, and nobody would be answered."""
    assert DISCIPLINES.keys() - {*RUNNABLE} == {"threading-lock-in-async", "reentrant"}


def talk(speaker: Speaker, lines: Iterable[str], what: int) -> list[str]:
    """The answers, where a Ctrl-C interrupted a reply (0) or what follows one (1), and that is
    said once.
    """
    out, notices = io.StringIO(), io.StringIO()
    converse(speaker, iter(lines), out, notices)
    assert notices.getvalue() == f"\n{describe_interruption(speaker.discipline)[what]}\n"
    return out.getvalue().splitlines()


def interrupted_at(wanted: Action, who: str = "s1") -> Gate:
    """A gate at which Ctrl-C is pressed, once."""
    presses = [signal.SIGINT]

    async def gate(session: str, action: Action) -> None:
        if action is wanted and session == who and presses:
            signal.raise_signal(presses.pop())

    return gate


def pressed_twice_at(wanted: Action, who: str = "s1") -> Gate:
    """A gate at which Ctrl-C is pressed twice, once; it holds the reply until it is cancelled."""
    presses = [signal.SIGINT] * 2

    def press() -> None:
        while presses:
            signal.raise_signal(presses.pop())

    async def gate(session: str, action: Action) -> None:
        if action is wanted and session == who and presses:
            asyncio.get_running_loop().call_soon(press)
            await asyncio.Event().wait()

    return gate


@pytest.mark.parametrize("discipline", ["sequential", "bare", "asyncio-lock", DEFAULT, "actor"])
def test_what_leo_goes_on_thinking_is_thought_before_the_next_line_is_read(
    tmp_path: Path, discipline: str
) -> None:
    """After the answer is shown and before anything else is typed: `/field` has the rings."""
    out, versions = io.StringIO(), list[int]()
    with speaking(tmp_path / "field", discipline) as speaker:

        def typed() -> Iterator[str]:
            yield "hello there"
            versions.append(speaker.view.bigrams.version)
            assert len(out.getvalue().splitlines()) == 1
            yield "/why --steps"

        converse(speaker, typed(), out, out)
        assert versions == [speaker.view.bigrams.version] and versions[0] > 2
    assert "after    s1~ring0.1, s1~ring1.1" in out.getvalue()


@pytest.mark.parametrize(
    ("strike", "discipline"),
    [*product([interrupted_at, pressed_twice_at], ["asyncio-lock", DEFAULT]),
     (interrupted_at, "actor")],
)  # fmt: skip
def test_ctrl_c_drops_what_leo_goes_on_thinking(
    tmp_path: Path, strike: Callable[[Action, str], Gate], discipline: str
) -> None:
    """In the middle of the first ring: the answer is on the screen already, the rest is dropped. A
    second Ctrl-C does not wait for the ring to end; the next prompt does, and is answered.
    """
    gate = strike(Action.Generate, "s1~ring0")
    with speaking(tmp_path / "field", discipline, gate) as speaker:
        assert len(talk(speaker, ["hello there"], 1)) == 1
        # An actor carries out a request whose caller leaves: then the ring is there, and no other.
        assert "ring1" not in speaker.why(steps=True)
        converse(speaker, iter(["and now?"]), io.StringIO(), io.StringIO())
        assert "s1~ring1" in speaker.why(steps=True)


@pytest.mark.parametrize("discipline", ["asyncio-lock", DEFAULT, "actor"])
@pytest.mark.parametrize("wanted", [Action.Recall, Action.Ingest, Action.SaveSnapshot])
def test_ctrl_c_cancels_an_asynchronous_reply(
    tmp_path: Path, wanted: Action, discipline: str
) -> None:
    """The signal becomes a cancellation of the reply; the next one is answered."""
    with speaking(tmp_path / "field", discipline, interrupted_at(wanted), ()) as speaker:
        assert len(talk(speaker, ["hello\n", "again\n"], 0)) == 1
    with closing(connect(tmp_path / "field")) as conn:
        # What is there beside the seed and the second reply is of the first one.
        left = Counter(get_versions(conn)) - Counter(ngrams=2, snapshots=1)
    cancelled, _ = describe_interruption(DISCIPLINES[discipline])
    if discipline == "actor":
        assert "Leo finishes it" in cancelled
        assert left == Counter(ngrams=1, snapshots=1)
    elif discipline == DEFAULT:
        assert "was cancelled; the field is whole" in cancelled
        assert left["ngrams"] == left["snapshots"]
    else:
        assert "what it had written stays" in cancelled
        assert wanted is not Action.Ingest or left == Counter(ngrams=1)


def test_ctrl_c_interrupts_a_synchronous_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a transaction: it is rolled back, and the next prompt is answered."""
    presses, bump = [signal.SIGINT], ngrams.bump

    def pressed(conn: Connection, name: str) -> int:
        version = bump(conn, name)
        if presses:
            signal.raise_signal(presses.pop())
        return version

    with speaking(tmp_path / "field", "sequential", modules=()) as speaker:
        monkeypatch.setattr(ngrams, "bump", pressed)
        assert len(talk(speaker, ["hello\n", "again\n"], 0)) == 1
        assert speaker.view.versions() == {"view.bigrams": 2, "view.trigrams": 2}


@pytest.mark.parametrize("discipline", ["asyncio-lock", DEFAULT])
def test_a_second_ctrl_c_while_the_store_is_busy_ends_no_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, discipline: str
) -> None:
    """The first one asks for the end of the reply, the second one does not wait for it."""
    bump, main = ngrams.bump, threading.main_thread()
    let_go, presses = threading.Event(), [1, 2]
    with speaking(tmp_path / "field", discipline, modules=()) as speaker:
        assert speaker._runner is not None
        loop = speaker._runner.get_loop()

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

        monkeypatch.setattr(ngrams, "bump", busy)
        assert len(talk(speaker, typed(), 0)) == 1


def test_a_conversation_that_ends_over_an_abandoned_reply_is_closed(tmp_path: Path) -> None:
    """The reply is brought to its end before the store is closed: nothing is left to complain."""
    with speaking(tmp_path / "field", DEFAULT, pressed_twice_at(Action.Recall), ()) as speaker:
        with pytest.raises(KeyboardInterrupt):
            speaker.speak("hello")
        assert speaker._task is not None and not speaker._task.done()
        speaker.finish()
        assert speaker._task.done()


def test_why_tells_what_a_reply_did(tmp_path: Path) -> None:
    """`/why --steps`: its actions with versions, the objects of its steps, the rows that it left;
    `/field` has its pulse; a reply that failed has its actions only.
    """
    out, notices, account = io.StringIO(), io.StringIO(), Account()
    failures: list[ZeroDivisionError] = []

    def gate(session: str, action: Action) -> None:
        if failures and action is Action.Generate:
            raise failures.pop()

    with sync_field(tmp_path / "field", account, gate=gate, modules=MODULES) as field:
        lines = iter(
            ["/why --steps", "/field", "hello there", "/why --steps", "/field", "/discipline"]
        )
        converse(Speaker(field, account), lines, out, notices, 80)
        told = out.getvalue().splitlines()
        assert told[0] == "Leo has not said anything yet." and "pulse    none yet" in told
        assert "reply    s1.1" in told and "  Recall        reads snapshots 0" in told
        assert "  Return        returned" in told and "after    s1~ring0.1" in "\n".join(told)
        assert "step     recall: reads modules, snapshots; writes -" in told
        # What the modules keep is named once, however many steps touch it.
        assert "\n".join(told).count("metaleo") == 1
        assert any("episodes (1)" in line for line in told if line.startswith("kept"))
        assert max(map(len, told)) <= 80
        assert len([line for line in told if line.startswith("pulse    0.")]) == 2
        assert told[-1].startswith("sequential (D0): on sync")
        failures.append(ZeroDivisionError("no voice"))
        out.truncate(0)
        converse(Speaker(field, account), iter(["and now?", "/why --steps"]), out, notices)
    assert "ZeroDivisionError: no voice" in notices.getvalue()
    assert "  Raise         raised" in out.getvalue() and "kept" not in out.getvalue()


DAY = (
    "flow_turns VALUES (1, -36000.0), (2, -6000.0), (3, -2400.0)",
    "flow_strengths VALUES (2, 'rain', 3.0), (3, 'sea', 2.0)",
    "trauma_words VALUES ('silence', 1.0, 1000.0)",
)
MINUTES = (
    "flow_turns VALUES (1, 900.0), (2, 960.0)",
    "flow_strengths VALUES (2, 'sea', 2.0), (2, 'The', 3.0), (2, ',', 3.0), (1, 'rain', 1.0), "
    "(1, 'with', 2.0)",
)
RATES = ["rising   sea (+2.0 an hour: 0 0 2)", "fading   rain (-3.0 an hour: 0 3 0)"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [(DAY, [*RATES, "wounds   silence (1.00)"]), (MINUTES, ["rising   sea", "fading   rain"])],
)
def test_field_tells_what_comes_and_goes_and_what_hurts(
    rows: Sequence[str], told: list[str], tmp_path: Path
) -> None:
    """As the last reply found it in the store: a theme that rises, one that fades, each with its
    strengths in a day's last turns, without them in a talk of minutes; a word that was turned
    against Leo; none of grammar or punctuation. Before a reply, and without modules, nothing.
    """
    out = io.StringIO()
    sync_field(tmp_path / "field", modules=MODULES).close()
    with closing(sqlite3.connect(tmp_path / "field", isolation_level=None)) as conn:
        for row in rows:
            conn.execute(f"INSERT INTO {row}")
    with sync_field(tmp_path / "field", modules=MODULES) as field:
        assert Speaker(field).memory() == []
        converse(Speaker(field), iter(["hello", "/field"]), out, out)
    assert out.getvalue().splitlines()[-len(told) :] == told
    with sync_field(tmp_path / "field") as field:
        field.reply("hello")
        assert Speaker(field).memory() == []
