"""What may be forgotten: the Python side of ``spec/Forget.tla``.

A settled reply has ended, is in every copy of the memory (or, having written nothing, in none),
and only settled replies precede it in the serialization graph.  It can be on no future cycle, and
no property tells two states apart that differ only in settled replies.  Forgetting them is what
keeps the memory of the streaming checker constant for each reply that is still open.
"""

from __future__ import annotations

from leo_model.machine.dsg import upstream
from leo_model.machine.state import UNREAD, Content, Reply, State, Store, Tables


def settled(z: State) -> Content:
    """Return the replies of the state that may be forgotten."""
    whole = z.ngrams & z.snapshots
    wrote = z.wrote
    copies = [table for i, view in z.view.items() if z.up[i] for table in view]
    for held in z.local.values():
        copies += [table for table in (held.bigrams, held.trigrams) if table != UNREAD]
    candidates: set[Reply] = set()
    for reply in wrote | z.returned | z.readers.ngrams | z.readers.snapshots:
        if not z.ended(reply):
            continue
        if reply in whole:
            if all(reply in table for table in copies):
                candidates.add(reply)
        elif reply not in wrote and reply not in z.returned:
            candidates.add(reply)
    return frozenset(upstream(candidates, z.dsg))


def forget(z: State, gone: Content) -> None:
    """Take settled replies out of the state, counting their writes in ``base``."""
    if not gone:
        return
    writes = frozenset(write for write in z.store.ngrams if write[:2] in gone)
    z.base = z.base._replace(
        ngrams=z.base.ngrams + len(writes),
        snapshots=z.base.snapshots + len(gone & z.snapshots),
    )
    writes |= gone
    z.store = Store(*(tuple(r for r in writers if r not in writes) for writers in z.store))
    z.view = {i: Tables(*(table - writes for table in view)) for i, view in z.view.items()}
    z.local = {s: type(held)(*(c - writes for c in held)) for s, held in z.local.items()}
    z.returned -= gone
    z.readers = z.readers._replace(
        ngrams=z.readers.ngrams - gone, snapshots=z.readers.snapshots - gone
    )
    z.dsg = frozenset(e for e in z.dsg if e[0] not in gone and e[1] not in gone)
