"""A request over HTTP ends in time, whatever keeps it: a server that trickles, addresses that stay
silent, a name that is long in coming.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from leo.observers.http import Limits
from tests.leo.observers.test_observers_http import GOOD, OK, Time, observer, refusal, serving


class Ticking(Time):
    """A clock that moves by half a second whenever it is read, and lets the server send a byte."""

    def __init__(self) -> None:
        super().__init__()
        self.read = threading.Semaphore(0)

    def clock(self) -> float:
        self.now += 0.5
        self.read.release()
        return self.now


@contextmanager
def trickling(fake: Ticking, at_once: bytes, slowly: bytes) -> Iterator[str]:
    """A server that sends so much at once, and then a byte for each time the clock is read."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with suppress(OSError):
                self.wfile.write(at_once)
                for byte in slowly:
                    # An observer that does not look at its clock gets the byte all the same.
                    fake.read.acquire(timeout=0.02)
                    self.wfile.write(bytes((byte,)))

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


HEAD = f"HTTP/1.0 200 OK\r\nContent-Length: {len(GOOD)}\r\n".encode()


@pytest.mark.parametrize(
    ("at_once", "slowly"),
    [
        (HEAD + b"\r\n", GOOD.encode()),
        (b"", HEAD + b"\r\n" + GOOD.encode()),
        (HEAD, b"X-Wait: yes\r\n" * 40 + b"\r\n" + GOOD.encode()),
    ],
    ids=["body", "all", "head"],
)
def test_a_byte_now_and_then_is_no_answer_in_time(at_once: bytes, slowly: bytes) -> None:
    """The timeout is that of the request, not of a read: in the body and before it."""
    fake = Ticking()
    with trickling(fake, at_once, slowly) as base:
        said = refusal(base, fake, limits=Limits(timeout=9.0, retries=0))
    assert "no answer within 9 seconds, after 1 try" in said
    assert fake.now < 20


def test_patience_ends_a_request_that_is_under_way() -> None:
    """What is left of it bounds a try, not only the waits between two."""
    fake = Ticking()
    with trickling(fake, HEAD + b"\r\n", GOOD.encode()) as base:
        said = refusal(base, fake, limits=Limits(timeout=90.0, retries=3, patience=8.0))
    assert "after 1 try" in said and fake.now < 20


class Silent:
    """A socket of a network in which nobody answers: to connect takes all the time that it has."""

    time: ClassVar[Time]
    asked: ClassVar[list[tuple[str, float]]]

    def __init__(self, *kind: object) -> None:
        self.seconds = 0.0

    def settimeout(self, seconds: float) -> None:
        self.seconds = seconds

    def connect(self, address: tuple[str, int]) -> None:
        self.asked.append((address[0], self.seconds))
        self.time.sleep(self.seconds)
        raise TimeoutError

    def close(self) -> None:
        """Nothing was opened."""


NAME = "many.example"
SYSTEMS = socket.getaddrinfo


@contextmanager
def named(patch: pytest.MonkeyPatch, *ends: tuple[str, int], took: float = 0.0) -> Iterator[Time]:
    """A name with so many addresses, which the system takes so long to look up."""
    fake = Time()

    def look_up(host: str, *rest: Any, **more: Any) -> list[Any]:
        if host != NAME:
            return SYSTEMS(host, *rest, **more)
        fake.sleep(took)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", end) for end in ends]

    with patch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        yield fake


@contextmanager
def nobody(patch: pytest.MonkeyPatch, fake: Time) -> Iterator[list[tuple[str, float]]]:
    """No address answers; those that were asked, with their seconds."""
    Silent.time, Silent.asked = fake, []
    with patch.context() as patched:
        patched.setattr(socket, "socket", Silent)
        yield Silent.asked


SILENT = [(f"127.0.0.{n}", 80) for n in (2, 3, 4)]


def test_all_addresses_together_have_the_time_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three that stay silent: each is asked and leaves time for the next, and together they take no
    longer than one would.
    """
    with named(monkeypatch, *SILENT) as fake, nobody(monkeypatch, fake) as asked:
        said = refusal(f"http://{NAME}/v1", fake, limits=Limits(timeout=8.0, retries=0))
    assert "no answer within 8 seconds, after 1 try in 8.0 seconds" in said
    assert asked == [("127.0.0.2", 4.0), ("127.0.0.3", 2.0), ("127.0.0.4", 2.0)]
    assert fake.now == 8.0


def test_no_address_is_asked_when_the_name_came_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up cannot be cut short, but it counts: nothing is begun after the deadline."""
    with named(monkeypatch, *SILENT, took=9.0) as fake, nobody(monkeypatch, fake) as asked:
        said = refusal(f"http://{NAME}/v1", fake, limits=Limits(timeout=8.0, retries=0))
    assert "no answer within 8 seconds, after 1 try in 9.0 seconds" in said
    assert asked == [] and fake.now == 9.0


def test_an_address_that_refuses_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the first one, and the second one answers."""
    with serving(OK) as (stub, base):
        port = int(base.removesuffix("/v1").rpartition(":")[2])
        ends = [(f"127.0.0.{n}", port) for n in (2, 1)]
        with (
            named(monkeypatch, *ends) as fake,
            observer(f"http://{NAME}:{port}/v1", fake) as made,
        ):
            assert made.say("being_nothing", 0)
    assert stub.requests[0][1]["Host"] == f"{NAME}:{port}"


def test_a_name_that_nobody_knows_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of it is told as a connection that failed, and may pass."""

    def unknown(*asked: object, **more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    fake = Time()
    said = refusal(f"http://{NAME}/v1", fake, limits=Limits(retries=1))
    assert "the request failed (ConnectError), after 2 tries" in said and fake.slept == [1.0]
