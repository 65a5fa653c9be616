"""The versions that a line must carry: the Python side of ``ExpectedVersions``.

They are told from the state before the step, so that a line with other versions can be explained by
that state; the specification tells them from the state after it.
"""

from __future__ import annotations

from collections.abc import Callable

from leo_model.machine.state import State
from leo_model.machine.steps import World
from leo_model.traces.events import Line


def _snapshots(w: World, z: State, s: str) -> tuple[int, ...]:
    return (z.base.snapshots + len(z.store.snapshots),)


def _ngrams(w: World, z: State, s: str) -> tuple[int, ...]:
    return (z.base.ngrams + len(z.store.ngrams),)


def _next_ngrams(w: World, z: State, s: str) -> tuple[int, ...]:
    return () if w.rules.whole_reply else (z.base.ngrams + len(z.store.ngrams) + 1,)


def _next_snapshots(w: World, z: State, s: str) -> tuple[int, ...]:
    return () if w.rules.whole_reply else (z.base.snapshots + len(z.store.snapshots) + 1,)


def _next_both(w: World, z: State, s: str) -> tuple[int, ...]:
    ngrams, snapshots = z.base
    return (ngrams + len(z.store.ngrams) + 1, snapshots + len(z.store.snapshots) + 1)


def _view(w: World, z: State, s: str) -> tuple[int, ...]:
    bigrams, trigrams = z.view[w.instance_of[s]]
    return (z.base.ngrams + len(bigrams), z.base.ngrams + len(trigrams))


def _loaded(w: World, z: State, s: str) -> tuple[int, ...]:
    held = z.local[s]
    return (z.base.ngrams + len(held.bigrams), z.base.ngrams + len(held.trigrams))


def _swapped(w: World, z: State, s: str) -> tuple[int, ...]:
    reply = z.reply(s)
    view = z.view[w.instance_of[s]]
    return tuple(z.base.ngrams + len(table) + (reply not in table) for table in view)


def _published(w: World, z: State, s: str) -> tuple[int, ...]:
    """The version of the n-grams after the open transaction was committed."""
    return (z.base.ngrams + len(z.store.ngrams) + len(z.open.writes),)


_EXPECTED: dict[str, Callable[[World, State, str], tuple[int, ...]]] = {
    "Recall": _snapshots,
    "Ingest": _next_ngrams,
    "LoadBigrams": _ngrams,
    "LoadTrigrams": _ngrams,
    "AssignView": _loaded,
    "Generate": _view,
    "GenerateBegin": _view,
    "GenerateEnd": _view,
    "SaveSnapshot": _next_snapshots,
    "Commit": _next_both,
    "SwapView": _swapped,
    "Count": _next_snapshots,
    "CommitOpen": _published,
    "RefreshBigrams": _ngrams,
    "RefreshTrigrams": _ngrams,
}


def expected_versions(world: World, z: State, line: Line) -> tuple[int, ...]:
    """Return the versions that the line must carry, in the order of ``Carries.order``.

    Only meant for an action that is enabled in ``z``; for another one the answer says nothing.
    """
    tell = _EXPECTED.get(line.event.action)
    return () if tell is None else tell(world, z, line.actor)
