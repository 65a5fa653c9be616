"""Dependencies between replies: the Python side of ``spec/Dsg.tla``.

Edges are pairs ``(from, to)`` of Adya's direct serialization graph (ww, wr, rw).  An n-gram write
is an increment, so a version contains every earlier write.  Edges from all earlier writers
therefore give the same cycles as edges from the last one.
"""

from __future__ import annotations

from collections.abc import Iterable

from leo_model.machine.state import Content, Edge, Replies, Reply, authors


def read_edges(reply: Reply, content: Content, written: Content) -> set[Edge]:
    """Edges of a read that finds ``content`` in an object which ``written`` wrote."""
    edges = {(writer, reply) for writer in authors(content) if writer != reply}
    edges.update((reply, writer) for writer in authors(written - content) if writer != reply)
    return edges


def write_edges(reply: Reply, written: Content, readers: Replies) -> set[Edge]:
    """Edges of a write to an object which ``written`` wrote and ``readers`` read before."""
    return {(other, reply) for other in authors(written) | readers if other != reply}


def upstream(nodes: Iterable[Reply], edges: Iterable[Edge]) -> set[Reply]:
    """Return the nodes all of whose predecessors, at any distance, are among the nodes."""
    keep = set(nodes)
    incoming = [edge for edge in edges if edge[1] in keep]
    while True:
        drop = {target for source, target in incoming if target in keep and source not in keep}
        if not drop:
            return keep
        keep -= drop


def find_cycle(edges: Iterable[Edge], nodes: Replies) -> tuple[Reply, ...]:
    """Return a shortest cycle as the replies on it, or ``()`` when the graph is acyclic."""
    following: dict[Reply, list[Reply]] = {node: [] for node in nodes}
    for source, target in sorted(edges):
        if source in following and target in following:
            following[source].append(target)
    best: tuple[Reply, ...] = ()
    for start in sorted(_on_cycles(following)):
        cycle = _shortest_back(start, following)
        if cycle and (not best or len(cycle) < len(best)):
            best = cycle
    return best


def _on_cycles(following: dict[Reply, list[Reply]]) -> set[Reply]:
    """Drop what has no predecessor, then again, until only cycles and what follows them is left."""
    counts = dict.fromkeys(following, 0)
    for targets in following.values():
        for target in targets:
            counts[target] += 1
    ready = [node for node, count in counts.items() if count == 0]
    while ready:
        for target in following[ready.pop()]:
            counts[target] -= 1
            if counts[target] == 0:
                ready.append(target)
    return {node for node, count in counts.items() if count > 0}


def _shortest_back(start: Reply, following: dict[Reply, list[Reply]]) -> tuple[Reply, ...]:
    paths: dict[Reply, tuple[Reply, ...]] = {start: (start,)}
    queue = [start]
    for node in queue:
        for target in following[node]:
            if target == start:
                return paths[node]
            if target not in paths:
                paths[target] = (*paths[node], target)
                queue.append(target)
    return ()
