"""The refinement: every action of the relation is a step of ``spec/AtomicReply.tla``, or nothing.

The mapping is the spec's (``Properties!Atomic``): hide the writes of replies that are half-way. A
reply "has taken effect" when it is in flight and in ``snapshots``; that this is the same as
standing at one of the last labels (``done_labels``) is an obligation of its own, so that the
mapping itself has no existential ("the session has a reply that ...") in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import z3

from proofs.invariants.invariants import done_labels
from proofs.relation.relation import Action, R, S, World
from proofs.relation.vocabulary import State, Symbol, Term, at, every, in_flight, is_over


@dataclass(frozen=True)
class Atomic:
    """A state of ``AtomicReply``, seen through the mapping."""

    idle: Callable[[Term], Term]
    done: Callable[[Term], Term]
    current: Symbol
    ngrams: Callable[[Term], Term]
    snapshots: Callable[[Term], Term]
    answers: tuple[Symbol, Symbol, Symbol]
    returned: Callable[[Term], Term]

    def called(self, s: Term) -> Term:
        return z3.And(z3.Not(self.idle(s)), z3.Not(self.done(s)))


def mapped(w: World, z: State) -> Atomic:
    """The refinement mapping: it hides the writes of every reply that is half-way."""

    def done(s: Term) -> Term:
        return at(z, s, done_labels(w))

    def answer(register: Symbol) -> Symbol:
        return lambda s, q: z3.And(done(s), register(s, q))

    def visible(q: Term) -> Term:
        half_way = z3.And(z3.Not(is_over(z, q)), z3.Not(z.snapshots(q)))
        return z3.And(z.ngrams(q), z3.Not(half_way))

    return Atomic(
        idle=lambda s: z3.Not(in_flight(z, s)),
        done=done,
        current=z.current,
        ngrams=visible,
        snapshots=z.snapshots,
        answers=(answer(z.recalled), answer(z.saw_b), answer(z.saw_t)),
        returned=z.returned,
    )


def mapping_is_the_specs(w: World, z: State) -> Term:
    """``HasTakenEffect(s)`` is "s stands at a label after its last write"."""
    return every("s r", lambda s, r: z3.Implies(
        z3.And(z.current(s, r), in_flight(z, s)), z.snapshots(r) == at(z, s, done_labels(w))
    ))  # fmt: skip


def _kept(old: Atomic, new: Atomic, but: Callable[[Term], Term] | None = None) -> list[Term]:
    """Phases, numbers and answers stay, but for the sessions named."""

    def stays(s: Term, q: Term) -> Term:
        same = z3.And(
            old.idle(s) == new.idle(s),
            old.done(s) == new.done(s),
            *(a(s, q) == b(s, q) for a, b in zip(old.answers, new.answers, strict=True)),
        )
        return z3.Implies(z3.Not(but(s)), same) if but else same

    return [every("s q", stays)]


def _memory_kept(old: Atomic, new: Atomic) -> Term:
    return every("q", lambda q: z3.And(
        old.ngrams(q) == new.ngrams(q), old.snapshots(q) == new.snapshots(q)
    ))  # fmt: skip


def _nobody_returns(old: Atomic, new: Atomic) -> Term:
    return every("q", lambda q: old.returned(q) == new.returned(q))


def _numbers_kept(old: Atomic, new: Atomic) -> Term:
    return every("s q", lambda s, q: old.current(s, q) == new.current(s, q))


def _stutter(old: Atomic, new: Atomic) -> list[Term]:
    return [
        *_kept(old, new), _memory_kept(old, new), _numbers_kept(old, new), _nobody_returns(old, new)
    ]  # fmt: skip


def _call(old: Atomic, new: Atomic) -> list[Term]:
    return [
        old.idle(S),
        new.called(S),
        *_kept(old, new, lambda s: s == S),
        every("q", lambda q: z3.And(*(z3.Not(a(S, q)) for a in new.answers))),
        _memory_kept(old, new),
        _nobody_returns(old, new),
        every("s q", lambda s, q: z3.If(
            s == S, new.current(s, q) == (q == R), new.current(s, q) == old.current(s, q)
        )),
    ]  # fmt: skip


def _do(old: Atomic, new: Atomic) -> list[Term]:
    """The whole reply, at one moment, from the memory of that moment."""

    def memory(q: Term) -> Term:
        return z3.And(
            new.ngrams(q) == z3.Or(old.ngrams(q), q == R),
            new.snapshots(q) == z3.Or(old.snapshots(q), q == R),
        )

    def answered(q: Term) -> Term:
        recalled, bigrams, trigrams = new.answers
        whole = z3.Or(old.ngrams(q), q == R)
        return z3.And(
            recalled(S, q) == old.snapshots(q), bigrams(S, q) == whole, trigrams(S, q) == whole
        )

    return [
        old.called(S),
        new.done(S),
        *_kept(old, new, lambda s: s == S),
        every("q", memory),
        every("q", answered),
        _numbers_kept(old, new),
        _nobody_returns(old, new),
    ]


def _end(old: Atomic, new: Atomic, gone: Callable[[Term], Term]) -> list[Term]:
    """A reply that is gone was in flight and is idle; when none is gone this is stuttering."""
    return [
        every("s q", lambda s, q: z3.Implies(gone(s), z3.And(
            z3.Not(old.idle(s)), new.idle(s), *(z3.Not(a(s, q)) for a in new.answers)
        ))),
        *_kept(old, new, gone),
        _memory_kept(old, new),
        _numbers_kept(old, new),
    ]  # fmt: skip


def _return(old: Atomic, new: Atomic) -> list[Term]:
    """The caller is told of a reply that has been done; of the actor's, nobody who has left."""
    return [
        every("q", lambda q: z3.Implies(
            old.returned(q) != new.returned(q),
            z3.And(q == R, new.returned(q), old.done(S)),
        )),
        *_end(old, new, lambda s: s == S),
    ]  # fmt: skip


def simulates(w: World, z: State, action: Action) -> Term:
    """What the action has to be, seen through the mapping."""
    old, new = mapped(w, z), mapped(w, action.after)
    match action.atomic:
        case "Call":
            steps = _call(old, new)
        case "Do":
            steps = _do(old, new)
        case "End":
            assert action.gone is not None, "an End says who ends"
            steps = [*_end(old, new, action.gone), _nobody_returns(old, new)]
        case "Return":
            steps = _return(old, new)
        case _:
            steps = _stutter(old, new)
    return z3.And(*steps)


def atomic_initially(w: World, z: State) -> Term:
    """``AtomicReply!Init`` through the mapping."""
    seen = mapped(w, z)
    return z3.And(
        every("s q", lambda s, q: z3.And(
            seen.idle(s), z3.Not(seen.current(s, q)), *(z3.Not(a(s, q)) for a in seen.answers)
        )),
        every("q", lambda q: z3.Not(z3.Or(seen.ngrams(q), seen.snapshots(q), seen.returned(q)))),
    )  # fmt: skip
