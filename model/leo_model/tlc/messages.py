"""The message stream of TLC's `-tool` mode, and the traces in it.

A message is `@!@!@STARTMSG code:severity @!@!@`, lines, `@!@!@ENDMSG code @!@!@`. When TLC reports
an exception that was itself a message, it nests one message in another, and the inner one starts in
the middle of a line. Text outside of messages is SANY's output before the search, and PrintT's
after it. The codes are those of `tlc2.output.EC`.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from leo_model.errors import ValueSyntaxError
from leo_model.tlc.value import Value, parse_value

_MARK = re.compile(r"@!@!@(?:START|END)MSG (\d+)(?::(\d+))? @!@!@")


class Code(IntEnum):
    """The messages that decide something."""

    INITIAL_ERROR = 2102
    ASSUMPTION = 2104
    INVARIANT_INITIAL = 2107
    PROPERTY_INITIAL = 2108
    INVARIANT = 2110
    ACTION_PROPERTY = 2112
    DEADLOCK = 2114
    TEMPORAL = 2116
    BEHAVIOR = 2121
    BACK_TO_STATE = 2122
    STARTING = 2185
    FINISHED = 2186
    TEMPORAL_COMPLETE = 2192
    SUCCESS = 2193
    DEPTH = 2194
    STATS = 2199
    STATS_DFID = 2204
    INITIAL_DONE_DFID = 2208
    TEMPORAL_TABLEAU = 2212
    STATE = 2217
    STUTTERING = 2218
    VERSION = 2262
    COUNTEREXAMPLE = 2264
    TEMPORAL_DONE = 2267
    SYMMETRY_LIVENESS = 2279
    COLLECTOR = 2401
    COVERAGE_NEXT = 2772
    COVERAGE_INIT = 2773
    PARSING_FAILED = 3002
    SERVER_READY = 7000
    WORKER_CAME = 7001
    WORKER_LOST = 7006


ERROR_SEVERITIES = (1, 2)
WARNING_SEVERITY = 3


@dataclass(frozen=True)
class Message:
    """One message; the texts of messages inside it are part of its text, their codes are in
    `inner`.
    """

    code: int
    severity: int
    text: str
    inner: tuple[int, ...] = ()


@dataclass
class _Open:
    code: int
    severity: int
    lines: list[str] = field(default_factory=list)
    inner: list[int] = field(default_factory=list)


@dataclass
class Stream:
    """Reads the output of one run line by line.

    on_message is called with each complete outermost message, as soon as it is complete.
    messages: all of them; sany: lines outside of messages before the search; output: those after.
    """

    on_message: Callable[[Message], None] | None = None
    messages: list[Message] = field(default_factory=list)
    sany: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _searching: bool = False

    def feed(self, line: str) -> None:
        """Take one line, without its line end."""
        at = 0
        for mark in _MARK.finditer(line):
            self._text(line[at : mark.start()], whole=False)
            at = mark.end()
            if mark[2] is not None:
                self._open.append(_Open(int(mark[1]), int(mark[2])))
            elif self._open:
                self._close(self._open.pop())
        self._text(line[at:], whole=at == 0)

    @property
    def cut(self) -> bool:
        """Did the stream end inside a message?"""
        return bool(self._open)

    def _text(self, text: str, *, whole: bool) -> None:
        if not text and not whole:
            return
        if self._open:
            self._open[-1].lines.append(text)
        else:
            (self.output if self._searching else self.sany).append(text)

    def _close(self, done: _Open) -> None:
        text = "\n".join(done.lines)
        if self._open:
            self._open[-1].lines.append(text)
            self._open[-1].inner.extend((done.code, *done.inner))
            return
        message = Message(done.code, done.severity, text, tuple(done.inner))
        self._searching = self._searching or message.code == Code.STARTING
        self.messages.append(message)
        if self.on_message is not None:
            self.on_message(message)


@dataclass(frozen=True)
class TraceStep:
    """A state of a counterexample and the action that led to it.

    number: 1, 2, ...; action: "" for the initial state; location: as TLC prints it, "" when it does
    not.
    """

    number: int
    action: str
    location: str
    state: dict[str, Value]


@dataclass(frozen=True)
class Trace:
    """A counterexample. back_to: number of the state where the loop begins; stutters: stays in the
    last one.
    """

    steps: tuple[TraceStep, ...] = ()
    back_to: int | None = None
    stutters: bool = False


_CONJUNCT = re.compile(r"(?:\A|\n)/\\ ")
_HEAD = re.compile(r"(\d+): <(\w+)(?:\(.*\))? ?(.*)>")


def parse_state(text: str, memo: dict[str, Value] | None = None) -> dict[str, Value]:
    """A state as TLC prints it: `/\\ x = 1` lines, or `x = 1` when there is one variable.

    memo: values by their text, for a caller who reads many states. Raises ValueSyntaxError.
    """
    memo = {} if memo is None else memo
    state: dict[str, Value] = {}
    text = text.strip()
    # A string never holds a raw line end (TLC escapes it), so the split cannot cut a value.
    for conjunct in _CONJUNCT.split(text)[1:] if text.startswith("/\\") else [text]:
        name, equals, value = conjunct.partition(" = ")
        if not equals or not name.isidentifier():
            raise ValueSyntaxError(
                f"not a state as TLC prints it: expected `name = value`: {text[:200]}"
            )
        value = value.strip()
        if value not in memo:
            memo[value] = parse_value(value)
        state[name] = memo[value]
    return state


def printed(output: Iterable[str]) -> list[Value]:
    """The values that PrintT printed, all tuples: TLC breaks long ones into lines and indents the
    later ones. Raises ValueSyntaxError.
    """
    texts: list[str] = []
    for line in output:
        if line.startswith("<<"):
            texts.append(line)
        elif texts:
            texts[-1] += f" {line}"
    return list(map(parse_value, texts))


def parse_trace(messages: Sequence[Message]) -> Trace:
    """The counterexample in the messages of a run; empty when there is none. Raises
    ValueSyntaxError.
    """
    steps: list[TraceStep] = []
    back_to: int | None = None
    stutters = False
    for message in messages:
        first, _, rest = message.text.partition("\n")
        match message.code:
            case Code.INVARIANT_INITIAL | Code.PROPERTY_INITIAL:
                steps.append(TraceStep(1, "", "", parse_state(rest)))
            case Code.STATE:
                head = _HEAD.match(first)
                if head is None:
                    raise ValueSyntaxError(f"not the head of a state as TLC prints it: {first}")
                initial = first.endswith("<Initial predicate>")
                action, location = ("", "") if initial else (head[2], head[3])
                steps.append(TraceStep(int(head[1]), action, location, parse_state(rest)))
            case Code.BACK_TO_STATE:
                back_to = int(first.partition(":")[0])
            case Code.STUTTERING:
                stutters = True
    return Trace(tuple(steps), back_to, stutters)
