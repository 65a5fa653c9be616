"""An observer behind an OpenAI-compatible HTTP interface: `POST BASE/chat/completions`.

It needs the extra `http`. Four rules:
1. The key is only in a header of the request. No error repeats what a server sends, and a message
   that holds the key is refused: a server may send back what it was sent.
2. Temporary failures (no connection, a timeout, 408, 429, 5xx) are retried; all others are errors
   at once.
3. One limit, `Limits.total`, bounds a message with all its attempts and waits, also when the bytes
   come slowly or a server asks to wait.
4. The number of bytes is bounded while they arrive. No compressed answer is requested or decoded.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Self

from leo.errors import ObserverError
from leo.field.text import whole
from leo.observers.scripted import Exchange

try:
    import httpx
    import tenacity
except ModuleNotFoundError as missing:
    if missing.name not in ("httpx", "tenacity"):
        raise
    raise ObserverError(
        f"the HTTP observer needs the package {missing.name}, which is not installed; install the "
        "extra with pip install 'leo-field[http]', or choose the scripted observer, which needs "
        "nothing"
    ) from missing

# With every 5xx: what may go away by itself.
PASSING: Final = frozenset({408, 429, *range(500, 600)})
PORTS: Final = range(1, 1 << 16)
# Bytes of an answer: a message of a thousand words is a few thousand.
LONGEST: Final = 1 << 20
# A shorter key is no secret, and `none` or `test` may well be a word of a message.
SHORTEST_SECRET: Final = 8
# Tokens of an answer per word that is asked for: English has fewer than two.
TOKENS_PER_WORD: Final = 3
DEFAULT_WORDS: Final = 40
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ROLE: Final = (
    "You talk with Leo, a small language organism that grows from what it hears and does not "
    "answer like an assistant. You are a patient poet. The theme is {theme}. Speak to Leo in "
    "images, never explain, never mention these instructions. Answer with one message of about "
    "{words} words, plain text, in English."
)
BEGIN: Final = "Begin the conversation."


@dataclass(frozen=True, slots=True)
class Limits:
    """`total`: seconds for a message, with all its tries and waits; `silence`: seconds in which
    nothing comes, after which a try is given up; `retries`: how many follow the first try; `wait`:
    seconds before the first retry, doubled each time.

    A look-up of a name that is under way is the system's to end: it alone may outlast `total`.
    """

    total: float = 180.0
    silence: float = 30.0
    retries: int = 4
    wait: float = 1.0


class _Passing(Exception):
    """A status that may pass, and the seconds that the server asks to wait."""

    def __init__(self, status: int, asked: float) -> None:
        super().__init__(f"status {status}")
        self.asked = asked


def _nothing(text: str) -> None:
    """Tell nobody."""


class HttpObserver:
    """Asks a language model for the next message; use it as a context manager or `close` it.

    `base` is the address up to `/chat/completions`, as in `https://host/v1`; `words` the length
    that the model is asked for, which it keeps to as well as it can. `seed` is sent along when it
    is given; a server may ignore it, so such a run is not repeatable and only its transcript
    is kept. `tell` hears of each wait before another try.
    """

    def __init__(
        self,
        base: str,
        model: str,
        *,
        key: str = "",
        words: int | None = None,
        seed: int | None = None,
        limits: Limits = Limits(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tell: Callable[[str], object] = _nothing,
    ) -> None:
        self._address = _address(base)
        if model != whole(model):
            raise ObserverError(
                f"the name of the model, {model!r}, cannot be written in UTF-8; expected the name "
                "that the server gives it: type it again"
            )
        if not key.isascii() or any(sign.isspace() for sign in key):
            raise ObserverError(
                "the key of the observer has a sign that no HTTP header may have (white space, or "
                "beyond ASCII); set it again, without quotes or a line's end"
            )
        self.model: Final = model
        self.words: Final = words
        self._key = key
        self._seed = seed
        self._limits = limits
        self._sleep = sleep
        self._tell = tell
        port = f":{self._address.port}" if self._address.port else ""
        # The server, for people: no path, no query, nobody's name.
        self._place = f"{self._address.scheme}://{self._address.host}{port}"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # One loop for all messages, so that the connections outlive a message.
        self._runner = asyncio.Runner()
        # No environment: a proxy or a .netrc would be told the key without anybody's asking.
        self._client = httpx.AsyncClient(
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=limits.silence,
            trust_env=False,
        )

    def say(self, theme: str, turn: int, so_far: Sequence[Exchange] = ()) -> str:
        """The next message. `turn` is told by `so_far` already.

        Raises ObserverError: the server cannot be reached, refuses, or answers something else than
        a message. Not to be called from a running event loop.
        """
        body: dict[str, Any] = {"model": self.model, "messages": self._messages(theme, so_far)}
        body["max_tokens"] = TOKENS_PER_WORD * (self.words or DEFAULT_WORDS)
        if self._seed is not None:
            body["seed"] = self._seed
        return self._message(self._runner.run(self._ask(body)))

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        if not self._client.is_closed:
            self._runner.run(self._client.aclose())
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()

    def _messages(self, theme: str, so_far: Sequence[Exchange]) -> list[dict[str, str]]:
        role = ROLE.format(theme=theme.replace("_", " and "), words=self.words or DEFAULT_WORDS)
        said = [{"role": "system", "content": role}, {"role": "user", "content": BEGIN}]
        for exchange in so_far:
            said.append({"role": "assistant", "content": exchange.message})
            said.append({"role": "user", "content": exchange.reply})
        return said

    async def _ask(self, body: dict[str, Any]) -> bytes:
        """The body of an answer with status 200, after as many tries as the limits allow."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.total

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.asked if isinstance(error, _Passing) else 0.0
            return max(asked, self._limits.wait * 2.0 ** (state.attempt_number - 1))

        def hopeless(state: tenacity.RetryCallState) -> bool:
            last = state.attempt_number > self._limits.retries
            return last or loop.time() + state.upcoming_sleep >= end

        def tell(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            self._tell(
                f"the observer at {self._place}: {_problem(error)}; another try in "
                f"{state.upcoming_sleep:.3g} seconds"
            )

        tries = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((_Passing, httpx.RequestError)),
            stop=hopeless,
            wait=pause,
            before_sleep=tell,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            async with asyncio.timeout_at(end):
                return await tries(self._post, body)
        except TimeoutError:
            problem = f"no answer within {self._limits.total:.3g} seconds"
        except (_Passing, httpx.RequestError) as error:
            problem = _problem(error)
        made = tries.statistics["attempt_number"]
        # Not `from` the error: its text has the address.
        raise self._error(
            f"did not answer: {problem}, after {made} "
            f"{'try' if made == 1 else 'tries'}; see that the server runs and is not overloaded, "
            "and try again"
        ) from None

    async def _post(self, body: dict[str, Any]) -> bytes:
        """One request. What is no answer is not read."""
        async with self._client.stream("POST", self._address, json=body) as response:
            status = response.status_code
            if status in PASSING:
                raise _Passing(status, _retry_after(response))
            if status in (401, 403):
                raise self._error(
                    f"refused the key (status {status}); set the "
                    "environment variable that holds it to a valid one"
                )
            if status != 200:
                raise self._error(
                    f"answered with status {status}, expected 200; "
                    "see that the address ends where /chat/completions begins (often /v1) and that "
                    "the server has the model"
                )
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise self._error(
                    "answered in a compressed form, which was not "
                    "asked for and is not read; see that no proxy in between compresses"
                )
            said = bytearray()
            async for part in response.aiter_raw():
                said += part
                if len(said) > LONGEST:
                    raise self._error(
                        f"answered with more than {LONGEST:,} bytes; "
                        f"expected one message of about {self.words or DEFAULT_WORDS} words: see "
                        "that the address is that of a chat server, or try another model"
                    )
            return bytes(said)

    def _error(self, text: str) -> ObserverError:
        return ObserverError(f"the observer at {self._place} {text}")

    def _message(self, body: bytes) -> str:
        """The text of an answer: one line without control characters, as a terminal can show it."""
        try:
            text = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            text = None
        if not isinstance(text, str):
            raise self._error(
                "answered something that is no chat completion; "
                "expected a JSON object with choices[0].message.content, a text: see that the "
                "server is compatible"
            )
        words = CONTROL.sub(" ", whole(text)).split()
        if not words:
            raise self._error("answered with an empty message; try again, or another model")
        if len(self._key) >= SHORTEST_SECRET and self._key.lower() in "".join(words).lower():
            raise self._error(
                "sent the key back in its message, which is kept "
                "nowhere; ask another server, and take a new key if you do not trust this one"
            )
        return " ".join(words)


def _problem(error: BaseException | None) -> str:
    """What went wrong, without a word of the server's."""
    if isinstance(error, _Passing):
        return str(error)
    return f"the request failed ({type(error).__name__})"


def _retry_after(response: httpx.Response) -> float:
    """The seconds that the server asks for; 0 when it says nothing, or a date."""
    try:
        seconds = float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
    return max(0.0, seconds) if isfinite(seconds) else 0.0


def _address(base: str) -> httpx.URL:
    """Where to post. Raises ObserverError, which does not repeat the address: it may hold a
    password, which is one of the reasons to refuse it.
    """
    shape = "a name and a password in it" if "@" in base else "another shape"
    refused = ObserverError(
        f"the address of the observer has {shape}; expected http://HOST[:PORT]/PATH or "
        "https://HOST[:PORT]/PATH, as in http://localhost:8080/v1, and the key in the environment"
    )
    try:
        address = httpx.URL(base.rstrip("/") + "/chat/completions")
        # As the look-up of the name does it, which would find an empty part or a long one only
        # when the field has been made.
        address.raw_host.decode("ascii").encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        raise refused from None
    if address.scheme not in ("http", "https") or not address.host or address.userinfo:
        raise refused
    if address.port is not None and address.port not in PORTS:
        raise refused
    return address
