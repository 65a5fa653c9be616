"""The observer over HTTP, against a server of our own on this machine."""

from __future__ import annotations

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
# What the server does with a request: status, headers, body; or None to say nothing at all.
Answer = tuple[int, dict[str, str], bytes] | None
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
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            stub.requests.append((self.path, dict(self.headers), body))
            answer = stub.answer()
            if answer is None:
                stub.free.wait(10)
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):
                # Who has heard enough goes away.
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


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


@contextmanager
def observer(base: str, fake: Time | None = None, **given: Any) -> Iterator[HttpObserver]:
    """An observer with a key, and a time of its own."""
    fake = fake or Time()
    with HttpObserver(
        base, "tiny", key=SECRET, sleep=fake.sleep, clock=fake.clock, **given
    ) as made:
        yield made


def refusal(base: str, fake: Time | None = None, **given: Any) -> str:
    """The error of an observer that cannot answer; the key is nowhere in it or in its traceback."""
    with observer(base, fake, **given) as made, pytest.raises(ObserverError) as caught:
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


def test_half_a_sign_in_an_answer_becomes_one_that_can_be_written() -> None:
    """JSON can say a lone surrogate, and no file can hold one."""
    content = b'{"choices": [{"message": {"content": "\\ud800 where \\ud83c\\udf31?"}}]}'
    with serving((200, {}, content)) as (_, base), observer(base) as made:
        assert made.say("being_nothing", 0) == "\ufffd where \U0001f331?"


def test_an_answer_nested_without_end_is_no_answer() -> None:
    """The decoder's recursion ends before the answer does."""
    with serving((200, {}, b"[" * 100_000)) as (_, base):
        assert "no chat completion" in refusal(base)


def test_without_a_key_no_header() -> None:
    """A server on one's own machine wants none."""
    fake = Time()
    with (
        serving(OK) as (stub, base),
        HttpObserver(base, "m", sleep=fake.sleep, clock=fake.clock) as made,
    ):
        made.say("being_nothing", 0)
    assert "Authorization" not in stub.requests[0][1] and "seed" not in stub.requests[0][2]


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 505, 529, 599])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """Twice refused, then answered; the second wait is twice the first."""
    fake = Time()
    answers: tuple[Answer, ...] = (status, {}, b""), (status, {}, b""), OK
    with serving(*answers) as (stub, base), observer(base, fake) as made:
        assert made.say("being_nothing", 0).startswith("Where")
    assert len(stub.requests) == 3 and fake.slept == [1.0, 2.0]


@pytest.mark.parametrize(
    ("asked", "slept"), [("7", 7.0), ("0", 1.0), ("9999", 60.0), ("soon", 1.0), ("nan", 1.0)]
)
def test_the_server_says_how_long_to_wait(asked: str, slept: float) -> None:
    """Retry-After in seconds counts, up to a minute; anything else does not."""
    fake = Time()
    with serving((429, {"Retry-After": asked}, b""), OK) as (_, base), observer(base, fake) as made:
        made.say("being_nothing", 0)
    assert fake.slept == [slept]


def test_tries_are_limited() -> None:
    """After the last retry the error names the server, the reason and the number of tries."""
    fake = Time()
    with serving((503, {}, ECHOED)) as (stub, base):
        said = refusal(base, fake, limits=Limits(retries=2))
    assert len(stub.requests) == 3 and fake.slept == [1.0, 2.0]
    assert "status 503, after 3 tries in 3.0 seconds" in said and "http://127.0.0.1:" in said


def test_patience_is_limited() -> None:
    """No wait is begun that would end after the patience does."""
    fake = Time()
    with serving((503, {}, b"")) as (stub, base):
        said = refusal(base, fake, limits=Limits(retries=50, patience=10.0))
    assert fake.slept == [1.0, 2.0, 4.0] and "after 4 tries" in said
    assert len(stub.requests) == 4


def test_silence_is_a_timeout() -> None:
    """A server that says nothing is given up after `timeout` seconds of its own time."""
    with serving(None) as (_, base):
        said = refusal(base, limits=Limits(timeout=0.05, retries=0))
    assert "no answer within 0.05 seconds, after 1 try" in said


def test_an_answer_without_end_is_cut_off() -> None:
    """More than a message can be is an error at once: it is not read to its end, nor asked for
    again.
    """
    endless = json.dumps({"choices": [{"message": {"content": "a " * (1 << 20)}}]}).encode()
    with serving((200, {}, endless)) as (stub, base):
        assert "answered with more than 1,048,576 bytes" in refusal(base)
    assert len(stub.requests) == 1
    fits = json.dumps({"choices": [{"message": {"content": "a " * 500_000}}]}).encode()
    with serving((200, {}, fits)) as (_, base), observer(base) as made:
        assert len(made.say("being_nothing", 0)) == 999_999


def test_the_body_of_a_refusal_is_not_read() -> None:
    """A status says all there is to know: what follows it may be without end."""
    with serving((404, {"Content-Length": str(1 << 40)}, b"x" * 9)) as (_, base):
        assert "status 404, expected 200" in refusal(base)


def test_nobody_there() -> None:
    """A port that nobody listens on is tried again and then an error."""
    with serving(OK) as (_, base):
        pass
    fake = Time()
    said = refusal(base, fake, limits=Limits(retries=1))
    assert "the request failed (ConnectError), after 2 tries" in said and fake.slept == [1.0]


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ((401, {}, ECHOED), "refused the key (status 401)"),
        ((403, {}, ECHOED), "refused the key (status 403)"),
        ((404, {}, ECHOED), "status 404, expected 200"),
        ((302, {"Location": "http://elsewhere/"}, b""), "status 302, expected 200"),
        ((200, {}, ECHOED), "no chat completion"),
        ((200, {}, b"\xff\xfe"), "no chat completion"),
        ((200, {"Content-Encoding": "gzip"}, ECHOED), "the request failed (DecodingError)"),
        ((200, {}, b"[]"), "no chat completion"),
        ((200, {}, b'{"choices": []}'), "no chat completion"),
        ((200, {}, b'{"choices": [{"message": {"content": null}}]}'), "no chat completion"),
        ((200, {}, b'{"choices": [{"message": {"content": " \\n"}}]}'), "empty message"),
    ],
)
def test_other_answers_are_errors(answer: Answer, named: str) -> None:
    """One sentence with the server and what to do; never the body, which may hold the key."""
    with serving(answer) as (_, base):
        assert named in refusal(base, limits=Limits(retries=0))


@pytest.mark.parametrize(
    "base",
    [
        *("localhost:8080", "ftp://host/v1", "http://", "", "http://me:word@host/v1"),
        *("http://a:b:c", "http://host/\udcff", "http://a..b/v1", f"http://{'a' * 64}/v1"),
        *("http://host:0/v1", "http://host:65536/v1"),
    ],
)
def test_addresses_are_checked_and_not_repeated(base: str) -> None:
    """Only http and https, no password in it, nothing that could not be looked up, asked or sent;
    the error does not repeat the address.
    """
    with pytest.raises(ObserverError, match="address of the observer") as caught:
        HttpObserver(base, "m", sleep=Time().sleep, clock=Time().clock)
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
        HttpObserver("http://host", "m", key=key, sleep=Time().sleep, clock=Time().clock)
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
