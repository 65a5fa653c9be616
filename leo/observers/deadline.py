"""An end for a whole request: the limits of an HTTP library are for one read at a time.

A server that sends a byte now and then never lets such a limit pass, neither in the head of its
answer nor in the body. So every operation on the connection is given what is left until the
deadline, by the clock of whoever asks, and none is begun after it. One thing only takes as long as
it takes, the look-up of a name: it is the system's, and nobody can cut it short.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from math import inf
from ssl import SSLContext
from typing import Any, Final

import httpcore
import httpx

__all__ = ["FAILED", "LATE", "Deadline", "Transport"]

# What may go wrong with a request, by whichever of the two it was noticed: no answer in time, or
# no answer at all.
LATE: Final = (httpx.TimeoutException, httpcore.TimeoutException)
FAILED: Final = (httpx.RequestError, httpcore.NetworkError, httpcore.ProtocolError)


class Deadline:
    """When the request under way has to be over; never, until somebody sets it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = inf

    def set(self, seconds: float) -> None:
        """From now on, so many seconds."""
        self._at = self._clock() + seconds

    def left(self, timeout: float | None) -> float:
        """The seconds that an operation may take. Raises httpcore.ReadTimeout for none."""
        left = self._at - self._clock()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline is over")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose operations end with the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    """Connections that end with the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of the host that gives one, else the last error.

        The library would look the name up itself and give each of its addresses the whole time.
        Here the look-up counts, although the deadline does not end it. An address that is not the
        last has half of what is left: one that stays silent is not to take the others' turns.
        """
        numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            # With the zone of a link-local one, and nothing in it to look up.
            *others, last = [socket.getnameinfo(address, numeric)[0] for *_, address in found]
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

        def connected(address: str, share: float) -> httpcore.NetworkStream:
            seconds = self._deadline.left(timeout) * share
            made = super(_Backend, self).connect_tcp(
                address, port, seconds, local_address, socket_options
            )
            return _Stream(made, self._deadline)

        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return connected(address, 0.5)
        return connected(last, 1.0)


class _Body(httpx.SyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return self._response.iter_stream()

    def close(self) -> None:
        self._response.close()


class Transport(httpx.BaseTransport):
    """The library's own pool of connections, over connections with a deadline. Its errors are the
    pool's: `LATE` and `FAILED`. No environment is asked: no proxy, no other certificates.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            network_backend=_Backend(deadline),
            # The library's own: a server closes what nobody uses.
            keepalive_expiry=5.0,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                request.method,
                httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.read(),
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    def close(self) -> None:
        self._pool.close()
