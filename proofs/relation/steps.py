"""The transition relation of ``spec/Field.tla`` in z3: the call and the steps of the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import z3

from proofs.relation.relation import (
    Action,
    R,
    S,
    World,
    act,
    add_read,
    add_write,
    append,
    append_order,
    blank,
    goto,
    is_me,
    learn,
    may_run,
    standing,
    started,
    unread,
)  # fmt: skip
from proofs.relation.vocabulary import (
    LABELS,
    SESSION,
    UNREAD,
    State,
    Symbol,
    Term,
    asks,
    at,
    every,
    instance_of,
    owner,
)  # fmt: skip


def call(w: World, z: State) -> Action:
    guard = {
        "label": z.pc(S) == LABELS["idle"],
        **may_run(w, z),
        "new reply": is_new(z),
    }
    if w.rules.published:
        guard["takes the lock"] = z3.Not(asks("refresh", S))
    effect: dict[str, Symbol] = {
        "pc": goto(z, "called"),
        **numbered(z),
        "waiting": lambda t: z3.Or(z.waiting(t), t == S),
        "ahead": lambda t, u: z3.Or(z.ahead(t, u), z3.And(z.waiting(t), u == S)),
    }
    return act(w, z, "Call", guard, effect, "Call")


def is_new(z: State) -> Term:
    return z3.And(z3.Not(z.called(R)), owner(R) == S, R != UNREAD)


def numbered(z: State) -> dict[str, Symbol]:
    """``calls' = [calls EXCEPT ![s] = NextNumber(s)]``: the reply of the session is a new one."""
    return {
        "current": lambda t, q: z3.If(t == S, q == R, z.current(t, q)),
        "called": append(z.called),
        "counted": lambda t: z3.And(z.counted(t), t != S),
    }


def lock_is_free(z: State) -> Term:
    return every("t", lambda t: z3.Not(z.holder(instance_of(S), t)))


def is_my_turn(z: State) -> Term:
    """Nobody of the instance is ahead in the queue."""
    return every("t", lambda t: z3.Implies(z.ahead(t, S), instance_of(t) != instance_of(S)))


def acquire(w: World, z: State) -> Action:
    instance = instance_of(S)
    guard = standing(w, z, "called")
    if w.rules.lock != "none":
        guard["lock is free"] = lock_is_free(z)
    if w.rules.lock == "fifo":
        guard["my turn"] = is_my_turn(z)
    effect: dict[str, Symbol] = {"pc": goto(z, "begin" if w.rules.whole_reply else "recall")}
    if w.rules.published:
        effect["pc"] = goto(z, z3.If(asks("observe", S), LABELS["statement"], LABELS["recall"]))
    if w.rules.lock != "none":
        effect["holder"] = lambda i, t: z3.If(i == instance, t == S, z.holder(i, t))
    if w.rules.transaction != "immediate":
        effect |= started(z)
    return act(w, z, "Acquire", guard, effect)


def block(w: World, z: State) -> Action:
    t = z3.Const("t", SESSION)
    guard = standing(w, z, "called")
    guard["lock is taken"] = z3.Exists([t], z.holder(instance_of(S), t))
    return act(w, z, "Block", guard, {"pc": goto(z, "blocked")})


def is_current(z: State, i: Term) -> Term:
    """The spec's ``ViewIsCurrent(i)``."""
    return every(
        "q", lambda q: z3.And(z.view_b(i, q) == z.ngrams(q), z.view_t(i, q) == z.ngrams(q))
    )


def begin(w: World, z: State) -> list[Action]:
    guard = standing(w, z, "begin")
    if w.rules.transaction != "immediate":
        return [act(w, z, "Begin", guard, {"pc": goto(z, "recall")})]
    guard["write lock is free"] = every("t", lambda t: z3.Not(z.writing(t)))
    effect: dict[str, Symbol] = {
        "writing": lambda t: t == S,
        **started(z),
    }
    current = is_current(z, instance_of(S))
    return [
        act(w, z, "Begin", guard | {"view": current}, effect | {"pc": goto(z, "recall")}),
        act(
            w, z, "Begin", guard | {"view": z3.Not(current)},
            effect | {"pc": goto(z, "loadBigrams")},
        ),
    ]  # fmt: skip


def observed(w: World, z: State) -> tuple[str, dict[str, Symbol]]:
    """``Ingest``: a buffer, or a commit of its own."""
    if w.rules.whole_reply:
        return "Ingest", {"pc": goto(z, "generate")}
    return "Ingest", {
        "pc": goto(z, "loadBigrams"),
        "ngrams": append(z.ngrams),
        "nbefore": append_order(z.ngrams, z.nbefore),
        "dsg": add_write(z, lambda q: z3.Or(z.ngrams(q), z.readers_n(q))),
    }


def saved(w: World, z: State) -> Action:
    """``SaveSnapshot``: a buffer, or a commit of its own and the reply has taken effect."""
    guard = standing(w, z, "snapshot")
    if w.rules.whole_reply:
        return act(w, z, "SaveSnapshot", guard, {"pc": goto(z, "commit")})
    effect: dict[str, Symbol] = {
        "pc": goto(z, "release"),
        "snapshots": append(z.snapshots),
        "sbefore": append_order(z.snapshots, z.sbefore),
        "saved": learn(z.saved, z.ngrams),
        "dsg": add_write(z, lambda q: z3.Or(z.snapshots(q), z.readers_s(q))),
    }
    return act(w, z, "SaveSnapshot", guard, effect, "Do")


def generated(w: World, z: State, buffer: Callable[[Term], Term]) -> dict[str, Symbol]:
    """``Generate``, in one step: the view, and over it what the unit of work has in its buffer."""
    here = instance_of(S)
    after_bigrams = replace(z, dsg=add_read(z, lambda q: z.view_b(here, q), z.ngrams))
    effect: dict[str, Symbol] = {
        "pc": goto(z, "snapshot"),
        "saw_b": learn(z.saw_b, lambda q: z3.Or(z.view_b(here, q), buffer(q))),
        "saw_t": learn(z.saw_t, lambda q: z3.Or(z.view_t(here, q), buffer(q))),
        "readers_n": append(z.readers_n),
        "dsg": add_read(after_bigrams, lambda q: z.view_t(here, q), z.ngrams),
    }
    if w.rules.transaction == "checked":
        t = z3.Const("t", SESSION)
        pending = z3.Exists([t], z3.And(instance_of(t) == here, z.pc(t) == LABELS["swap"]))
        effect["moved"] = lambda u: z3.Or(z.moved(u), z3.And(u == S, pending))
    return effect


def relies_on_snapshot(w: World, z: State, t: Term) -> Term:
    """The spec's ``HasSnapshot(t)``."""
    labels = {"none": (), "immediate": ()}.get(
        w.rules.transaction, ("ingest", "generate", "snapshot", "commit")
    )
    return at(z, t, (*labels, "recall") if w.rules.transaction == "checked" else labels)


def commit(w: World, z: State) -> Action:
    guard = standing(w, z, "commit") | {"store has not moved": z3.Not(z.moved(S))}
    effect: dict[str, Symbol] = {
        "pc": goto(z, "swap"),
        "ngrams": append(z.ngrams),
        "nbefore": append_order(z.ngrams, z.nbefore),
        "snapshots": append(z.snapshots),
        "sbefore": append_order(z.snapshots, z.sbefore),
        "saved": learn(z.saved, append(z.ngrams)),
        "dsg": add_write(
            z, lambda q: z3.Or(z.ngrams(q), z.snapshots(q), z.readers_n(q), z.readers_s(q))
        ),
        "moved": lambda t: z3.And(t != S, z3.Or(z.moved(t), relies_on_snapshot(w, z, t))),
        "writing": lambda t: z3.And(z.writing(t), t != S),
    }
    return act(w, z, "Commit", guard, effect, "Do")


def release(w: World, z: State) -> Action:
    effect: dict[str, Symbol] = {
        "pc": goto(z, "return"),
        "holder": lambda i, t: z3.And(z.holder(i, t), t != S),
    }
    return act(w, z, "Release", standing(w, z, "release"), effect)


def return_(w: World, z: State) -> Action:
    effect: dict[str, Symbol] = {
        "pc": goto(z, "idle"),
        **blank(z, is_me),
        "returned": lambda q: z3.Or(z.returned(q), z3.And(q == R, z3.Not(z.left(S)))),
        "left": lambda t: z3.And(z.left(t), t != S),
    }
    return act(w, z, "Return", standing(w, z, "return"), effect, "Return", is_me)


def program(w: World, z: State) -> list[Action]:
    """The program's own steps under the discipline; an action that it rules out is left out."""
    here = instance_of(S)

    def step(name: str, label: str, effect: dict[str, Symbol]) -> Action:
        return act(w, z, name, standing(w, z, label), effect)

    def own(q: Term) -> Term:
        return q == R if w.rules.whole_reply else z3.BoolVal(False)

    ingest = ("Reenter", {"pc": goto(z, "reenter")}) if w.rules.reentrant else observed(w, z)
    generate = ("Generate", generated(w, z, own))
    if w.rules.threads:
        generate = (
            "GenerateBegin",
            {
                "pc": goto(z, "generateEnd"),
                "saw_b": learn(z.saw_b, lambda q: z.view_b(here, q)),
                "saw_t": learn(z.saw_t, lambda q: z.view_t(here, q)),
                "readers_n": append(z.readers_n),
                "dsg": add_read(z, lambda q: z.view_b(here, q), z.ngrams),
            },
        )
    found = [
        call(w, z), acquire(w, z), *begin(w, z),
        step("Recall", "recall", {
            "pc": goto(z, "ingest"),
            "recalled": learn(z.recalled, z.snapshots),
            "readers_s": append(z.readers_s),
            "dsg": add_read(z, z.snapshots, z.snapshots),
        }),
        step(ingest[0], "ingest", ingest[1]),
        step("LoadBigrams", "loadBigrams", {
            "pc": goto(z, "loadTrigrams"), "loaded_b": learn(z.loaded_b, z.ngrams),
        }),
        step("LoadTrigrams", "loadTrigrams", {
            "pc": goto(z, "assign"), "loaded_t": learn(z.loaded_t, z.ngrams),
        }),
        step("AssignView", "assign", {
            "pc": goto(z, "recall" if w.rules.whole_reply else "generate"),
            "view_b": lambda i, q: z3.If(i == here, z.loaded_b(S, q), z.view_b(i, q)),
            "view_t": lambda i, q: z3.If(i == here, z.loaded_t(S, q), z.view_t(i, q)),
            "loaded_b": learn(z.loaded_b, unread),
            "loaded_t": learn(z.loaded_t, unread),
        }),
        step(generate[0], "generate", generate[1]),
        step("GenerateEnd", "generateEnd", {
            "pc": goto(z, "snapshot"),
            "saw_t": learn(z.saw_t, lambda q: z.view_t(here, q)),
            "dsg": add_read(z, lambda q: z.view_t(here, q), z.ngrams),
        }),
        saved(w, z), commit(w, z),
        step("SwapView", "swap", {
            "pc": goto(z, "release"),
            "view_b": lambda i, q: z3.Or(z.view_b(i, q), z3.And(i == here, q == R)),
            "view_t": lambda i, q: z3.Or(z.view_t(i, q), z3.And(i == here, q == R)),
        }),
        release(w, z), return_(w, z),
    ]  # fmt: skip
    return [*found, block(w, z)] if w.rules.lock == "blocking" else found
