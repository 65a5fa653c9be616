"""The steps of a reply: the Python side of the program's actions in ``spec/Field.tla``.

Every action is a function over the state with the same visible phases: a guard, checked as named
conjuncts so that a refusal can say which of them fails, then the effect.  A refused action leaves
the state as it was.
"""

from __future__ import annotations

from itertools import pairwise

from leo_model.disciplines import Rules
from leo_model.errors import Refused
from leo_model.machine.dsg import read_edges, write_edges
from leo_model.machine.state import BLANK, NOBODY, Content, Reply, State, Store, Tables

PAPER_PROGRAM = ("recall", "observe", "generate", "snapshot")
LABEL = {"recall": "recall", "observe": "ingest", "generate": "generate", "snapshot": "snapshot"}

Guard = tuple[tuple[str, bool], ...]


class World:
    """The constants of a model: the discipline and who belongs to which instance."""

    def __init__(
        self,
        rules: Rules,
        instance_of: dict[str, str],
        *,
        turns: int | None = None,
        faults: frozenset[str] = frozenset(),
        program: tuple[str, ...] = PAPER_PROGRAM,
        asks: dict[str, str] | None = None,
    ) -> None:
        """``turns`` is the number of calls per session, None when it is not bounded; ``asks`` what
        a session calls, ``reply`` where it does not say.
        """
        self.asks = {} if asks is None else asks
        self.program = program
        self.entry = LABEL[program[0]]
        self.after = {step: LABEL[then] for step, then in pairwise(program)}
        self.after[program[-1]] = "commit" if rules.whole_reply else "release"
        self.rules = rules
        self.instance_of = instance_of
        self.turns = turns
        self.faults = faults

    def call_of(self, s: str) -> str:
        """What the session calls."""
        return self.asks.get(s, "reply")

    def observation(self, reply: Reply) -> Content:
        """The n-gram writes that make up the observation of a reply or call."""
        parts = self.rules.parts(self.call_of(reply[0]))
        if parts == 1:
            return frozenset({reply})
        return frozenset((*reply, k + 1) for k in range(parts))

    def in_stretch(self, z: State, s: str) -> bool:
        """No await lets another task run where the call of ``s`` is."""
        return z.pc[s] in self.rules.stretch(self.call_of(s))

    def may_run(self, z: State, s: str) -> bool:
        """The process is up, its event loop not blocked, nor busy with another call's stretch."""
        return self.alive(z, s) and not (
            self.rules.published
            and any(self.in_stretch(z, t) for t in self.peers(self.instance_of[s]) if t != s)
        )

    def precedes(self, one: str, other: str) -> bool:
        """``one`` comes before ``other`` in the program."""
        return self.program.index(one) < self.program.index(other)

    def peers(self, instance: str) -> list[str]:
        return [s for s, i in self.instance_of.items() if i == instance]

    def alive(self, z: State, s: str) -> bool:
        """The process is up and its event loop is not blocked."""
        instance = self.instance_of[s]
        return z.up[instance] and (
            self.rules.lock != "blocking" or all(z.pc[t] != "blocked" for t in self.peers(instance))
        )


def require(*guard: tuple[str, bool]) -> None:
    """Raise Refused with every conjunct when one of them is false."""
    if not all(holds for _, holds in guard):
        raise Refused(guard)


def at(w: World, z: State, s: str, label: str) -> Guard:
    return (
        (f"{s} is at {label}", z.pc[s] == label),
        ("its process is up and the event loop runs", w.may_run(z, s)),
    )


def before(z: State, s: str) -> tuple[str, ...]:
    """Who called before ``s`` and still waits."""
    return z.arrivals[: z.arrivals.index(s)] if s in z.arrivals else ()


def start(z: State, s: str) -> None:
    """The reply starts: everyone who called earlier and still waits has been overtaken."""
    z.overtaken = (z.overtaken | set(before(z, s))) - {s}
    z.arrivals = tuple(t for t in z.arrivals if t != s)


def call(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("refresh() takes no lock", w.call_of(s) != "refresh"),
        *at(w, z, s, "idle"),
        ("the session has calls left", w.turns is None or z.calls[s] < w.turns),
    )
    # EFFECT
    z.pc[s] = "called"
    z.calls[s] += 1
    z.arrivals = (*z.arrivals, s)


def lock_is_free(w: World, z: State, s: str) -> bool:
    return w.rules.lock == "none" or z.holder[w.instance_of[s]] == NOBODY


def is_my_turn(w: World, z: State, s: str) -> bool:
    """Nobody of this instance has called before ``s`` and still waits, if there is a queue."""
    instance = w.instance_of[s]
    return w.rules.lock != "fifo" or all(w.instance_of[t] != instance for t in before(z, s))


def acquire(w: World, z: State, s: str) -> None:
    """Take the lock, and go to the first step."""
    # GUARD
    instance = w.instance_of[s]
    require(
        *at(w, z, s, "called"),
        (f"the lock is free (held by {z.holder[instance]})", lock_is_free(w, z, s)),
        ("nobody called this instance earlier and still waits", is_my_turn(w, z, s)),
    )
    # EFFECT
    if w.call_of(s) == "observe":
        z.pc[s] = "statement"
    else:
        z.pc[s] = "begin" if w.rules.whole_reply else w.entry
    if w.rules.lock != "none":
        z.holder[instance] = s
    if w.rules.transaction != "immediate":
        start(z, s)


def block(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("the lock is a threading.Lock taken by a coroutine", w.rules.lock == "blocking"),
        *at(w, z, s, "called"),
        ("somebody holds the lock", z.holder[w.instance_of[s]] != NOBODY),
    )
    # EFFECT
    z.pc[s] = "blocked"


def view_is_current(z: State, instance: str) -> bool:
    return z.view[instance] == Tables(z.ngrams, z.ngrams)


def begin(w: World, z: State, s: str) -> None:
    # GUARD
    immediate = w.rules.transaction == "immediate"
    require(
        *at(w, z, s, "begin"),
        (f"SQLite's write lock is free ({z.writing})", not immediate or z.writing == NOBODY),
    )
    # EFFECT
    z.pc[s] = w.entry
    if immediate:
        z.writing = s
        start(z, s)
        if not view_is_current(z, w.instance_of[s]):
            z.pc[s] = "loadBigrams"


def recall(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "recall"))
    # EFFECT
    reply, snapshots = z.reply(s), z.snapshots
    z.pc[s] = w.after["recall"]
    z.local[s] = z.local[s]._replace(recalled=snapshots)
    z.readers = z.readers._replace(snapshots=z.readers.snapshots | {reply})
    z.dsg |= read_edges(reply, snapshots, snapshots)


def ingest(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("observe does not ask for the lock again", not w.rules.reentrant),
        *at(w, z, s, "ingest"),
    )
    # EFFECT
    if w.rules.whole_reply:
        z.pc[s] = w.after["observe"]
        return
    reply = z.reply(s)
    z.pc[s] = "loadBigrams"
    z.dsg |= write_edges(reply, z.ngrams, z.readers.ngrams)
    z.store = z.store._replace(ngrams=(*z.store.ngrams, reply))


def reenter(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("observe asks for the lock that its reply holds", w.rules.reentrant),
        *at(w, z, s, "ingest"),
    )
    # EFFECT
    z.pc[s] = "reenter"


def load_bigrams(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "loadBigrams"))
    # EFFECT
    z.pc[s] = "loadTrigrams"
    z.local[s] = z.local[s]._replace(bigrams=z.ngrams)


def load_trigrams(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "loadTrigrams"))
    # EFFECT
    z.pc[s] = "assign"
    z.local[s] = z.local[s]._replace(trigrams=z.ngrams)


def assign_view(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "assign"))
    # EFFECT
    loaded = z.local[s]
    z.pc[s] = w.entry if w.rules.whole_reply else w.after["observe"]
    z.view[w.instance_of[s]] = Tables(loaded.bigrams, loaded.trigrams)
    z.local[s] = loaded._replace(bigrams=BLANK.bigrams, trigrams=BLANK.trigrams)


def own(w: World, z: State, s: str) -> Content:
    """What a unit of work sees over the view: its own buffer."""
    sees = w.rules.whole_reply and w.precedes("observe", "generate")
    return frozenset({z.reply(s)} if sees else ())


def generate(w: World, z: State, s: str) -> None:
    # GUARD
    require(("the runtime is an event loop", not w.rules.threads), *at(w, z, s, "generate"))
    # EFFECT
    reply, view, buffer = z.reply(s), z.view[w.instance_of[s]], own(w, z, s)
    z.pc[s] = w.after["generate"]
    z.local[s] = z.local[s]._replace(
        sawBigrams=view.bigrams | buffer, sawTrigrams=view.trigrams | buffer
    )
    z.readers = z.readers._replace(ngrams=z.readers.ngrams | {reply})
    z.dsg |= read_edges(reply, view.bigrams, z.ngrams) | read_edges(reply, view.trigrams, z.ngrams)
    if w.rules.transaction == "checked" and any(
        z.pc[t] == "swap" for t in w.peers(w.instance_of[s])
    ):
        z.moved[s] = True


def generate_begin(w: World, z: State, s: str) -> None:
    # GUARD
    require(("the runtime has threads", w.rules.threads), *at(w, z, s, "generate"))
    # EFFECT
    reply, view = z.reply(s), z.view[w.instance_of[s]]
    z.pc[s] = "generateEnd"
    z.local[s] = z.local[s]._replace(sawBigrams=view.bigrams, sawTrigrams=view.trigrams)
    z.readers = z.readers._replace(ngrams=z.readers.ngrams | {reply})
    z.dsg |= read_edges(reply, view.bigrams, z.ngrams)


def generate_end(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "generateEnd"))
    # EFFECT
    view = z.view[w.instance_of[s]]
    z.pc[s] = w.after["generate"]
    z.local[s] = z.local[s]._replace(sawTrigrams=view.trigrams)
    z.dsg |= read_edges(z.reply(s), view.trigrams, z.ngrams)


def save_snapshot(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "snapshot"))
    # EFFECT
    if w.rules.whole_reply:
        z.pc[s] = w.after["snapshot"]
        return
    reply = z.reply(s)
    z.pc[s] = w.after["snapshot"]
    z.local[s] = z.local[s]._replace(saved=z.ngrams)
    z.dsg |= write_edges(reply, z.snapshots, z.readers.snapshots)
    z.store = z.store._replace(snapshots=(*z.store.snapshots, reply))


def has_snapshot(w: World, z: State, s: str) -> bool:
    """The reply's transaction relies on the store as it was when it first read."""
    held = {"ingest", "generate", "snapshot", "commit"}
    if w.rules.transaction == "checked":
        held |= {"recall"}
    return w.rules.transaction in {"deferred", "checked"} and z.pc[s] in held


def commit(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        *at(w, z, s, "commit"),
        ("the store has not moved since the reply's snapshot", not z.moved[s]),
    )
    # EFFECT
    reply = z.reply(s)
    z.dsg |= write_edges(reply, z.wrote, z.readers.ngrams | z.readers.snapshots)
    z.moved = {t: t != s and (moved or has_snapshot(w, z, t)) for t, moved in z.moved.items()}
    z.pc[s] = "swap"
    z.store = Store((*z.store.ngrams, reply), (*z.store.snapshots, reply))
    # A snapshot that was put into the buffer before anything was generated is one of nothing.
    saved = z.ngrams if w.precedes("generate", "snapshot") else frozenset[Reply]()
    z.local[s] = z.local[s]._replace(saved=saved)
    z.writing = NOBODY if z.writing == s else z.writing


def swap_view(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "swap"))
    # EFFECT
    instance, reply = w.instance_of[s], z.reply(s)
    z.pc[s] = "release"
    view = z.view[instance]
    z.view[instance] = Tables(view.bigrams | {reply}, view.trigrams | {reply})


def release(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "release"))
    # EFFECT
    z.pc[s] = "return"
    z.holder = {i: NOBODY if t == s else t for i, t in z.holder.items()}


def return_(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "return"))
    # EFFECT
    z.pc[s] = "idle"
    z.local[s] = BLANK
    if s not in z.left:
        z.returned |= {z.reply(s)}
    z.left -= {s}
