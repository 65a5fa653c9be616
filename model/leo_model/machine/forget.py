"""Which replies the check of a trace may forget: the Python side of ``Forgettable`` in
``spec/Tracing.tla``.

A bounded search may forget a reply only if no property can tell (``spec/Forget.tla``).  The check
of a trace keeps a list of the properties that fell, so it may also forget a reply that broke one
when it ended.  Otherwise a reply that was cancelled half-way would be kept for ever, and every
later one too. Forgetting bounds the memory of the streaming checker by the number of open replies.

A reply is *absorbed* when it has ended and every copy of each object that it wrote contains it.
Removing it from all copies at once changes no comparison of copies.  It can be on a cycle only if
something precedes it, so absorbed replies with nothing else upstream are forgotten.  Others that
are on a common cycle are merged into one.
"""

from __future__ import annotations

from collections import defaultdict

from leo_model.machine.dsg import upstream
from leo_model.machine.properties import is_stored
from leo_model.machine.state import (
    BLANK,
    UNREAD,
    Content,
    Edge,
    Local,
    Reply,
    State,
    Store,
    Tables,
    Write,
    authors,
)
from leo_model.machine.steps import World

NOTHING: Content = frozenset()


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
    z.local = {
        s: held if held is BLANK else Local(*(content - writes for content in held))
        for s, held in z.local.items()
    }
    z.returned -= gone
    z.readers = z.readers._replace(
        ngrams=z.readers.ngrams - gone, snapshots=z.readers.snapshots - gone
    )
    z.dsg = frozenset(e for e in z.dsg if e[0] not in gone and e[1] not in gone)


def tidy(w: World, z: State, cyclic: set[Reply], links: Links) -> set[Reply]:
    """Forget what can be forgotten, in place; ``cyclic`` are the replies known to be on a cycle,
    and ``links`` are brought up to the state's edges where that is needed.

    Returns the replies that stand for others from now on.
    """
    absorbed = get_absorbed(w, z)
    gone = frozenset(upstream(absorbed, z.dsg))
    forget(z, gone)
    cyclic -= gone
    return _merge(z, cyclic, absorbed - gone, links) if cyclic else set()


def get_absorbed(w: World, z: State) -> Content:
    """Return the replies that have ended and are in every copy of what they wrote."""
    snapshots = z.snapshots
    views = [table for i, view in z.view.items() if z.up[i] for table in view]
    recalled = []
    for held in z.local.values():
        if held.recalled != UNREAD:
            recalled.append(held.recalled)
        views += [copy for copy in held[1:] if copy != UNREAD]
    found = set()
    writes: dict[Reply, set[Write]] = defaultdict(set)
    for write in z.store.ngrams:
        writes[write[:2]].add(write)
    # A fragment that is not committed yet will be.
    pending = authors(z.open.writes)
    for reply in z.wrote | z.returned | z.readers.ngrams | z.readers.snapshots:
        own = writes.get(reply, NOTHING)
        if (
            z.ended(reply)
            and reply not in pending
            # Returned without its writes: that breaks Durable, and stays for all to see.
            and (reply not in z.returned or is_stored(w, z, reply))
            and all(own <= copy for copy in views)
            and (reply not in snapshots or all(reply in copy for copy in recalled))
        ):
            found.add(reply)
    # A view is compared with the store's first writes: only the first ones may go.
    for place, write in enumerate(z.store.ngrams):
        if write[:2] not in found:
            found.difference_update(authors(z.store.ngrams[place:]))
            break
    return frozenset(found)


class Links:
    """The edges of a serialization graph by their ends, kept up to date with little work."""

    def __init__(self) -> None:
        self._known: frozenset[Edge] = frozenset()
        self._after: dict[Reply, set[Reply]] = defaultdict(set)
        self._before: dict[Reply, set[Reply]] = defaultdict(set)

    def update(self, edges: frozenset[Edge]) -> None:
        """Make these the edges."""
        for source, target in self._known - edges:
            self._after[source].discard(target)
            self._before[target].discard(source)
            for ends, end in ((self._after, source), (self._before, target)):
                if not ends[end]:
                    del ends[end]
        for source, target in edges - self._known:
            self._after[source].add(target)
            self._before[target].add(source)
        self._known = edges

    def touching(self, nodes: Content) -> set[Edge]:
        """Return the edges from or to one of the nodes."""
        found = {(node, target) for node in nodes for target in self._after.get(node, ())}
        return found | {(source, node) for node in nodes for source in self._before.get(node, ())}

    def component(self, reply: Reply, wrote: Content) -> set[Reply]:
        """Return the replies that wrote and are on a cycle with ``reply``, itself among them; empty
        when it is on none.
        """
        if reply not in self._after or reply not in self._before:
            return set()
        found = _reach(reply, self._after, wrote) & _reach(reply, self._before, wrote)
        return found if len(found) > 1 else set()


def _reach(reply: Reply, following: dict[Reply, set[Reply]], wrote: Content) -> set[Reply]:
    """Return a reply and what follows it at any distance, by way of replies that wrote."""
    found: set[Reply] = set()
    open_ = {reply}
    while open_:
        found |= open_
        nexts = set[Reply]().union(*(following.get(node, ()) for node in open_))
        open_ = (nexts & wrote) - found
    return found


def _merge(z: State, cyclic: set[Reply], absorbed: Content, links: Links) -> set[Reply]:
    """Let one absorbed reply of each cycle stand for the others on it.

    Nothing new can precede an absorbed reply, and all of one cycle have the same replies upstream
    and downstream: later cycles through any of them are later cycles through the one that stays.
    """
    wrote = z.wrote
    left = {reply for reply in cyclic & absorbed if reply in wrote}
    standing: set[Reply] = set()
    while left:
        reply = min(left)
        links.update(z.dsg)
        group = links.component(reply, wrote) & left | {reply}
        left -= group
        # The one that stays must have written what any of them wrote.
        stays = max(group, key=lambda r: (r in z.snapshots, r in z.ngrams, r))
        gone = frozenset(group - {stays})
        if not gone:
            continue
        standing.add(stays)
        theirs = links.touching(gone)
        renamed = {(stays if a in gone else a, stays if b in gone else b) for a, b in theirs}
        readers = z.readers
        z.dsg = (z.dsg - theirs) | (renamed - {(stays, stays)})
        z.readers = readers._replace(
            ngrams=readers.ngrams | ({stays} if gone & readers.ngrams else frozenset()),
            snapshots=readers.snapshots | ({stays} if gone & readers.snapshots else frozenset()),
        )
        forget(z, gone)
        cyclic -= gone
    return standing
