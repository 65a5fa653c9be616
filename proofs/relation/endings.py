"""The transition relation of ``spec/Field.tla`` in z3: the ways in which a reply ends early."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import z3

from proofs.relation import published
from proofs.relation.relation import (
    Action,
    Guard,
    I,
    R,
    S,
    World,
    act,
    alive,
    blank,
    goto,
    is_me,
    standing,
)  # fmt: skip
from proofs.relation.steps import is_my_turn, lock_is_free, program
from proofs.relation.vocabulary import (
    LABELS,
    SESSION,
    UNREAD,
    State,
    Symbol,
    Term,
    at,
    every,
    in_flight,
    instance_of,
    owner,
)  # fmt: skip


def initially(z: State) -> Term:
    """The spec's ``Init``."""
    empty = z3.And(
        every("r", lambda r: z3.Not(z3.Or(
            z.called(r), z.ngrams(r), z.snapshots(r), z.returned(r), z.readers_n(r), z.readers_s(r),
        ))),
        every("q r", lambda q, r: z3.Not(z3.Or(z.nbefore(q, r), z.sbefore(q, r), z.dsg(q, r)))),
        every("i r", lambda i, r: z3.Not(z3.Or(z.view_b(i, r), z.view_t(i, r)))),
    )  # fmt: skip
    quiet = z3.And(
        every("s", lambda s: z3.And(
            z.pc(s) == LABELS["idle"],
            z3.Not(z3.Or(z.waiting(s), z.overtaken(s), z.writing(s), z.moved(s), z.left(s))),
            z3.Not(z3.Or(z.has_b(s), z.has_t(s), z.counted(s))),
        )),
        every("s r", lambda s, r: z3.And(z3.Not(z.current(s, r)), *(
            register(s, r) == (r == UNREAD)
            for register in (z.recalled, z.loaded_b, z.loaded_t, z.saw_b, z.saw_t, z.saved)
        ))),
        every("s t", lambda s, t: z3.Not(z.ahead(s, t))),
        every("i s", lambda i, s: z3.And(z.up(i), z3.Not(z.opened(i)), z3.Not(z.holder(i, s)))),
    )  # fmt: skip
    return z3.And(empty, quiet)


def forget_reads(z: State, gone: Callable[[Term], Term]) -> dict[str, Symbol]:
    """Take replies out of the serialization graph."""
    return {
        "readers_n": lambda q: z3.And(z.readers_n(q), z3.Not(gone(q))),
        "readers_s": lambda q: z3.And(z.readers_s(q), z3.Not(gone(q))),
        "dsg": lambda a, b: z3.And(z.dsg(a, b), z3.Not(gone(a)), z3.Not(gone(b))),
    }


def end_early(z: State, gone: Callable[[Term], Term]) -> dict[str, Symbol]:
    """The spec's ``EndEarly(gone)``."""

    def nothing_written(q: Term) -> Term:
        return z3.And(
            gone(owner(q)), z.current(owner(q), q), z3.Not(z.ngrams(q)), z3.Not(z.snapshots(q))
        )

    return {
        "pc": lambda t: z3.If(gone(t), LABELS["idle"], z.pc(t)),
        **blank(z, gone),
        "moved": lambda t: z3.And(z.moved(t), z3.Not(gone(t))),
        "holder": lambda i, t: z3.And(z.holder(i, t), z3.Not(gone(t))),
        "waiting": lambda t: z3.And(z.waiting(t), z3.Not(gone(t))),
        "ahead": lambda t, u: z3.And(z.ahead(t, u), z3.Not(gone(t)), z3.Not(gone(u))),
        "overtaken": lambda t: z3.And(z.overtaken(t), z3.Not(gone(t))),
        "writing": lambda t: z3.And(z.writing(t), z3.Not(gone(t))),
        "left": lambda t: z3.And(z.left(t), z3.Not(gone(t))),
        **forget_reads(z, nothing_written),
    }


def after_write(w: World, z: State) -> Term:
    """The spec's ``AfterWrite(s)``."""
    labels = ("swap", "release") if w.rules.whole_reply else ("swap", "release", "loadBigrams")
    return at(z, S, labels)


def _running(z: State) -> Guard:
    return {"alive": alive(z, instance_of(S)), "reply": z.current(S, R)}


def cancel(w: World, z: State) -> Action:
    guard = {"in flight": in_flight(z, S), **_running(z)}
    if w.rules.detached:
        guard["caller is there"] = z3.Not(z.left(S))
        effect: dict[str, Symbol] = {"left": lambda t: z3.Or(z.left(t), t == S)}
        return act(w, z, "Cancel", guard, effect)
    guard["nothing just written"] = z3.Not(after_write(w, z))
    guard["not ended"] = z.pc(S) != LABELS["return"]
    return act(w, z, "Cancel", guard, end_early(z, is_me), "End", is_me)


def cancel_applied(w: World, z: State) -> Action:
    guard = {"just written": after_write(w, z), **_running(z)}
    if w.rules.shielded:
        guard["shield"] = z.pc(S) != LABELS["swap"]
    return act(w, z, "CancelApplied", guard, end_early(z, is_me), "End", is_me)


def raise_(w: World, z: State) -> Action:
    guard = {
        "in flight": in_flight(z, S), "not ended": z.pc(S) != LABELS["return"], **_running(z),
    }  # fmt: skip
    if w.rules.lock == "fifo":
        ready = z3.And(lock_is_free(z), is_my_turn(z))
        guard["not queued"] = z3.Implies(z.pc(S) == LABELS["called"], ready)
    if w.rules.shielded:
        guard["shield"] = z.pc(S) != LABELS["swap"]
    return act(w, z, "Raise", guard, end_early(z, is_me), "End", is_me)


def busy(w: World, z: State) -> Action:
    t = z3.Const("t", SESSION)
    guard = standing(w, z, "begin") | {"write lock is taken": z3.Exists([t], z.writing(t))}
    return act(w, z, "Busy", guard, end_early(z, is_me), "End", is_me)


def busy_snapshot(w: World, z: State) -> Action:
    guard = standing(w, z, "commit") | {"store has moved": z.moved(S)}
    return act(w, z, "BusySnapshot", guard, end_early(z, is_me), "End", is_me)


def retry(w: World, z: State) -> Action:
    guard = standing(w, z, "commit") | {"store has moved": z.moved(S)}
    effect: dict[str, Symbol] = {
        "pc": goto(z, "begin"),
        **blank(z, is_me),
        "moved": lambda t: z3.And(z.moved(t), t != S),
        **forget_reads(z, lambda q: q == R),
    }
    return act(w, z, "Retry", guard, effect)


def crash(w: World, z: State) -> Action:
    def gone(t: Term) -> Term:
        return z3.And(instance_of(t) == I, in_flight(z, t))

    effect: dict[str, Symbol] = {
        **end_early(z, gone),
        "up": lambda i: z3.And(z.up(i), i != I),
        "opened": lambda i: z3.And(z.opened(i), i != I),
        "view_b": lambda i, q: z3.If(i == I, q == UNREAD, z.view_b(i, q)),
        "view_t": lambda i, q: z3.If(i == I, q == UNREAD, z.view_t(i, q)),
    }
    return act(w, z, "Crash", {"up": z.up(I)}, effect, "End", gone)


def recover(w: World, z: State) -> Action:
    effect: dict[str, Symbol] = {
        "up": lambda i: z3.Or(z.up(i), i == I),
        "view_b": lambda i, q: z3.If(i == I, z.ngrams(q), z.view_b(i, q)),
        "view_t": lambda i, q: z3.If(i == I, z.ngrams(q), z.view_t(i, q)),
    }
    return act(w, z, "Recover", {"down": z3.Not(z.up(I))}, effect)


@cache
def relation(w: World, z: State) -> tuple[Action, ...]:
    """The spec's ``Next`` as a tuple of actions, from the state ``z``."""
    actions = published.program(w, z) if w.rules.published else program(w, z)
    if w.rules.published:
        actions += published.strikes(w, z, end_early(z, is_me))
    else:
        actions += strikes(w, z)
    if "Crash" in w.faults:
        actions.append(crash(w, z))
    return (*actions, recover(w, z))


def strikes(w: World, z: State) -> list[Action]:
    """The faults from within, and the ways out that the discipline itself takes."""
    actions = []
    if "Cancel" in w.faults and not w.rules.threads:
        actions.append(cancel(w, z))
        if not w.rules.detached:
            actions.append(cancel_applied(w, z))
    if "Raise" in w.faults:
        actions.append(raise_(w, z))
    if w.rules.transaction == "immediate" and "Busy" in w.faults:
        actions.append(busy(w, z))
    if w.rules.transaction == "deferred":
        actions.append(busy_snapshot(w, z))
    if w.rules.transaction == "checked":
        actions.append(retry(w, z))
    return actions
