"""What the check of a trace may forget: the Python side of ``Absorbed`` in TraceField.tla.

A bounded search may only forget what no property can miss (``model.forget``).  The check of a trace
keeps a list of what fell, so it may also forget a reply that broke a property when it ended: a
reply that was cancelled half-way would otherwise be remembered for ever, and with it every later
one.

A reply is *absorbed* when it has ended and every copy that anybody holds of an object that it wrote
contains it.  Taking an absorbed reply out of all of them at once changes no comparison of copies.
It may be on a cycle only if something precedes it, so absorbed replies with nothing else upstream
are forgotten.  The others, if they are on a cycle together, are merged into one.
"""

from __future__ import annotations

from collections import defaultdict

from model.dsg import upstream
from model.forget import forget
from model.state import UNREAD, Content, Edge, Reply, State


def tidy(z: State, cyclic: set[Reply]) -> None:
    """Forget what can be forgotten, in place; ``cyclic`` are the replies known to be on a cycle."""
    absorbed = get_absorbed(z)
    gone = frozenset(upstream(absorbed, z.dsg))
    forget(z, gone)
    cyclic -= gone
    if cyclic:
        _merge(z, cyclic, absorbed - gone)


def get_absorbed(z: State) -> Content:
    """Return the replies that have ended and are in every copy of what they wrote."""
    ngrams, snapshots = z.ngrams, z.snapshots
    views = [table for i, view in z.view.items() if z.up[i] for table in view]
    recalled = []
    for held in z.local.values():
        if held.recalled != UNREAD:
            recalled.append(held.recalled)
        views += [copy for copy in held[1:] if copy != UNREAD]
    found = set()
    for reply in z.wrote | z.returned | z.readers.ngrams | z.readers.snapshots:
        whole = reply in ngrams and reply in snapshots
        if (
            z.ended(reply)
            # Returned without its writes: that breaks Durable, and stays for all to see.
            and (whole or reply not in z.returned)
            and (reply not in ngrams or all(reply in copy for copy in views))
            and (reply not in snapshots or all(reply in copy for copy in recalled))
        ):
            found.add(reply)
    # A view is compared with the store's first writes: only the first ones may go.
    for place, reply in enumerate(z.store.ngrams):
        if reply not in found:
            found.difference_update(z.store.ngrams[place:])
            break
    return frozenset(found)


def component(z: State, reply: Reply, wrote: Content) -> set[Reply]:
    """Return the replies on a cycle with ``reply``, itself among them; empty when it is on none."""
    after: dict[Reply, list[Reply]] = defaultdict(list)
    before: dict[Reply, list[Reply]] = defaultdict(list)
    for source, target in z.dsg:
        if source in wrote and target in wrote:
            after[source].append(target)
            before[target].append(source)
    if reply not in after or reply not in before:
        return set()
    return _reach(reply, after) & _reach(reply, before)


def _reach(start: Reply, following: dict[Reply, list[Reply]]) -> set[Reply]:
    found: set[Reply] = set()
    open_ = [start]
    while open_:
        for node in following.get(open_.pop(), ()):
            if node not in found:
                found.add(node)
                open_.append(node)
    return found


def _merge(z: State, cyclic: set[Reply], absorbed: Content) -> None:
    """Let one absorbed reply of each cycle stand for the others on it.

    Nothing new can precede an absorbed reply, and all of one cycle have the same replies upstream
    and downstream: later cycles through any of them are later cycles through the one that stays.
    """
    wrote = z.wrote
    left = {reply for reply in cyclic & absorbed if reply in wrote}
    while left:
        reply = min(left)
        group = component(z, reply, wrote) & left | {reply}
        left -= group
        # The one that stays must have written what any of them wrote.
        stays = max(group, key=lambda r: (r in z.snapshots, r in z.ngrams, r))
        gone = frozenset(group - {stays})
        edges: set[Edge] = set()
        for source, target in z.dsg:
            edge = (stays if source in gone else source, stays if target in gone else target)
            if edge[0] != edge[1]:
                edges.add(edge)
        readers = z.readers
        z.dsg = frozenset(edges)
        z.readers = readers._replace(
            ngrams=readers.ngrams | ({stays} if gone & readers.ngrams else frozenset()),
            snapshots=readers.snapshots | ({stays} if gone & readers.snapshots else frozenset()),
        )
        forget(z, gone)
        cyclic -= gone
