"""Two-way coverage: every edge of the specification's graph, taken by the real organism.

A tour takes the real organism along the edges of the reachable graph until each has been taken.  At
every step the organism's event must be the chosen edge, and must lead to the state of the
specification; anything else is a difference.

Sessions of one instance differ only in their names.  ``named_graph`` can keep one of the states
that are equal up to names; each edge maps the sessions of its source to those of its target.  Every
edge of the whole graph is an edge of this one under other names (a test restores all names and
compares).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby, permutations, product
from typing import NamedTuple

from leo.schedules.engine.system import Choice
from leo_model.machine.machine import Move, successors
from leo_model.machine.reachable import initial_state
from leo_model.machine.state import Content, Local, Objects, Reply, State, Store, Tables
from leo_model.machine.steps import World
from leo_model.organism.case import Case, to_token
from leo_model.organism.organism import Organism, StoreKind
from leo_model.organism.recording import NOT_A_BEHAVIOUR
from leo_model.organism.run import OrganismRun

Names = Mapping[str, str]


class Way(NamedTuple):
    """An edge: the move, the state that it leads to, and the names that the sessions have there."""

    move: Move
    target: int
    names: Names


@dataclass(slots=True)
class NamedGraph:
    """States, and the ways out of each."""

    states: list[State] = field(default_factory=list)
    out: list[list[Way]] = field(default_factory=list)

    @property
    def edges(self) -> int:
        return sum(map(len, self.out))


def named_graph(world: World, *, renamed: bool = True) -> NamedGraph:
    """The reachable graph; ``renamed``: up to the names of the sessions of each instance."""
    same = {session: session for session in world.instance_of}
    found = NamedGraph()
    numbers: dict[Hashable, int] = {}
    queue: deque[int] = deque()

    def number(state: State) -> int:
        known = numbers.setdefault(state.key(), len(found.states))
        if known == len(found.states):
            found.states.append(state)
            found.out.append([])
            queue.append(known)
        return known

    number(initial_state(world))
    while queue:
        source = queue.popleft()
        for move, following in successors(world, found.states[source]):
            names = canonical_names(world, following) if renamed else same
            found.out[source].append(Way(move, number(rename(following, names)), names))
    return found


def canonical_names(world: World, state: State) -> dict[str, str]:
    """How the sessions are called in the state that is kept: in the order of where they stand."""
    groups: list[list[tuple[str, ...]]] = []
    homes: list[str] = []
    for instance in state.up:
        peers = world.peers(instance)
        homes += peers
        ordered = sorted((_standing(state, s), s) for s in peers)
        for _, alike in groupby(ordered, key=lambda pair: pair[0]):
            groups.append(list(permutations(s for _, s in alike)))
    candidates = (
        dict(zip((s for group in order for s in group), homes, strict=True))
        for order in product(*groups)
    )
    if all(len(group) == 1 for group in groups):
        return next(candidates)
    return min(candidates, key=lambda names: _written(rename(state, names)))


def _standing(state: State, s: str) -> tuple[object, ...]:
    """What can be said of a session without naming another."""
    local, reply = state.local[s], state.reply(s)
    return (
        state.pc[s],
        state.calls[s],
        state.moved[s],
        state.arrivals.index(s) if s in state.arrivals else -1,
        s in state.overtaken,
        s in state.left,
        tuple((len(content), reply in content) for content in local),
        reply in state.returned,
        state.store.ngrams.index(reply) if reply in state.store.ngrams else -1,
        state.store.snapshots.index(reply) if reply in state.store.snapshots else -1,
    )


def _written(state: State) -> str:
    """A state as text in one order, to be compared."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return sorted((key, plain(item)) for key, item in value.items())
        if isinstance(value, frozenset):
            return sorted(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return [plain(item) for item in value]
        return value

    return repr([plain(getattr(state, name)) for name in State.__slots__])


def rename(state: State, names: Names) -> State:
    """The same state under other names."""
    if all(old == new for old, new in names.items()):
        return state

    def write(old: Reply) -> Reply:
        return (names.get(old[0], old[0]), *old[1:])

    def content(old: Content) -> Content:
        return frozenset(map(write, old))

    return replace(
        state,
        pc={names[s]: label for s, label in state.pc.items()},
        calls={names[s]: count for s, count in state.calls.items()},
        local={names[s]: Local(*map(content, held)) for s, held in state.local.items()},
        moved={names[s]: moved for s, moved in state.moved.items()},
        store=Store(*(tuple(map(write, written)) for written in state.store)),
        view={i: Tables(*map(content, tables)) for i, tables in state.view.items()},
        holder={i: names.get(s, s) for i, s in state.holder.items()},
        arrivals=tuple(names[s] for s in state.arrivals),
        overtaken=frozenset(names[s] for s in state.overtaken),
        writing=names.get(state.writing, state.writing),
        left=frozenset(names[s] for s in state.left),
        returned=content(state.returned),
        readers=Objects(*map(content, state.readers)),
        dsg=frozenset((write(a), write(b)) for a, b in state.dsg),
    )


# What has to be chosen for a move; everything else is a step of its session.
_CHOSEN = {
    "Cancel": "cancel",
    "CancelApplied": "cancel",
    "Raise": "raise",
    "Busy": "timeout",
    "Crash": "crash",
    "Recover": "recover",
}

# How many states are looked at for a way to an edge nearby.
NEAR = 60


def choice_of(move: Move) -> Choice:
    """The choice that makes the organism take a move."""
    return Choice(move.actor, _CHOSEN.get(move.action, "step"))


@dataclass(slots=True)
class Difference:
    """An edge that the organism did not take, or a step of the organism that is no edge."""

    action: str
    actor: str
    why: str
    token: str


@dataclass(slots=True)
class Coverage:
    """What a tour came to.

    ``not_taken`` are edges of the specification, ``not_allowed`` steps of the organism.
    ``extra`` counts the choices that the organism offers and the specification has no edge of their
    own for (a cancellation under a shield): what came of them had to be edges.  ``unowned``:
    errors that the loop heard of and nobody retrieved.  ``broken``: for each property that fell, a
    schedule.  ``renamed``: states that differ in the names of sessions only are one.
    """

    case: Case
    store: StoreKind
    states: int
    edges: int
    renamed: bool = False
    taken: int = 0
    runs: int = 0
    steps: int = 0
    extra: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    not_taken: list[Difference] = field(default_factory=list)
    not_allowed: list[Difference] = field(default_factory=list)
    unowned: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.taken == self.edges and not (self.not_taken or self.not_allowed or self.unowned)


class Tour:
    """Edges still to be taken, and the way to the nearest of them."""

    def __init__(self, graph: NamedGraph) -> None:
        self.graph = graph
        self.into: list[list[int]] = [[] for _ in graph.states]
        for source, ways in enumerate(graph.out):
            for way in ways:
                self.into[way.target].append(source)
        # For each state, the edges out of it that nobody has taken.
        self.open: list[list[Way]] = [list(reversed(ways)) for ways in graph.out]
        self.left = graph.edges
        # What the organism offers beyond the edges: states that were looked at, choices tried.
        self.known: set[int] = set()
        self.tried: set[tuple[int, Choice]] = set()
        self._far = len(graph.states) + 1
        self._distance: list[int] = []
        self.measure()

    def take(self, source: int, way: Way) -> bool:
        """Note that an edge was taken; tell whether it was for the first time."""
        if way not in self.open[source]:
            return False
        self.open[source].remove(way)
        self.left -= 1
        return True

    def next(self, state: int) -> Way | None:
        """The edge to take from a state: an open one, else one that leads towards one."""
        if self.open[state]:
            return self.open[state][-1]
        near = self._near(state)
        if near is not None:
            return near
        # A map from before some edges were taken may send a run to where nothing is open any more:
        # that costs a run now and then, and a new map for every run would cost far more.
        out = self.graph.out[state]
        best = min(out, key=lambda way: self._distance[way.target], default=None)
        if best is None or self._distance[best.target] >= self._distance[state]:
            return None
        return best

    def _near(self, state: int) -> Way | None:
        """The first step to an open edge that is not far, breadth first."""
        out = self.graph.out
        first: dict[int, Way] = {way.target: way for way in reversed(out[state])}
        queue = deque(first)
        for _ in range(NEAR):
            if not queue:
                return None
            number = queue.popleft()
            if self.open[number]:
                return first[number]
            for way in out[number]:
                if way.target not in first:
                    first[way.target] = first[number]
                    queue.append(way.target)
        return None

    def measure(self) -> bool:
        """How far it is to an open edge: breadth first, backwards from each.

        Tells whether an open edge can be reached from the beginning.
        """
        distance = [self._far] * len(self.graph.states)
        queue = deque(number for number, ways in enumerate(self.open) if ways)
        for number in queue:
            distance[number] = 0
        while queue:
            number = queue.popleft()
            for source in self.into[number]:
                if distance[source] == self._far:
                    distance[source] = distance[number] + 1
                    queue.append(source)
        self._distance = distance
        return distance[0] < self._far


def cover(
    organism: Organism,
    *,
    renamed: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Take the organism along every edge of its case's graph.

    ``renamed``: of the graph up to the names of the sessions.  ``progress`` is told the edges taken
    and their number after each run.  The organism has to be one that may ``spin``.
    """
    graph = named_graph(organism.world, renamed=renamed)
    found = Coverage(organism.case, organism.store, len(graph.states), graph.edges, renamed)
    tour = Tour(graph)
    fresh = True
    while tour.left:
        if Guide(organism, tour, found).run():
            fresh = False
        elif fresh or not tour.measure():
            break
        else:
            fresh = True
        if progress is not None:
            progress(found.taken, found.edges)
    for source, ways in enumerate(tour.open):
        for way in ways:
            why = f"no way leads to state {source} but over an edge that cannot be taken"
            found.not_taken.append(Difference(way.move.action, way.move.actor, why, ""))
    found.unowned += [str(error.get("message")) for error in organism.loop.errors]
    return found


class Guide:
    """One run of the organism, led along the graph.  ``names`` are those that the sessions of the
    graph's state have in the organism.
    """

    def __init__(self, organism: Organism, tour: Tour, found: Coverage) -> None:
        self.organism = organism
        self.tour = tour
        self.found = found
        self.choices: list[Choice] = []
        self.at = 0
        # The organism has left the graph.
        self.lost = False
        self.names = {s: s for s in organism.world.instance_of}

    def run(self) -> bool:
        """Tell whether the run has taken an edge for the first time, or found something else."""
        before = self._score()
        run = self.organism.start()
        while True:
            extra = self._extra(run)
            if extra is not None:
                self._try(run, extra)
                break
            way = self.tour.next(self.at)
            if way is None or not self._step(run, way):
                break
        outcome = run.close()
        self.found.runs += 1
        for title, witness in outcome.violations.items():
            if title == NOT_A_BEHAVIOUR:
                self._not_allowed("trace", "", witness)
            elif title not in self.found.broken:
                self.found.broken[title] = to_token(self.organism.case, self.choices)
        return self._score() != before

    def _score(self) -> tuple[int, int, int]:
        return self.tour.left, len(self.found.not_allowed), self.found.extra

    def _extra(self, run: OrganismRun) -> Choice | None:
        """What the organism offers in a state, and the specification has no edge of its own for."""
        tour, at = self.tour, self.at
        if at in tour.known:
            return None
        named = {choice_of(way.move) for way in tour.graph.out[at]}
        graph_name = {name: s for s, name in self.names.items()}
        for choice in run.enabled():
            general = choice._replace(who=graph_name.get(choice.who, choice.who))
            if general not in named and (at, general) not in tour.tried:
                tour.tried.add((at, general))
                return choice
        tour.known.add(at)
        return None

    def _try(self, run: OrganismRun, choice: Choice) -> None:
        """What comes of it must be edges all the same."""
        self.found.extra += 1
        if not self._do(run, choice):
            self._not_allowed(choice.what, choice.who, "nothing that a trace would show happened")

    def _step(self, run: OrganismRun, way: Way) -> bool:
        source, move = self.at, way.move
        wanted = Move(move.action, self.names.get(move.actor, move.actor))
        choice = choice_of(wanted)
        if choice not in run.enabled():
            self._give_up(source, way, "the organism does not offer it here")
            return False
        done = self._do(run, choice)
        if done[:1] != [wanted]:
            said = ", ".join(f"{m.actor} {m.action}" for m in done) or "nothing"
            self._give_up(source, way, f"the organism did {said} instead")
            return False
        return not self.lost

    def _do(self, run: OrganismRun, choice: Choice) -> list[Move]:
        """Make a choice and follow its events through the graph; return them."""
        found = self.found
        events = len(run.recording.events)
        self.choices.append(choice)
        run.take(choice)
        found.steps += 1
        done = [
            Move(event.action.value, event.session or event.instance)
            for event in run.recording.events[events:]
        ]
        for one in done:
            graph_name = {name: s for s, name in self.names.items()}
            move = Move(one.action, graph_name.get(one.actor, one.actor))
            ways = self.tour.graph.out[self.at]
            way = next((way for way in ways if way.move == move), None)
            if way is None:
                possible = ", ".join(f"{w.move.actor} {w.move.action}" for w in ways)
                self._not_allowed(one.action, one.actor, f"the specification has {possible}")
                break
            found.taken += self.tour.take(self.at, way)
            found.actions[one.action] = found.actions.get(one.action, 0) + 1
            self.at = way.target
            self.names = {way.names[s]: name for s, name in self.names.items()}
        return done

    def _give_up(self, source: int, way: Way, why: str) -> None:
        """This edge cannot be taken: say so, and do not ask for it again."""
        self.tour.take(source, way)
        token = to_token(self.organism.case, self.choices)
        self.found.not_taken.append(Difference(way.move.action, way.move.actor, why, token))

    def _not_allowed(self, action: str, actor: str, why: str) -> None:
        self.lost = True
        known = {(item.action, item.actor, item.why) for item in self.found.not_allowed}
        if (action, actor, why) not in known:
            token = to_token(self.organism.case, self.choices)
            self.found.not_allowed.append(Difference(action, actor, why, token))


def differences(found: Coverage) -> Iterator[str]:
    """Yield the differences, alike ones together."""
    for title, items in (("not taken", found.not_taken), ("not allowed", found.not_allowed)):
        alike = Counter((item.action, item.why) for item in items)
        first = {(item.action, item.why): item.token for item in reversed(items)}
        for (action, why), count in alike.most_common():
            where = f"; leo replay {first[action, why]}" if first[action, why] else ""
            yield f"{title}: {action}, {count} times: {why}{where}"
