"""The properties: the Python side of ``spec/Properties.tla``.

A safety property is a function from a state to a witness: None when it holds, otherwise a sentence
that names the replies and versions that break it.  ``Refines`` is checked on a transition, because
it says which steps are allowed; ``DeadlockFree`` needs the whole graph and ``Answered`` fairness,
so those two are decided by TLC alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from leo_model.machine.dsg import find_cycle
from leo_model.machine.state import EMPTY, UNREAD, Content, Replies, Reply, State, Write, authors
from leo_model.machine.steps import World, view_is_current

Witness = str | None
Property = Callable[[World, State], Witness]

OUTSIDE = frozenset({"idle", "called", "blocked", "reload", "return"})
# A reply that begins with SQLite's write lock is inside from Begin to Commit.
OUTSIDE_IMMEDIATE = OUTSIDE | {"begin", "swap", "release"}


def name(write: Write) -> str:
    """Write a reply as the traces do: session, dot, number; and the part of a write, if any."""
    session, number, *parts = write
    text = f"{session}.{number}"
    return text if not parts else text + "".join(f"/{part}" for part in parts)


def names(content: Content) -> str:
    """Write a content as the set of the replies in it."""
    if content == UNREAD:
        return "nothing read"
    return "{" + ", ".join(name(reply) for reply in sorted(content)) + "}"


def inside(w: World, z: State, s: str) -> bool:
    """The reply of ``s`` is inside its program."""
    immediate = w.rules.transaction == "immediate"
    return z.pc[s] not in (OUTSIDE_IMMEDIATE if immediate else OUTSIDE)


def mutual_exclusion(w: World, z: State) -> Witness:
    busy = [s for s in z.pc if inside(w, z, s)]
    if len(busy) < 2:
        return None
    return "inside their program at once: " + ", ".join(name(z.reply(s)) for s in busy)


def only_read(w: World, z: State) -> Replies:
    """The replies that have read and have nothing to write."""
    if not w.rules.published:
        return frozenset()
    return frozenset(r for r in z.readers.ngrams if w.call_of(r[0]) == "blank")


def serializable(w: World, z: State) -> Witness:
    cycle = find_cycle(z.dsg, z.wrote | only_read(w, z))
    if not cycle:
        return None
    return "dependency cycle " + " -> ".join(name(reply) for reply in (*cycle, cycle[0]))


def stable_read(w: World, z: State) -> Witness:
    for s, label in z.pc.items():
        view, seen = z.view[w.instance_of[s]], z.local[s]
        if label == "generateEnd" and view != (seen.sawBigrams, seen.sawTrigrams):
            return (
                f"{name(z.reply(s))} began to generate from bigrams {names(seen.sawBigrams)} and "
                f"trigrams {names(seen.sawTrigrams)}, and the view is now "
                f"{names(view.bigrams)}, {names(view.trigrams)}"
            )
    return None


def has_generated(z: State, s: str) -> bool:
    return z.local[s].sawBigrams != UNREAD and z.pc[s] != "generateEnd"


def view_not_torn(w: World, z: State) -> Witness:
    for s in z.pc:
        seen = z.local[s]
        if has_generated(z, s) and seen.sawBigrams != seen.sawTrigrams:
            return (
                f"{name(z.reply(s))} generated from bigrams with the observations of "
                f"{names(seen.sawBigrams)} and trigrams with those of {names(seen.sawTrigrams)}"
            )
    return None


def reads_own_observation(w: World, z: State) -> Witness:
    for s in z.pc:
        seen, reply = z.local[s], z.reply(s)
        if has_generated(z, s) and not w.observation(reply) <= seen.sawBigrams & seen.sawTrigrams:
            return (
                f"{name(reply)} generated from a view without its own observation: "
                f"bigrams {names(seen.sawBigrams)}, trigrams {names(seen.sawTrigrams)}"
            )
    return None


def snapshot_provenance(w: World, z: State) -> Witness:
    for s in z.pc:
        seen = z.local[s]
        if seen.saved != UNREAD and not seen.saved == seen.sawBigrams == seen.sawTrigrams:
            return (
                f"{name(z.reply(s))} generated from {names(seen.sawBigrams)} and its snapshot was "
                f"saved into a field of {names(seen.saved)}"
            )
    return None


def is_stored(w: World, z: State, reply: Reply) -> bool:
    """All writes of the reply are in the store."""
    answers = w.call_of(reply[0]) == "reply"
    return w.observation(reply) <= z.ngrams and (reply in z.snapshots or not answers)


def all_or_nothing(w: World, z: State) -> Witness:
    for reply in sorted(z.wrote if w.rules.published else z.ngrams ^ z.snapshots):
        if z.ended(reply) and not is_stored(w, z, reply):
            stored, observation = z.ngrams & w.observation(reply), w.observation(reply)
            return f"{name(reply)} has ended with " + _halves(
                stored == observation, bool(stored), reply in z.snapshots
            )
    return None


def _halves(whole: bool, part: bool, snapshot: bool) -> str:
    """Say which of a reply's writes are in the store, of one that has some and not all."""
    if whole:
        return "its observation in the store and without its snapshot"
    if not part:
        return "its snapshot in the store and without its observation"
    return f"a part of its observation in the store{' and its snapshot' if snapshot else ''}"


def durable(w: World, z: State) -> Witness:
    for reply in sorted(z.returned):
        if not is_stored(w, z, reply):
            return f"{name(reply)} returned and not all of its writes are in the store"
    return None


def view_agrees_with_store(w: World, z: State) -> Witness:
    for instance, is_up in z.up.items():
        if not is_up or any(z.in_flight(s) for s in w.peers(instance)):
            continue
        view = z.view[instance]
        if len(z.up) == 1:
            agrees = view_is_current(z, instance)
        else:
            prefix = frozenset(z.store.ngrams[: len(view.bigrams)])
            agrees = view.bigrams == view.trigrams == prefix
        if not agrees:
            two, three, stored = (
                f"v{z.base.ngrams + len(content)} {names(content)}"
                for content in (view.bigrams, view.trigrams, z.ngrams)
            )
            return (
                f"no reply is in flight at {instance}; its view has bigrams {two} and trigrams "
                f"{three}, the store {stored}"
            )
    return None


def no_overtaking(w: World, z: State) -> Witness:
    return f"overtaken: {', '.join(sorted(z.overtaken))}" if z.overtaken else None


SAFETY: dict[str, Property] = {
    "MutualExclusion": mutual_exclusion,
    "Serializable": serializable,
    "StableRead": stable_read,
    "ViewNotTorn": view_not_torn,
    "ReadsOwnObservation": reads_own_observation,
    "SnapshotProvenance": snapshot_provenance,
    "AllOrNothing": all_or_nothing,
    "Durable": durable,
    "ViewAgreesWithStore": view_agrees_with_store,
    "NoOvertaking": no_overtaking,
}


class About(NamedTuple):
    """A property for readers: a short name, what the field calls it, and one line of meaning."""

    short: str
    standard: str
    meaning: str


# Every property, in the order of the tables.
PROPERTIES: dict[str, About] = {
    "MutualExclusion": About(
        "Mut",
        "mutual exclusion",
        "at most one reply is inside its program (D12: from Begin to Commit)",
    ),
    "Serializable": About(
        "Ser", "serializable", "some serial order explains every read and every write"
    ),
    "StableRead": About(
        "Sta", "repeatable read", "what generate reads does not change while it reads"
    ),
    "ViewNotTorn": About(
        "Tor", "no fractured read", "no reply generates from tables of two different versions"
    ),
    "ReadsOwnObservation": About(
        "Own", "read your writes", "a reply generates from a field that has its own observation"
    ),
    "SnapshotProvenance": About(
        "Pro", "no lost update", "a snapshot is saved into the version that generated it"
    ),
    "AllOrNothing": About(
        "AoN", "atomicity", "a reply that ended has all of its writes in the store, or none"
    ),
    "Durable": About(
        "Dur",
        "durability",
        "a reply that returned has all of its writes in the store, crash or not",
    ),
    "ViewAgreesWithStore": About(
        "Vie",
        "cache coherence",
        "when no reply is in flight, the view equals the store (D10 to D12: some version it had)",
    ),
    "DeadlockFree": About(
        "Dea", "deadlock freedom", "somebody can always go on until everybody is done"
    ),
    "Answered": About("Ans", "starvation freedom", "every call ends"),
    "NoOvertaking": About(
        "NoO", "first come first served", "replies run in the order of their calls"
    ),
    "Refines": About(
        "Ref", "linearizable", "the execution looks as if a whole reply were one step"
    ),
}


def no_double_delta(w: World, z: State) -> Witness:
    for s, label in z.pc.items():
        view, reply = z.view[w.instance_of[s]], z.reply(s)
        if label == "swap" and reply in view.bigrams | view.trigrams:
            return f"{name(reply)} is about to add its delta to a view that has it already"
    return None


def loop_runs(w: World, z: State) -> Witness:
    stopped = [name(z.reply(s)) for s, label in z.pc.items() if label == "blocked"]
    return f"{stopped[0]} has stopped the event loop" if stopped else None


# Properties of a few disciplines, without a column in the table. AloneReturns (without others and
# without faults a reply returns) is a property of behaviours, so only TLC decides it.
MORE: dict[str, Property | None] = {
    "NoDoubleDelta": no_double_delta,
    "LoopRuns": loop_runs,
    "AloneReturns": None,
}


class Atomic(NamedTuple):
    """A state of ``AtomicReply``: what the refinement mapping makes of a state."""

    phase: dict[str, str]
    memory: tuple[Content, Content]
    answer: dict[str, tuple[Content, Content, Content]]
    returned: Content


NO_ANSWER = (EMPTY, EMPTY, EMPTY)


def has_taken_effect(w: World, z: State, s: str) -> bool:
    """The call in flight has done all that others can see of it."""
    # Most sessions of a long run are between two calls, or wait: they cost no more than this.
    if z.pc[s] in {"idle", "called"}:
        return False
    reply, call = z.reply(s), w.call_of(s)
    if call == "refresh":
        return False
    if call == "observe":
        return w.observation(reply) <= z.ngrams
    return has_generated(z, s) and (call == "blank" or reply in z.snapshots)


def refinement_mapping(w: World, z: State) -> Atomic:
    """The refinement mapping: hide the writes of replies that are still half-way."""
    phase, answer = {}, dict.fromkeys(z.pc, NO_ANSWER)
    in_effect = {s for s in z.pc if has_taken_effect(w, z, s)}
    half_way = frozenset(r for r in z.wrote if not z.ended(r) and r[0] not in in_effect)
    for s, label in z.pc.items():
        phase[s] = "done" if s in in_effect else "called" if label != "idle" else "idle"
    for s in in_effect:
        seen = z.local[s]
        if w.call_of(s) != "observe":
            answer[s] = (seen.recalled, authors(seen.sawBigrams), authors(seen.sawTrigrams))
    returned = frozenset(r for r in z.returned if w.call_of(r[0]) != "refresh")
    return Atomic(phase, (authors(z.ngrams) - half_way, z.snapshots - half_way), answer, returned)


def refines(w: World, before: State, after: State) -> Witness:
    """Tell why a transition is no step of ``AtomicReply``; None when it is one."""
    old, new = refinement_mapping(w, before), refinement_mapping(w, after)
    done = [s for s in new.phase if new.phase[s] == "done" and old.phase[s] != "done"]
    ngrams, snapshots = old.memory
    if done:
        (s,) = done
        reply, call = after.reply(s), w.call_of(s)
        own = frozenset({reply})
        whole = ngrams if call == "blank" else ngrams | own
        saved = snapshots | own if call == "reply" else snapshots
        if new.memory != (whole, saved) or old.phase[s] != "called":
            return f"{name(reply)} took effect together with something else"
        if call != "observe" and new.answer[s] != (snapshots, whole, whole):
            recalled, bigrams, trigrams = new.answer[s]
            return (
                f"{name(reply)} took effect on a field of {names(ngrams)} with snapshots "
                f"{names(snapshots)}, and answered from bigrams {names(bigrams)}, trigrams "
                f"{names(trigrams)} and snapshots {names(recalled)}"
            )
        return None
    if new.memory != old.memory:
        changed = (new.memory[0] ^ ngrams) | (new.memory[1] ^ snapshots)
        return f"the memory changed by a part of {names(changed)}"
    for s in new.phase:
        if old.phase[s] == new.phase[s] == "done" and old.answer[s] != new.answer[s]:
            return f"the answer of {name(after.reply(s))} changed after it had taken effect"
    for reply in new.returned - old.returned:
        if old.phase[reply[0]] != "done":
            return f"{name(reply)} returned and had not taken effect"
    return None
