"""The lines of a block at once: decoded by msgspec against the very strings of one trace.

Only the plainest form of an event is taken: one object a line, nothing unknown, the names that the
header has.  Anything else is no error here; it is left to ``leo_model.traces.reader``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, Protocol

import msgspec

from leo.trace.events import Event, Header
from leo_model.machine.machine import ACTIONS
from leo_model.traces.events import Line, carries

# The bytes in which a recorder writes versions.
SNAPSHOTS: Final = b'{"snapshots":%d}'
NGRAMS: Final = b'{"ngrams":%d}'
BIGRAMS: Final = b'{"bigrams":%d}'
TRIGRAMS: Final = b'{"trigrams":%d}'
VIEW: Final = b'{"view.bigrams":%d,"view.trigrams":%d}'
BOTH: Final = b'{"ngrams":%d,"snapshots":%d}'
NOTHING: Final = msgspec.Raw(b"{}")
_OUTCOMES: Final = ("ok", "returned", "cancelled", "raised", "crashed")


class Row(Protocol):
    """A decoded line; ``reads`` and ``writes`` are the bytes that stand there."""

    seq: int
    session: str
    reply: str
    action: str
    reads: msgspec.Raw
    writes: msgspec.Raw
    outcome: str


class Rows:
    """Decodes blocks of lines of one trace with one writer, one instance and one store."""

    def __init__(self, header: Header, writer: str) -> None:
        (instance,), (store,) = header.instances, header.stores
        fields: list[tuple[str, Any]] = [
            ("seq", int),
            ("writer", Literal[writer]),
            ("run", Literal[header.run]),
            ("time", float),
            ("instance", Literal[instance]),
            ("store", Literal[store]),
            ("session", str),
            ("reply", str),
            ("action", Literal[tuple(ACTIONS)]),
            ("reads", msgspec.Raw),
            ("writes", msgspec.Raw),
            ("outcome", Literal[_OUTCOMES]),
        ]
        row = msgspec.defstruct("Row", fields, gc=False, forbid_unknown_fields=True)
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]

    def read(self, block: bytes) -> list[Row]:
        """Return the rows of whole lines, none when a line is not in the plainest form."""
        # One JSON array, a comma for each break: a break inside an event is an error there, and as
        # many events as breaks are one on each line.  Much cheaper than to look for the breaks.
        text = b"".join((b"[", block.replace(b"\n", b",\n")[:-2], b"]"))
        try:
            rows = self._decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        return rows if len(rows) == len(text) - len(block) else []


def to_line(number: int, text: bytes, discipline: str) -> Line:
    """Return a line that was taken as the reader would have."""
    event = _event(text)
    held = event.reads or event.writes
    order = carries(discipline, event.action).order
    turn = int(event.reply.rpartition(".")[2])
    return Line(number, event, event.session, turn, tuple(map(held.__getitem__, order)))


_event: Final = msgspec.json.Decoder(Event).decode
