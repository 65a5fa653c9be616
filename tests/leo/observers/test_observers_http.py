"""The observer over HTTP, against a server of our own on this machine."""

from __future__ import annotations

import gzip
import json
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import reload
from pathlib import Path
from typing import Any

import pytest

import leo.observers.http as observed
from leo.commands.converse import KEY
from leo.commands.main import main
from leo.errors import ObserverError
from leo.observers import Exchange
from leo.observers.http import HttpObserver, Limits

SECRET = "sk-never-to-be-seen"
# What the server does with a request: status, headers, body; None to say nothing at all; bytes to
# send these and then one more now and then.
Answer = tuple[int, dict[str, str], bytes] | bytes | None
GOOD = json.dumps({"choices": [{"message": {"content": " Where does\nthe river sleep? "}}]})
OK: Answer = (200, {}, GOOD.encode())
# A server that sends back what it was sent.
ECHOED = f"you sent Authorization: Bearer {SECRET}".encode()


class Stub:
    """A server that gives its answers in order, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.free = threading.Event()

    def answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[Stub, str]]:
    """The stub and its address."""
    stub = Stub(*answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # An observer that has heard enough goes away.
            with suppress(ConnectionError):
                self.answer()

        def answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append((self.path, dict(self.headers), body))
            answer = stub.answer()
            if answer is None:
                stub.free.wait(10)
                return
            if isinstance(answer, bytes):
                self.wfile.write(answer)
                while not stub.free.wait(0.02):
                    self.wfile.write(b"x")
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield stub, f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            stub.free.set()
            server.shutdown()
            thread.join()


@contextmanager
def observer(base: str, slept: list[float] | None = None, **given: Any) -> Iterator[HttpObserver]:
    """An observer with a key, whose waits are noted and take no time."""
    noted = [] if slept is None else slept

    async def sleep(seconds: float) -> None:
        noted.append(seconds)

    with HttpObserver(base, "tiny", key=SECRET, sleep=sleep, **given) as made:
        yield made


def refusal(base: str, slept: list[float] | None = None, **given: Any) -> str:
    """The error of an observer that cannot answer; the key is nowhere in it or in its traceback."""
    with observer(base, slept, **given) as made, pytest.raises(ObserverError) as caught:
        made.say("being_nothing", 0)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown and "you sent" not in shown
    return str(caught.value)


def test_asks_as_the_interface_says_and_takes_the_answer() -> None:
    """Path, key, model, length and the conversation so far, with the observer as the assistant."""
    with serving(OK) as (stub, base), observer(base, words=19, seed=5) as made:
        said = made.say("being_nothing", 1, [Exchange("I ask.", "It hears.")])
    assert said == "Where does the river sleep?"
    [(path, headers, body)] = stub.requests
    assert path == "/v1/chat/completions" and headers["Authorization"] == f"Bearer {SECRET}"
    assert body["model"] == "tiny" and body["seed"] == 5 and body["max_tokens"] == 57
    roles = [(message["role"], message["content"]) for message in body["messages"]]
    assert [role for role, _ in roles] == ["system", "user", "assistant", "user"]
    assert roles[2:] == [("assistant", "I ask."), ("user", "It hears.")]
    assert "being and nothing" in roles[0][1] and "19 words" in roles[0][1]
    assert SECRET not in json.dumps(body) and SECRET not in repr(made)


def content(text: str) -> bytes:
    """An answer with this message."""
    return json.dumps({"choices": [{"message": {"content": text}}]}).encode()


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        # JSON can say a lone surrogate, and no file can hold one.
        ("\ud800 where \U0001f331?", "\ufffd where \U0001f331?"),
        # A message cannot move the cursor of the terminal that shows it.
        ("one\x1b[2Jtwo\x9b3\x07", "one [2Jtwo 3"),
        ("a " * 500_000, f"{'a ' * 499_999}a"),
    ],
)
def test_a_message_is_made_fit(text: str, heard: str) -> None:
    """What it holds can be written and shown."""
    with serving((200, {}, content(text))) as (_, base), observer(base) as made:
        assert made.say("being_nothing", 0) == heard


def test_without_a_key_no_header() -> None:
    """A server on one's own machine wants none."""
    with serving(OK) as (stub, base), HttpObserver(base, "m") as made:
        made.say("being_nothing", 0)
    assert "Authorization" not in stub.requests[0][1] and "seed" not in stub.requests[0][2]


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """Twice refused, then answered; the second wait is twice the first, and each is told."""
    slept: list[float] = []
    told: list[str] = []
    answers: tuple[Answer, ...] = (status, {}, b""), (status, {}, b""), OK
    with serving(*answers) as (stub, base), observer(base, slept, tell=told.append) as made:
        assert made.say("being_nothing", 0).startswith("Where")
    assert len(stub.requests) == 3 and slept == [1.0, 2.0]
    assert len(told) == 2 and f"status {status}; another try in 2 seconds" in told[1]


@pytest.mark.parametrize(
    ("asked", "slept"), [("7", [7.0]), ("0", [1.0]), ("soon", [1.0]), ("nan", [1.0]), ("-3", [1.0])]
)
def test_the_server_says_how_long_to_wait(asked: str, slept: list[float]) -> None:
    """Retry-After in seconds counts; anything else does not."""
    noted: list[float] = []
    with (
        serving((429, {"Retry-After": asked}, b""), OK) as (_, base),
        observer(base, noted) as made,
    ):
        made.say("being_nothing", 0)
    assert noted == slept


def test_a_wait_beyond_the_total_is_not_begun() -> None:
    """A Retry-After of a year is an error at once."""
    slept: list[float] = []
    with serving((429, {"Retry-After": str(365 * 86_400)}, b"")) as (stub, base):
        assert "status 429, after 1 try" in refusal(base, slept)
    assert slept == [] and len(stub.requests) == 1


def test_tries_are_limited() -> None:
    """After the last retry the error names the server, the reason and the number of tries."""
    slept: list[float] = []
    with serving((503, {}, ECHOED)) as (stub, base):
        said = refusal(base, slept, limits=Limits(retries=2))
    assert len(stub.requests) == 3 and slept == [1.0, 2.0]
    assert "status 503, after 3 tries" in said and "http://127.0.0.1:" in said


def test_silence_is_a_timeout() -> None:
    """A server that says nothing is given up after `silence` seconds."""
    with serving(None) as (_, base):
        said = refusal(base, limits=Limits(silence=0.05, retries=0))
    assert "the request failed (ReadTimeout), after 1 try" in said


HEAD = f"HTTP/1.0 200 OK\r\nContent-Length: {len(GOOD)}\r\n".encode()


@pytest.mark.parametrize("at_once", [HEAD + b"\r\n", HEAD, b""], ids=["body", "head", "all"])
def test_a_byte_now_and_then_is_no_answer_in_time(at_once: bytes) -> None:
    """The total is that of the message, not of a read: in the body and before it."""
    with serving(at_once) as (stub, base):
        said = refusal(base, limits=Limits(total=0.3, silence=0.2, retries=9))
    assert "no answer within 0.3 seconds, after 1 try" in said
    assert len(stub.requests) == 1


def test_a_compressed_answer_is_neither_asked_for_nor_decoded() -> None:
    """Nested, 6 kB of it would be gigabytes."""
    bomb = gzip.compress(gzip.compress(bytes(1 << 24)))
    with serving((200, {"Content-Encoding": "gzip, gzip"}, bomb)) as (stub, base):
        assert "in a compressed form" in refusal(base)
    assert stub.requests[0][1]["Accept-Encoding"] == "identity" and len(stub.requests) == 1


def test_nobody_there() -> None:
    """A port that nobody listens on is tried again and then an error."""
    with serving(OK) as (_, base):
        pass
    slept: list[float] = []
    said = refusal(base, slept, limits=Limits(retries=1))
    assert "the request failed (ConnectError), after 2 tries" in said and slept == [1.0]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ((401, {}, ECHOED), "refused the key (status 401)"),
        ((403, {}, ECHOED), "refused the key (status 403)"),
        ((404, {}, ECHOED), "status 404, expected 200"),
        ((302, {"Location": "http://elsewhere/"}, b""), "status 302, expected 200"),
        ((200, {}, ECHOED), "no chat completion"),
        ((200, {}, b"\xff\xfe"), "no chat completion"),
        ((200, {"Content-Encoding": "gzip"}, ECHOED), "in a compressed form"),
        ((200, {}, b"[]"), "no chat completion"),
        ((200, {}, b'{"choices": []}'), "no chat completion"),
        ((200, {}, b'{"choices": [{"message": {"content": null}}]}'), "no chat completion"),
        ((200, {}, content(" \n")), "empty message"),
        # Nested without end; longer than a message can be; a body without end that nobody reads.
        ((200, {}, b"[" * 100_000), "no chat completion"),
        ((200, {}, content("a " * (1 << 20))), "answered with more than 1,048,576 bytes"),
        ((404, {"Content-Length": str(1 << 40)}, b"x" * 9), "status 404, expected 200"),
        # The key would be in the transcript and in the field.
        *(
            ((200, {}, content(f"your key is {echo}.")), "sent the key back")
            for echo in (SECRET, SECRET.upper(), f"a {SECRET[:9]} {SECRET[9:]} b")
        ),
    ],
)
def test_other_answers_are_errors(answer: Answer, named: str) -> None:
    """One sentence with the server and what to do; never the body, which may hold the key."""
    with serving(answer) as (stub, base):
        assert named in refusal(base)
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    "base",
    [
        *("localhost:8080", "ftp://host/v1", "http://", "", "http://me:word@host/v1"),
        *("http://a:b:c", "http://host/\udcff", "http://a..b/v1", f"http://{'a' * 64}/v1"),
        *("http://host:0/v1", "http://host:65536/v1"),
    ],
)
def test_addresses_are_checked_and_not_repeated(base: str) -> None:
    """Only http and https, no password, nothing that cannot be asked."""
    with pytest.raises(ObserverError, match="address of the observer") as caught:
        HttpObserver(base, "m")
    assert "word" not in str(caught.value).replace("password", "")


def test_a_model_that_cannot_be_sent_is_refused_before_the_field_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte in the arguments that is no text: one paragraph with the name, and no file."""
    given = ["--observer", "http", "--url", "http://localhost:9/v1", "--model", "\udcff"]
    assert main(["converse", *given, "--field", str(tmp_path / "field")]) == 2
    said = capsys.readouterr().err
    assert (
        "the name of the model, '\\udcff', cannot be written in UTF-8" in said
        and said.count("\n") == 1
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["a\nb", "schlüssel", "\udcff"])
def test_keys_are_checked_and_not_repeated(key: str) -> None:
    """A key that no header can carry is refused without being shown."""
    with pytest.raises(ObserverError, match="the key of the observer") as caught:
        HttpObserver("http://host", "m", key=key)
    assert key not in str(caught.value)


@pytest.fixture
def again() -> Iterator[Callable[[], Any]]:
    """Load the module anew, and once more when the test is over."""
    yield lambda: reload(observed)
    reload(observed)


def test_without_httpx_one_clear_paragraph(
    monkeypatch: pytest.MonkeyPatch, again: Callable[[], Any]
) -> None:
    """The extra is named, and the observer that needs nothing."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "httpx", None)
        with pytest.raises(ObserverError) as caught:
            again()
    assert "leo-field[http]" in str(caught.value) and "\n" not in str(caught.value)


def test_command_takes_the_key_from_the_environment_and_keeps_it_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server gets the key; what is printed, kept in the transcript or in the field has none."""
    monkeypatch.setenv(KEY, SECRET)
    out, field = tmp_path / "t.ndjson", tmp_path / "f.sqlite3"
    with serving(OK) as (stub, base):
        given = ["--observer", "http", "--url", base, "--model", "tiny", "--themes", "1"]
        kept = ["--seed", "1", "--field", str(field), "--out", str(out)]
        assert main(["converse", *given, *kept]) == 0
    assert {request[1]["Authorization"] for request in stub.requests} == {f"Bearer {SECRET}"}
    shown = capsys.readouterr()
    assert "the river sleep" in shown.out
    kept_bytes = out.read_bytes() + field.read_bytes()
    assert SECRET not in shown.out + shown.err and SECRET.encode() not in kept_bytes
