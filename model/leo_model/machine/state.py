"""The state of the transition system: the variables of ``spec/Lifecycle.tla`` and ``History.tla``.

Maps are dictionaries whose values are immutable, so that a copy of the state is a copy of a few
small dictionaries.  A reply is ``(session, n)``; the content of an object is the set of the
replies whose writes it has absorbed.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

# A reply is (session, number). A write is named by its reply, or by (session, number, part) if the
# reply makes several to an object.
Reply = tuple[str, int, *tuple[int, ...]]
Write = Reply
Content = frozenset[Write]
Replies = frozenset[Reply]
Edge = tuple[Reply, Reply]

NOBODY = "nobody"
UNREAD: Content = frozenset({(NOBODY, 0)})
EMPTY: Content = frozenset()


class Store(NamedTuple):
    """What is committed: for each object its writers, oldest first."""

    ngrams: tuple[Write, ...] = ()
    snapshots: tuple[Reply, ...] = ()


class Tables(NamedTuple):
    """The contents of an instance's in-memory tables."""

    bigrams: Content = EMPTY
    trigrams: Content = EMPTY


class Local(NamedTuple):
    """What the reply in flight has read; ``UNREAD`` before that."""

    recalled: Content = UNREAD
    bigrams: Content = UNREAD
    trigrams: Content = UNREAD
    sawBigrams: Content = UNREAD
    sawTrigrams: Content = UNREAD
    saved: Content = UNREAD


BLANK = Local()


class Objects(NamedTuple):
    """For each object the replies that have read it."""

    ngrams: Replies = frozenset()
    snapshots: Replies = frozenset()


class Open(NamedTuple):
    """The transaction that outlives its call: is it open, and with which n-gram writes?"""

    open: bool = False
    writes: tuple[Write, ...] = ()


CLOSED = Open()


class Base(NamedTuple):
    """Versions that were forgotten, or that the store had when a trace began."""

    ngrams: int = 0
    snapshots: int = 0


@dataclass(slots=True)
class State:
    """One state; the names are those of the variables; ``base`` belongs to traces."""

    pc: dict[str, str] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    store: Store = Store()
    view: dict[str, Tables] = field(default_factory=dict)
    local: dict[str, Local] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    arrivals: tuple[str, ...] = ()
    overtaken: frozenset[str] = frozenset()
    writing: str = NOBODY
    moved: dict[str, bool] = field(default_factory=dict)
    open: Open = CLOSED
    up: dict[str, bool] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    returned: Replies = frozenset()
    readers: Objects = Objects()
    dsg: frozenset[Edge] = frozenset()
    base: Base = Base()

    @classmethod
    def initial(cls, instance_of: dict[str, str], instances: Iterable[str]) -> State:
        """Return the spec's ``Init``: empty store, fresh views, nobody in flight."""
        state = cls()
        for instance in instances:
            state.add_instance(instance)
        for session in instance_of:
            state.add_session(session)
        return state

    def add_instance(self, instance: str) -> None:
        """Add an instance whose view equals the store."""
        content = frozenset(self.store.ngrams)
        self.view[instance] = Tables(content, content)
        self.holder[instance] = NOBODY
        self.up[instance] = True

    def add_session(self, session: str) -> None:
        """Add a session that has made no call."""
        self.pc[session] = "idle"
        self.calls[session] = 0
        self.local[session] = BLANK
        self.moved[session] = False

    def copy(self) -> State:
        """Return a state that can be changed without changing this one."""
        return replace(
            self,
            pc=dict(self.pc),
            calls=dict(self.calls),
            view=dict(self.view),
            local=dict(self.local),
            holder=dict(self.holder),
            moved=dict(self.moved),
            up=dict(self.up),
        )

    def key(self) -> Hashable:
        """Return a value that is equal for equal states, to be a member of a set."""
        return tuple(
            frozenset(value.items()) if isinstance(value, dict) else value
            for value in (getattr(self, f.name) for f in fields(self))
        )

    def reply(self, session: str) -> Reply:
        """Return the reply that the session has in flight (or had last)."""
        return (session, self.calls[session])

    def in_flight(self, session: str) -> bool:
        return self.pc[session] != "idle"

    def ended(self, reply: Reply) -> bool:
        """Tell whether a reply is over, however it ended."""
        return reply[1] < self.calls[reply[0]] or not self.in_flight(reply[0])

    @property
    def ngrams(self) -> Content:
        return frozenset(self.store.ngrams)

    @property
    def snapshots(self) -> Replies:
        return frozenset(self.store.snapshots)

    @property
    def wrote(self) -> Replies:
        """Replies with a write in the store."""
        return authors(self.ngrams) | self.snapshots


def authors(content: Collection[Write]) -> Replies:
    """Return the replies that made the writes."""
    # Where no write has parts, which is so of nearly all programs, they are their replies.
    if max(map(len, content), default=2) == 2:
        return frozenset(content)
    return frozenset(write[:2] for write in content)
