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

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
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

Symbol = Callable[..., Term]


def _variable(name: str, *sorts: Term, value: Term = z3.BoolSort()) -> Any:  # noqa: B008 - a sort
    """A variable: its name in the spec, the sorts of its arguments, the sort of its value."""
    return field(metadata={"is": (name, sorts, value)})


@dataclass(frozen=True)
class State:
    """One state: for each variable a function from terms to a term (a symbol, or what an action
    makes of it).
    """

    pc: Symbol = _variable("pc", SESSION, value=LABEL)
    current: Symbol = _variable("calls.current", SESSION, REPLY)
    called: Symbol = _variable("calls.made", REPLY)
    ngrams: Symbol = _variable("store.ngrams", REPLY)
    snapshots: Symbol = _variable("store.snapshots", REPLY)
    nbefore: Symbol = _variable("store.ngrams.order", REPLY, REPLY)
    sbefore: Symbol = _variable("store.snapshots.order", REPLY, REPLY)
    view_b: Symbol = _variable("view.bigrams", INSTANCE, REPLY)
    view_t: Symbol = _variable("view.trigrams", INSTANCE, REPLY)
    recalled: Symbol = _variable("local.recalled", SESSION, REPLY)
    loaded_b: Symbol = _variable("local.bigrams", SESSION, REPLY)
    loaded_t: Symbol = _variable("local.trigrams", SESSION, REPLY)
    saw_b: Symbol = _variable("local.sawBigrams", SESSION, REPLY)
    saw_t: Symbol = _variable("local.sawTrigrams", SESSION, REPLY)
    saved: Symbol = _variable("local.saved", SESSION, REPLY)
    holder: Symbol = _variable("holder", INSTANCE, SESSION)
    waiting: Symbol = _variable("arrivals", SESSION)
    ahead: Symbol = _variable("arrivals.order", SESSION, SESSION)
    overtaken: Symbol = _variable("overtaken", SESSION)
    writing: Symbol = _variable("writing", SESSION)
    moved: Symbol = _variable("moved", SESSION)
    up: Symbol = _variable("up", INSTANCE)
    left: Symbol = _variable("left", SESSION)
    returned: Symbol = _variable("returned", REPLY)
    readers_n: Symbol = _variable("readers.ngrams", REPLY)
    readers_s: Symbol = _variable("readers.snapshots", REPLY)
    dsg: Symbol = _variable("dsg", REPLY, REPLY)
    has_b: Symbol = _variable("local.bigrams.loaded", SESSION)
    has_t: Symbol = _variable("local.trigrams.loaded", SESSION)
    counted: Symbol = _variable("store.snapshots.mine", SESSION)
    opened: Symbol = _variable("open", INSTANCE)


# Field of State -> (name in the spec, sorts of the arguments, sort of the value).
VARIABLES: dict[str, tuple[str, tuple[Term, ...], Term]] = {
    f.name: f.metadata["is"] for f in fields(State)
}
# The published programs are followed without contents: what their guards ask, and what it hangs on.
ONLY_CONTROL = frozenset({"has_b", "has_t", "counted", "opened"})
CONTROL = ONLY_CONTROL | {
    "pc", "current", "called", "holder", "waiting", "ahead", "overtaken", "up", "left", "returned",
}  # fmt: skip


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


def equal(one: State, other: State, but: Collection[str] = ()) -> Term:
    """The states are equal in every variable, but for those named."""
    parts = []
    for name, (_, sorts, _) in VARIABLES.items():
        if name not in but:
            bound = [z3.Const(f"x{k}", sort) for k, sort in enumerate(sorts)]
            parts.append(
                z3.ForAll(bound, getattr(one, name)(*bound) == getattr(other, name)(*bound))
            )
    return z3.And(*parts)


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
