"""TLA+ values as TLC prints them, read into hashable Python values, and printed again.

integer -> int, boolean -> bool, string -> str, model value -> ModelValue, set -> frozenset,
sequence and tuple -> tuple, record and function -> Fn. A function whose domain is 1..n *is* a
sequence in TLA+, hence a tuple here; so is the empty function, which is the empty tuple.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias, Union

from leo_model.errors import ValueSyntaxError


class ModelValue(str):
    """A model value: compares and hashes as its name, is printed without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"ModelValue({str(self)!r})"


Value: TypeAlias = Union[int, str, tuple["Value", ...], frozenset["Value"], "Fn"]


class Fn(Mapping[Value, Value]):
    """A function or a record: immutable, hashable, equal when it maps the same arguments to the
    same values.

    Build it with `function`, which turns a domain 1..n into the tuple it equals.
    """

    __slots__ = ("_hash", "_map")

    def __init__(self, pairs: Iterable[tuple[Value, Value]]) -> None:
        self._map: dict[Value, Value] = dict(pairs)
        self._hash = hash(frozenset(self._map.items()))

    def __getitem__(self, key: Value) -> Value:
        return self._map[key]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self._map == other._map if isinstance(other, Fn) else NotImplemented

    def __repr__(self) -> str:
        return f"Fn({self._map!r})"


def function(pairs: Iterable[tuple[Value, Value]]) -> Value:
    """The value that maps as `pairs` say: an Fn, or the tuple it equals when the domain is 1..n."""
    table = dict(pairs)
    size = len(table)
    # bool is an int in Python and not in TLA+: {TRUE} is not 1..1.
    if all(type(key) is int and 1 <= key <= size for key in table):
        return tuple(table[index] for index in range(1, size + 1))
    return Fn(table.items())


_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|\d*[A-Za-z_]\w*|-?\d+|<<|>>|\|->|:>|@@|\.\.|/\\|[\[\]{}(),=]|\S'
)
_NAME = re.compile(r"\d*[A-Za-z_]\w*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FROM_ESCAPE = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_TO_ESCAPE = str.maketrans(
    {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\f": "\\f"}
)
_END = ""


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = _TOKEN.findall(text)
        self.tokens.append(_END)
        self.at = 0

    def fail(self, expected: str) -> ValueSyntaxError:
        found = self.tokens[self.at] or "the end of the text"
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "..."
        return ValueSyntaxError(
            f"not a TLA+ value as TLC prints it: expected {expected} and found {found} "
            f"(token {self.at + 1}) in: {shown}"
        )

    def take(self, token: str) -> None:
        if self.tokens[self.at] != token:
            raise self.fail(token)
        self.at += 1

    def list_until(self, close: str) -> list[Value]:
        items: list[Value] = []
        if self.tokens[self.at] != close:
            items.append(self.value())
            while self.tokens[self.at] == ",":
                self.at += 1
                items.append(self.value())
        self.take(close)
        return items

    def name(self) -> str:
        if not _NAME.fullmatch(self.tokens[self.at]):
            raise self.fail("a field name")
        self.at += 1
        return self.tokens[self.at - 1]

    def pairs(
        self, key: Callable[[], Value], arrow: str, comma: str, close: str
    ) -> Iterator[tuple[Value, Value]]:
        while True:
            argument = key()
            self.take(arrow)
            yield argument, self.value()
            if self.tokens[self.at] != comma:
                self.take(close)
                return
            self.at += 1

    def value(self) -> Value:
        token = self.tokens[self.at]
        self.at += 1
        match token:
            case "<<":
                return tuple(self.list_until(">>"))
            case "{":
                return frozenset(self.list_until("}"))
            case "[":
                return Fn(self.pairs(self.name, "|->", ",", "]"))
            case "(":
                return function(self.pairs(self.value, ":>", "@@", ")"))
            case "TRUE" | "FALSE":
                return token == "TRUE"
        if token.startswith('"') and len(token) > 1:
            return _ESCAPE.sub(lambda m: _FROM_ESCAPE.get(m[1], m[1]), token[1:-1])
        if _NAME.fullmatch(token):
            return ModelValue(token)
        if token.lstrip("-").isdecimal():
            low = int(token)
            if self.tokens[self.at] != "..":
                return low
            self.at += 1
            high = self.tokens[self.at]
            if not high.lstrip("-").isdecimal():
                raise self.fail("the upper bound of an interval")
            self.at += 1
            return frozenset(range(low, int(high) + 1))
        self.at -= 1
        raise self.fail("a value")


def parse_value(text: str) -> Value:
    """Read one value. Raises ValueSyntaxError, naming the token that does not fit."""
    reader = _Reader(text)
    value = reader.value()
    if reader.tokens[reader.at] != _END:
        raise reader.fail("the end of the text")
    return value


def to_tla(value: Value) -> str:
    """The value as TLA+ text that TLC can read; members and arguments in one fixed order."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, ModelValue):
        return str(value)
    if isinstance(value, str):
        return f'"{value.translate(_TO_ESCAPE)}"'
    if isinstance(value, tuple):
        return f"<<{', '.join(map(to_tla, value))}>>"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(to_tla, value)))}}}"
    if not value:
        return "<<>>"
    # A function on strings that are all identifiers is a record, and TLC prints it as one. Words of
    # the language (IF, LET) are identifiers too, but SANY would not read them back as field names.
    keys = [key for key in value if isinstance(key, str) and not isinstance(key, ModelValue)]
    if len(keys) == len(value) and all(
        _IDENTIFIER.fullmatch(key) and not key.isupper() for key in keys
    ):
        return f"[{', '.join(f'{key} |-> {to_tla(value[key])}' for key in sorted(keys))}]"
    pairs = sorted((to_tla(key), to_tla(item)) for key, item in value.items())
    return f"({' @@ '.join(f'{key} :> {item}' for key, item in pairs)})"
