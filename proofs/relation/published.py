"""The transition relation of ``spec/Published.tla`` in z3, without contents.

The relation has what the guards ask: labels, the lock and its queue, whether each table is loaded,
whether the transaction of the other connection is open, whether the use of what was recalled is
counted. So it decides who may run and who waits; what a reply reads is not in it. Calls, lock and
endings are those of ``proofs.relation.steps`` and ``proofs.relation.endings``.
"""

from __future__ import annotations

from collections.abc import Mapping

import z3

from leo_model.machine.published import AFTER_ASSIGN, AFTER_FAILURE, LOADING, RAISES
from proofs.relation.relation import (
    Action,
    R,
    S,
    World,
    act,
    goto,
    in_stretch,
    is_me,
    may_run,
    standing,
)  # fmt: skip
from proofs.relation.steps import acquire, call, is_new, numbered, release, return_
from proofs.relation.vocabulary import (
    LABELS,
    State,
    Symbol,
    Term,
    asks,
    at,
    in_flight,
    instance_of,
)  # fmt: skip


def follows(z: State, way: Mapping[str, str]) -> Symbol:
    """The session goes from where it stands to the label that follows."""
    there = z.pc(S)
    for label, then in way.items():
        there = z3.If(z.pc(S) == LABELS[label], LABELS[then], there)
    return goto(z, there)


def _if(condition: Term, label: str, other: str) -> Term:
    return z3.If(condition, LABELS[label], LABELS[other])


def _set(flag: Symbol) -> Symbol:
    return lambda t: z3.Or(flag(t), t == S)


def _cleared(z: State) -> dict[str, Symbol]:
    return {
        "has_b": lambda t: z3.And(z.has_b(t), t != S),
        "has_t": lambda t: z3.And(z.has_t(t), t != S),
    }


def program(w: World, z: State) -> list[Action]:
    """The steps of the program, and what it swallows by rule."""
    february, here = w.rules.program == "february", instance_of(S)
    closed = {"no open transaction": z3.Not(z.opened(here))}
    opened: Symbol = lambda i: z3.Or(z.opened(i), i == here)  # noqa: E731 - one of many
    shut: Symbol = lambda i: z3.And(z.opened(i), i != here)  # noqa: E731

    def step(name: str, labels: tuple[str, ...], effect: dict[str, Symbol], **more: Term) -> Action:
        return act(w, z, name, standing(w, z, *labels) | more, effect)

    refresh = {
        "asks for it": asks("refresh", S),
        "label": z.pc(S) == LABELS["idle"],
        **may_run(w, z),
        "new reply": is_new(z),
    }
    recalled = _if(asks("blank", S), "generate", "ingest" if february else "count")
    ingested = {"ingest": "generate" if february else "load", "ingestAgain": "loadAgain"}
    generated = _if(asks("reply", S), "snapshot", "release") if february else LABELS["release"]
    failed = {label: AFTER_FAILURE[label] for label in ("ingest", "snapshot")}
    stated = {"statement": "statementAgain", "statementAgain": "commit"}
    return [
        call(w, z),
        act(w, z, "Refresh", refresh, {"pc": goto(z, "reload"), **numbered(z)}),
        acquire(w, z),
        step("Recall", ("recall",), {"pc": goto(z, recalled)}),
        step("Count", ("count",), {"pc": goto(z, "ingest"), "counted": _set(z.counted)}),
        step("Ingest", tuple(ingested), {"pc": follows(z, ingested)}, **closed),
        step("Locked", tuple(failed), {"pc": follows(z, failed)}, opened=z.opened(here)),
        step("LoadBigrams", LOADING, {"has_b": _set(z.has_b)}, unread=z3.Not(z.has_b(S))),
        step("LoadTrigrams", LOADING, {"has_t": _set(z.has_t)}, unread=z3.Not(z.has_t(S))),
        step(
            "AssignView", LOADING, {"pc": follows(z, AFTER_ASSIGN), **_cleared(z)},
            loaded=z3.And(z.has_b(S), z.has_t(S)),
        ),
        step("Statement", tuple(stated), {"pc": follows(z, stated), "opened": opened}),
        step("CommitOpen", ("commit",), {"pc": goto(z, "refreshBigrams"), "opened": shut}),
        step("RefreshBigrams", ("refreshBigrams",), {"pc": goto(z, "refreshTrigrams")}),
        step("RefreshTrigrams", ("refreshTrigrams",), {"pc": goto(z, "release")}),
        step("Generate", ("generate",), {"pc": goto(z, generated)}),
        step(
            "SaveSnapshot", ("snapshot",),
            {"pc": goto(z, "release"), "counted": _set(z.counted)}, **closed,
        ),
        release(w, z),
        return_(w, z),
    ]  # fmt: skip


def after_write(z: State) -> Term:
    """The call's last action was a commit that the database has carried out."""
    return z3.Or(
        z3.And(z.pc(S) == LABELS["ingest"], z.counted(S)),
        z.pc(S) == LABELS["refreshBigrams"],
        z3.And(at(z, S, ("load", "loadAgain")), z3.Not(z.has_b(S)), z3.Not(z.has_t(S))),
    )


def strikes(w: World, z: State, ends: dict[str, Symbol]) -> list[Action]:
    """The faults from within; ``ends`` is the effect of the session's early end."""
    cancellable = {
        "in flight": in_flight(z, S), "not ended": z.pc(S) != LABELS["return"], **may_run(w, z),
        "at an await": z3.Not(in_stretch(w, z, S)), "reply": z.current(S, R),
    }  # fmt: skip
    swallowed = {"pc": follows(z, AFTER_FAILURE), **_cleared(z)}
    found = []
    for name, guard, effect in (
        ("Cancel", cancellable | {"nothing just written": z3.Not(after_write(z))}, ends),
        ("CancelApplied", cancellable | {"just written": after_write(z)}, ends),
        ("Raise", standing(w, z, *RAISES), ends),
        ("Swallow", standing(w, z, *AFTER_FAILURE), swallowed),
    ):
        if name.removesuffix("Applied") in w.faults:
            gone = is_me if effect is ends else None
            found.append(act(w, z, name, guard, effect, "End" if gone else "stutter", gone))
    return found
