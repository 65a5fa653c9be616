"""The state of ``spec/Field.tla`` as relations over uninterpreted sorts: any number of everything.

Three sorts, none of them bounded: sessions, instances, replies. A content (a set of replies) is a
relation with a reply as its last argument, a sequence without repetition is a set with a strict
order on it, and ``holder`` and ``writing`` are relations that hold of nobody when the spec says
``Nobody``. The spec's ``Unread == {<<Nobody, 0>>}`` is kept literally: a reply that nobody ever
calls.

Only ``owner`` (of a reply) and ``InstanceOf`` (of a session) are functions between these sorts:
reply -> session -> instance. There is no cycle, so formulas without an existential under a
universal quantifier stay in the effectively propositional fragment (EPR), where z3 decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any

import z3

# z3 carries no type information; the alias says where a formula or a term is meant.
Term = Any

SESSION = z3.DeclareSort("Session")
INSTANCE = z3.DeclareSort("Instance")
REPLY = z3.DeclareSort("Reply")
LABEL = z3.DeclareSort("Label")

LABELS: dict[str, Term] = {
    label: z3.Const(label, LABEL)
    for label in (
        "idle", "called", "begin", "recall", "ingest", "reenter", "loadBigrams", "loadTrigrams",
        "assign", "generate", "generateEnd", "snapshot", "commit", "swap", "release", "return",
        "blocked", "count", "load", "ingestAgain", "loadAgain", "reload", "statement",
        "statementAgain", "refreshBigrams", "refreshTrigrams",
    )
}  # fmt: skip

CALLS = ("blank", "observe", "refresh")
UNREAD = z3.Const("unread", REPLY)
owner = z3.Function("owner", REPLY, SESSION)
instance_of = z3.Function("InstanceOf", SESSION, INSTANCE)
# What a session calls, if it is not a reply() that finds something to recall.
_ASKS = {call: z3.Function(f"asks.{call}", SESSION, z3.BoolSort()) for call in CALLS}

BACKGROUND: tuple[Term, ...] = (z3.Distinct(*LABELS.values()),)

# Field of State -> (name in the spec, sorts of the arguments, sort of the value).
VARIABLES: dict[str, tuple[str, tuple[Term, ...], Term]] = {
    "pc": ("pc", (SESSION,), LABEL),
    "current": ("calls.current", (SESSION, REPLY), z3.BoolSort()),
    "called": ("calls.made", (REPLY,), z3.BoolSort()),
    "ngrams": ("store.ngrams", (REPLY,), z3.BoolSort()),
    "snapshots": ("store.snapshots", (REPLY,), z3.BoolSort()),
    "nbefore": ("store.ngrams.order", (REPLY, REPLY), z3.BoolSort()),
    "sbefore": ("store.snapshots.order", (REPLY, REPLY), z3.BoolSort()),
    "view_b": ("view.bigrams", (INSTANCE, REPLY), z3.BoolSort()),
    "view_t": ("view.trigrams", (INSTANCE, REPLY), z3.BoolSort()),
    "recalled": ("local.recalled", (SESSION, REPLY), z3.BoolSort()),
    "loaded_b": ("local.bigrams", (SESSION, REPLY), z3.BoolSort()),
    "loaded_t": ("local.trigrams", (SESSION, REPLY), z3.BoolSort()),
    "saw_b": ("local.sawBigrams", (SESSION, REPLY), z3.BoolSort()),
    "saw_t": ("local.sawTrigrams", (SESSION, REPLY), z3.BoolSort()),
    "saved": ("local.saved", (SESSION, REPLY), z3.BoolSort()),
    "holder": ("holder", (INSTANCE, SESSION), z3.BoolSort()),
    "waiting": ("arrivals", (SESSION,), z3.BoolSort()),
    "ahead": ("arrivals.order", (SESSION, SESSION), z3.BoolSort()),
    "overtaken": ("overtaken", (SESSION,), z3.BoolSort()),
    "writing": ("writing", (SESSION,), z3.BoolSort()),
    "moved": ("moved", (SESSION,), z3.BoolSort()),
    "up": ("up", (INSTANCE,), z3.BoolSort()),
    "left": ("left", (SESSION,), z3.BoolSort()),
    "returned": ("returned", (REPLY,), z3.BoolSort()),
    "readers_n": ("readers.ngrams", (REPLY,), z3.BoolSort()),
    "readers_s": ("readers.snapshots", (REPLY,), z3.BoolSort()),
    "dsg": ("dsg", (REPLY, REPLY), z3.BoolSort()),
    "has_b": ("local.bigrams.loaded", (SESSION,), z3.BoolSort()),
    "has_t": ("local.trigrams.loaded", (SESSION,), z3.BoolSort()),
    "counted": ("store.snapshots.mine", (SESSION,), z3.BoolSort()),
    "opened": ("open", (INSTANCE,), z3.BoolSort()),
}
# The published programs are followed without contents: what their guards ask, and what it hangs on.
ONLY_CONTROL = frozenset({"has_b", "has_t", "counted", "opened"})
CONTROL = ONLY_CONTROL | {
    "pc", "current", "called", "holder", "waiting", "ahead", "overtaken", "up", "left", "returned",
}  # fmt: skip

Symbol = Callable[..., Term]


@dataclass(frozen=True)
class State:
    """One state: for each variable a function from terms to a term (a symbol, or what an action
    makes of it).
    """

    pc: Symbol
    current: Symbol
    called: Symbol
    ngrams: Symbol
    snapshots: Symbol
    nbefore: Symbol
    sbefore: Symbol
    view_b: Symbol
    view_t: Symbol
    recalled: Symbol
    loaded_b: Symbol
    loaded_t: Symbol
    saw_b: Symbol
    saw_t: Symbol
    saved: Symbol
    holder: Symbol
    waiting: Symbol
    ahead: Symbol
    overtaken: Symbol
    writing: Symbol
    moved: Symbol
    up: Symbol
    left: Symbol
    returned: Symbol
    readers_n: Symbol
    readers_s: Symbol
    dsg: Symbol
    has_b: Symbol
    has_t: Symbol
    counted: Symbol
    opened: Symbol


def symbols(mark: str = "") -> State:
    """Return a state of uninterpreted symbols; ``mark`` tells two states in one formula apart."""
    return State(
        **{
            f.name: z3.Function(
                VARIABLES[f.name][0] + mark, *VARIABLES[f.name][1], VARIABLES[f.name][2]
            )
            for f in fields(State)
        }
    )


def at(z: State, s: Term, labels: Iterable[str]) -> Term:
    """The session stands at one of the labels."""
    places = [z.pc(s) == LABELS[label] for label in labels]
    # An empty disjunction is printed as a bare `or`, which SMT-LIB does not know.
    return z3.Or(*places) if places else z3.BoolVal(False)


def asks(call: str, s: Term) -> Term:
    """What the session calls: a member of ``CALLS``, or "reply"."""
    if call == "reply":
        return z3.Not(z3.Or(*(f(s) for f in _ASKS.values())))
    return _ASKS[call](s)


def in_flight(z: State, s: Term) -> Term:
    return z.pc(s) != LABELS["idle"]


def is_over(z: State, r: Term) -> Term:
    """The spec's ``Ended(r)``, for a reply that has been called."""
    return z3.Not(z3.And(z.current(owner(r), r), in_flight(z, owner(r))))


def every(names: str, body: Callable[..., Term]) -> Term:
    """``every("s r", f)``: for all sessions s and replies r, f(s, r). The letter gives the sort.

    s, t, u are sessions, i, j instances, anything else a reply.
    """
    sorts = {"s": SESSION, "t": SESSION, "u": SESSION, "i": INSTANCE, "j": INSTANCE}
    bound = [z3.Const(name, sorts.get(name, REPLY)) for name in names.split()]
    return z3.ForAll(bound, body(*bound))


def has_reply(z: State) -> Term:
    """A session in flight has a reply: the one statement with an existential under a universal."""
    r = z3.Const("r", REPLY)
    return every("s", lambda s: z3.Implies(in_flight(z, s), z3.Exists([r], z.current(s, r))))
