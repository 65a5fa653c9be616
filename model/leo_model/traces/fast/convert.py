"""Converts the full state into the fast path's state in numbers (``take``), and back (``give``).

Call them when a reply has just ended and the full checker has forgotten what it may.  ``give``
makes the state that the full checker would have reached by itself: the same replies under the same
names, the same edges.  A test compares them field for field.
"""

from __future__ import annotations

from collections import deque

from leo_model.disciplines import Rules
from leo_model.machine.state import (
    BLANK,
    NOBODY,
    UNREAD,
    Base,
    Content,
    Edge,
    Local,
    Objects,
    Reply,
    State,
    Store,
    Tables,
)
from leo_model.machine.steps import PAPER_PROGRAM
from leo_model.traces.fast.state import STEP_LABELS, UNIT_LABELS, Books, Run
from leo_model.traces.fast.steps import KNOWN
from leo_model.traces.native import CONCERNED, Checker


class _NoBooks(Exception):
    """The state cannot be told in numbers."""


def is_fast(rules: Rules, instances: int) -> bool:
    """Tell whether the fast path knows the discipline: one instance on an event loop, whose lock if
    any is fair, and no transaction around the reads; and every property that is asked for.
    """
    return (
        CONCERNED.keys() <= KNOWN
        and instances == 1
        and not rules.threads
        and not rules.published
        and not rules.reentrant
        and rules.transaction == "none"
        and (rules.lock == "fifo" or (rules.lock == "none" and not rules.whole_reply))
    )


def take(checker: Checker) -> Books | None:
    """Return the books of a checker whose last line ended a reply; None when there can be none."""
    world, z = checker.world, checker.state
    if not is_fast(world.rules, len(z.view)) or world.program != PAPER_PROGRAM:
        return None
    if z.left or any(z.moved.values()) or not all(z.up.values()) or z.writing != NOBODY:
        return None
    try:
        return _taken(checker)
    except _NoBooks:
        return None


def _taken(checker: Checker) -> Books:
    z, unit = checker.state, checker.world.rules.whole_reply
    (instance,) = z.view
    writers, savers = z.store
    wrote = {reply: z.base.ngrams + k + 1 for k, reply in enumerate(writers)}
    saved = {reply: z.base.snapshots + k + 1 for k, reply in enumerate(savers)}
    if not saved.keys() <= wrote.keys() or not z.returned <= wrote.keys():
        raise _NoBooks

    def version(content: Content, versions: dict[Reply, int], base: int) -> int:
        """The number of a content that is a version of its object, -1 for what was not read."""
        if content == UNREAD:
            return -1
        number = base + len(content)
        if any(reply not in versions or versions[reply] > number for reply in content):
            raise _NoBooks
        return number

    def ngrams(content: Content) -> int:
        return version(content, wrote, z.base.ngrams)

    labels = UNIT_LABELS if unit else STEP_LABELS
    runs: dict[Reply, Run] = {}
    seats: dict[str, Run] = {}
    for s, label in z.pc.items():
        if label not in labels:
            raise _NoBooks
        turn = z.calls[s]
        run = seats[s] = Run(s, turn, f"{s}.{turn}", labels[label])
        if run.in_flight:
            runs[run.reply] = run
            held, own = z.local[s], frozenset({run.reply} if unit else ())
            run.recalled = run.after = version(held.recalled, saved, z.base.snapshots)
            run.bigrams, run.trigrams = ngrams(held.bigrams), ngrams(held.trigrams)
            run.at_save = ngrams(held.saved)
            if held.sawBigrams != UNREAD:
                run.saw_bigrams = ngrams(held.sawBigrams - own)
                run.saw_trigrams = ngrams(held.sawTrigrams - own)
                run.low = min(run.saw_bigrams, run.saw_trigrams)
                run.high = max(run.saw_bigrams, run.saw_trigrams)
    # The last reply of an idle session may be remembered as well; one object is enough.
    runs.update({run.reply: run for run in seats.values() if run.reply in wrote})
    for reply, number in wrote.items():
        run = runs.setdefault(reply, Run(reply[0], reply[1], f"{reply[0]}.{reply[1]}", "Call"))
        run.wrote = number
        if reply in saved:
            run.saved = run.first_save = run.last_save = saved[reply]
        run.returned = reply in z.returned
    for reply, run in runs.items():
        run.read_ngrams = reply in z.readers.ngrams
        run.read_snapshots = reply in z.readers.snapshots
        if run.read_snapshots and not run.in_flight:
            # What it read is not known any more; its edges so far are, and those to come follow.
            run.after = z.base.snapshots + len(savers)
    if not (z.readers.ngrams | z.readers.snapshots) <= runs.keys():
        raise _NoBooks
    view = z.view[instance]
    books = Books(
        instance=instance,
        ngrams=z.base.ngrams + len(writers),
        snapshots=z.base.snapshots + len(savers),
        bigrams=ngrams(view.bigrams),
        trigrams=ngrams(view.trigrams),
        unit=unit,
        holder=z.holder[instance],
        seats=seats,
        arrivals=deque(z.arrivals),
        overtaken=set(z.overtaken),
        writers=deque(runs[reply] for reply in writers),
        half={
            run.wrote: None
            for run in map(runs.__getitem__, writers)
            if run.in_flight and run.saved < 0
        },
        savers=[wrote[reply] for reply in savers],
        savers_from=z.base.snapshots,
        groups=[],
        edges=z.dsg,
        flying=sum(run.in_flight for run in seats.values()),
    )
    for source, target in z.dsg:
        if source in wrote and target in wrote and wrote[source] > wrote[target]:
            books.merge(wrote[target], wrote[source])
    if books.cyclic() != checker.watch.cyclic:
        raise _NoBooks
    return books


def give(books: Books, checker: Checker) -> None:
    """Put the state that the books tell into the checker."""
    z = checker.state
    nodes = books.nodes()
    savers = sorted((run for run in nodes if run.saved >= 0), key=lambda run: run.saved)
    running = [run for run in books.seats.values() if run.in_flight]
    known = {run.reply: run for run in (*nodes, *running)}

    def ngrams(version: int) -> Content:
        if version < 0:
            return UNREAD
        return frozenset(run.reply for run in nodes if run.wrote <= version)

    def snapshots(version: int) -> Content:
        if version < 0:
            return UNREAD
        return frozenset(run.reply for run in savers if run.saved <= version)

    def local(run: Run) -> Local:
        own = frozenset({run.reply} if books.unit else ())
        saw = run.saw_bigrams >= 0
        return Local(
            recalled=snapshots(run.recalled),
            bigrams=ngrams(run.bigrams),
            trigrams=ngrams(run.trigrams),
            sawBigrams=ngrams(run.saw_bigrams) | own if saw else UNREAD,
            sawTrigrams=ngrams(run.saw_trigrams) | own if saw else UNREAD,
            saved=ngrams(run.at_save),
        )

    labels = {step: label for label, step in (UNIT_LABELS if books.unit else STEP_LABELS).items()}
    checker.state = State(
        pc={s: labels[run.next] for s, run in books.seats.items()},
        calls={s: run.turn for s, run in books.seats.items()},
        store=Store(tuple(run.reply for run in nodes), tuple(run.reply for run in savers)),
        view={books.instance: Tables(ngrams(books.bigrams), ngrams(books.trigrams))},
        local={s: local(run) if run.in_flight else BLANK for s, run in books.seats.items()},
        holder={books.instance: books.holder},
        arrivals=tuple(books.arrivals),
        overtaken=frozenset(books.overtaken),
        moved=dict.fromkeys(books.seats, False),
        up=z.up,
        returned=frozenset(run.reply for run in nodes if run.returned),
        readers=Objects(
            frozenset(reply for reply, run in known.items() if run.read_ngrams),
            frozenset(reply for reply, run in known.items() if run.read_snapshots),
        ),
        dsg=books.edges | _edges(list(known.values())),
        base=Base(books.ngrams - len(nodes), books.snapshots - len(savers)),
    )
    instance_of = checker.world.instance_of
    for s in books.seats:
        instance_of[s] = books.instance
    checker.watch.resume(books.cyclic(), checker.state.overtaken)


def _edges(runs: list[Run]) -> frozenset[Edge]:
    """The edges that follow from the versions: ww, wr and rw, of both objects."""
    return frozenset(
        (one.reply, two.reply)
        for one in runs
        for two in runs
        if one is not two
        and (
            -1 < one.wrote < two.wrote
            or -1 < one.wrote <= two.high
            or one.low < two.wrote
            or one.first_save < two.last_save
            or one.first_save <= two.recalled
            or -1 < one.after < two.last_save
        )
    )
