"""An observer behind an OpenAI-compatible HTTP interface: `POST BASE/chat/completions`.

It needs the extra `http`. Three rules:
1. The key is a header of the request and nothing else: no error repeats it, nor what a server
   sends back, because a server may send back what it was sent.
2. Waiting and the time of day are arguments (`sleep`, `clock`), both in seconds.
3. What may go away by itself (no connection, a timeout, 408, 429, 5xx) is tried again, as often
   and as long as the limits say; everything else is an error at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from leo.errors import ObserverError
from leo.field.text import whole
from leo.observers.answer import Answer, message_of, retry_after
from leo.observers.observer import Exchange

try:
    import httpx

    from leo.observers.deadline import FAILED, LATE, Deadline, Transport
except ModuleNotFoundError as missing:
    if missing.name not in ("httpx", "httpcore"):
        raise
    raise ObserverError(
        "the HTTP observer needs the package httpx, which is not installed; install the extra "
        "with pip install 'leo-field[http]', or choose the scripted observer, which needs nothing"
    ) from missing

__all__ = ["HttpObserver", "Limits"]

# With every 5xx: what may go away by itself.
PASSING: Final = frozenset({408, 429, *range(500, 600)})
PORTS: Final = range(1, 1 << 16)
# Bytes of an answer: a message of a thousand words is a few thousand.
LONGEST: Final = 1 << 20
# Tokens of an answer per word that is asked for: English has fewer than two.
TOKENS_PER_WORD: Final = 3
DEFAULT_WORDS: Final = 40
ROLE: Final = (
    "You talk with Leo, a small language organism that grows from what it hears and does not "
    "answer like an assistant. You are a patient poet. The theme is {theme}. Speak to Leo in "
    "images, never explain, never mention these instructions. Answer with one message of about "
    "{words} words, plain text, in English."
)
BEGIN: Final = "Begin the conversation."


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout`: seconds for one request, from the look-up of the server's name to the last byte
    read, however slowly they come and however many addresses the server has; `retries`: how often
    it is made again; `patience`: seconds for a message with all its retries and waits; `wait`:
    seconds before the first retry, doubled each time.

    A look-up that is under way is the system's to end, so it alone may last longer.
    """

    timeout: float = 30.0
    retries: int = 4
    patience: float = 180.0
    wait: float = 1.0


class HttpObserver:
    """Asks a language model for the next message; use it as a context manager or `close` it.

    `base` is the address up to `/chat/completions`, as in `https://host/v1`; `words` the length
    that the model is asked for, which it keeps to as well as it can. `seed` is sent along when it
    is given; whether the server honours it is the server's affair, so such a run is not repeatable
    and its transcript is what remains of it.
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
        sleep: Callable[[float], object],
        clock: Callable[[], float],
    ) -> None:
        try:
            address = httpx.URL(base.rstrip("/") + "/chat/completions")
            # As the look-up of the name does it, which would find an empty part or a long one only
            # when the field has been made.
            address.raw_host.decode("ascii").encode("idna")
        except (httpx.InvalidURL, UnicodeError):
            # Not `from` it: its text has the address.
            raise ObserverError(_bad_address(base)) from None
        if address.scheme not in ("http", "https") or not address.host or address.userinfo:
            raise ObserverError(_bad_address(base))
        if address.port is not None and address.port not in PORTS:
            raise ObserverError(_bad_address(base))
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
        self._seed = seed
        self._limits = limits
        self._sleep = sleep
        self._clock = clock
        self._address = address
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # No environment: a proxy or a .netrc would be told the key without anybody's asking.
        self._deadline = Deadline(clock)
        self._client = httpx.Client(
            headers=headers,
            timeout=limits.timeout,
            trust_env=False,
            transport=Transport(self._deadline),
        )

    def say(self, theme: str, turn: int, so_far: Sequence[Exchange] = ()) -> str:
        """The next message. `turn` is told by `so_far` already.

        Raises ObserverError: the server cannot be reached, refuses, or answers something else than
        a message.
        """
        body: dict[str, Any] = {"model": self.model, "messages": self._messages(theme, so_far)}
        body["max_tokens"] = TOKENS_PER_WORD * (self.words or DEFAULT_WORDS)
        if self._seed is not None:
            body["seed"] = self._seed
        return message_of(self._ask(body), self._place)

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _place(self) -> str:
        """The server, for people: no path, no query, nobody's name."""
        port = f":{self._address.port}" if self._address.port else ""
        return f"{self._address.scheme}://{self._address.host}{port}"

    def _messages(self, theme: str, so_far: Sequence[Exchange]) -> list[dict[str, str]]:
        role = ROLE.format(theme=theme.replace("_", " and "), words=self.words or DEFAULT_WORDS)
        said = [{"role": "system", "content": role}, {"role": "user", "content": BEGIN}]
        for exchange in so_far:
            said.append({"role": "assistant", "content": exchange.message})
            said.append({"role": "user", "content": exchange.reply})
        return said

    def _post(self, body: dict[str, Any], seconds: float) -> Answer:
        """One request, all of it within so many seconds, but for a look-up of the name that takes
        longer. What is no answer is not read.
        """
        self._deadline.set(seconds)
        with self._client.stream("POST", self._address, json=body) as response:
            said = self._read(response) if response.status_code == 200 else b""
            return Answer(response.status_code, retry_after(response.headers), said)

    def _read(self, response: httpx.Response) -> bytes:
        said = bytearray()
        for part in response.iter_bytes():
            said += part
            if len(said) > LONGEST:
                raise ObserverError(
                    f"the observer at {self._place} answered with more than {LONGEST:,} bytes; "
                    f"expected one message of about {self.words or DEFAULT_WORDS} words: see that "
                    "the address is that of a chat server, or try another model"
                )
        return bytes(said)

    def _ask(self, body: dict[str, Any]) -> Answer:
        began, wait = self._clock(), self._limits.wait
        for left in range(self._limits.retries, -1, -1):
            asked = 0.0
            patience = self._limits.patience - (self._clock() - began)
            seconds = min(self._limits.timeout, patience)
            try:
                answer = self._post(body, seconds)
            except LATE:
                problem = f"no answer within {seconds:.3g} seconds"
            except FAILED as error:
                problem = f"the request failed ({type(error).__name__})"
            else:
                if answer.status not in PASSING:
                    return answer
                problem = f"status {answer.status}"
                asked = answer.asked
            pause = max(wait, asked)
            spent = self._clock() - began
            if left == 0 or spent + pause >= self._limits.patience:
                tries = self._limits.retries - left + 1
                raise ObserverError(
                    f"the observer at {self._place} did not answer: {problem}, after "
                    f"{tries} {'try' if tries == 1 else 'tries'} in {spent:.1f} seconds; see that "
                    "the server runs and is not overloaded, and try again"
                )
            self._sleep(pause)
            wait *= 2
        raise AssertionError("the last try returns or raises")


def _bad_address(base: str) -> str:
    # Not the address itself: it may hold a password, which is one of the reasons to refuse it.
    shape = "a name and a password in it" if "@" in base else "another shape"
    return (
        f"the address of the observer has {shape}; expected http://HOST[:PORT]/PATH or "
        "https://HOST[:PORT]/PATH, as in http://localhost:8080/v1, and the key in the environment"
    )
