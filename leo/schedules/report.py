"""Shows a schedule to people: whose turn it was, at which line of the user's code, what changed."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, islice
from typing import TYPE_CHECKING, Any

from leo.errors import LeoError
from leo.schedules.engine.system import Choice
from leo.schedules.running.choosing import CLOCK
from leo.schedules.running.places import place_of, raised_at
from leo.schedules.values import (
    ADDRESS,
    Part,
    changes,
    cut,
    differing,
    look,
    short,
    some,
    state_of,
    text_of,
)
from leo.trace.lanes import LaneStep, lane_table

if TYPE_CHECKING:
    from leo.schedules.atomic import Ending, Outcome

# A lane of a table is not narrower; with more lanes than fit, steps are told one below the other.
_LANE = 22
WOKEN = "(cancelled, and had been woken)"
# So many steps of one call in a row are told one by one; so many outcomes of serial orders.
_ROW, _MOST = 4, 6
# So many fields of a result are told.
_RESULT = 3


def to_text(choices: Sequence[Choice]) -> str:
    """A schedule as `explore(..., schedule=)` takes it: `~` is a cancellation, `*3` three times."""
    words: list[list[Any]] = []
    for choice in choices:
        word = f"~{choice.who}" if choice.what == "cancel" else choice.who
        if words and words[-1][0] == word:
            words[-1][1] += 1
        else:
            words.append([word, 1])
    return " ".join(word if times == 1 else f"{word}*{times}" for word, times in words)


def from_text(schedule: str) -> tuple[Choice, ...]:
    """The choices of a schedule.  Raises LeoError for a word that is none."""
    found: list[Choice] = []
    for word in schedule.split():
        name, star, times = word.partition("*")
        if star and not (times.isdigit() and int(times)):
            raise LeoError(f"{word!r} in the schedule: expected a number of times after the *")
        choice = Choice(name[1:], "cancel") if name.startswith("~") else Choice(name)
        found += [choice] * (int(times) if star else 1)
    return tuple(found)


def told_step(
    run: Any, choice: Choice, index: int, before: Part, show: Callable[[], Part]
) -> tuple[LaneStep | None, Part]:
    """Take a step; say from where it went and what has changed since `before`, and what it is now.

    A thread has no lane: what it does for a call is of interest only when something changes.
    """
    loop, who = run.loop, choice.who
    task, woken = loop.tasks.get(who), _woken(loop)
    place = place_of(task) if task is not None else None
    begins = getattr(task.get_coro(), "cr_frame", None) if task is not None else None
    begun = begins is not None and begins.f_lasti > 0 and place is not None
    run.take(choice)
    after = show()
    changed = changes(before, after)
    if choice.what == "cancel":
        return LaneStep(index, who, WOKEN if who in woken else "(cancelled)", changed), after
    if task is None:
        if who == CLOCK:
            return LaneStep(index, who, f"{loop.now:g} s", changed), after
        return LaneStep(index, "", f"{who}: {changed}") if changed else None, after
    wakes = ", ".join(label for label in _woken(loop) if label not in (*woken, who))
    notes = [place.text] if place is not None and begun else []
    notes += [changed] if changed else []
    notes += [f"wakes {wakes}"] if wakes else []
    if task.done():
        notes.append(_ending(task))
    elif (now := place_of(task)) is not None and (not begun or now != place):
        notes.append(f"waits at {now}")
    return LaneStep(index, who, str(place) if begun else "begins", "; ".join(notes)), after


def _woken(loop: Any) -> list[str]:
    """Who has what it waited for, and has not gone on yet."""
    waiting = ((label, task._fut_waiter) for label, task in loop.tasks.items() if not task.done())
    return [label for label, waiter in waiting if waiter is not None and waiter.done()]


def fold(steps: Sequence[LaneStep], states: Sequence[Part]) -> list[LaneStep]:
    """Many steps of one call in a row as one, and the last of them; `states` are before each."""
    out: list[LaneStep] = []
    for _, group in groupby(steps, lambda it: (it.lane, it.action.startswith("("))):
        them = list(group)
        if len(them) > _ROW and them[0].lane:
            first, last = them[0], them.pop()
            told = [changes(states[first.index - 1], states[last.index - 1]), f"at {last.action}"]
            many = f"{len(them)} steps"
            them = [LaneStep(first.index, first.lane, many, "; ".join(filter(None, told))), last]
        out += them
    return out


def _ending(task: Any) -> str:
    # To ask for its exception would count as a look at it.
    if task.cancelled():
        return "ends, cancelled"
    error = task._exception
    return f"returns {short(task.result())}" if error is None else f"raises {type(error).__name__}"


@dataclass(frozen=True, slots=True)
class Came:
    """What a run came to, for people: the answers of the calls, the state, and the way there."""

    answers: Mapping[str, Part]
    state: Part
    way: tuple[Choice, ...]


def came_to(run: Any, ids: bool = False) -> Came:
    """What a run has come to; with `ids`, with the numbers of objects."""
    answers = {name: _answer(run.loop.tasks[name]) for name in run.scenario.calls}
    return Came(answers, state_of(run, ids), tuple(run.taken))


def _answer(task: Any) -> Part:
    if not task.done():
        return Part("(not over)")
    if task.cancelled():
        return Part("(cancelled)")
    error = task._exception
    return look(task.result()) if error is None else Part(f"({text_of(error)})")


_MEASURED = re.compile(r"-?\d+\.\d+")
# A place at which outcomes differ: how it is told, the call whose result it is of, and the texts.
_Row = tuple[str, str | None, tuple[str, ...]]


def compare(
    ending: Ending, out: Came, outcomes: Sequence[Outcome], initial: Part
) -> tuple[str, str, tuple[str, ...]]:
    """Why no serial order explains an ending, what came out, and what comes out one by one.

    `outcomes` are those of serial orders, nearest first.  What differs is shown of all of them.
    """
    rows = _rows([out, *(it.told for it in outcomes)], initial)
    ways = [_way(it.told.way) for it in outcomes]
    told = []
    for number, (outcome, way) in enumerate(zip(outcomes, ways, strict=True), 1):
        exact = to_text(outcome.told.way) if ways.count(way) > 1 else way
        without = ", ".join(name for name in out.answers if name not in outcome.told.answers)
        never = f"; {without} not at all" if without else ""
        told.append(f"{_side(outcome.told, rows, number)} ({exact}{never})")
    told = list(dict.fromkeys(told))
    more = [f"and {len(told) - _MOST} more"] if len(told) > _MOST else []
    return _why(ending, rows, outcomes), _side(out, rows, 0), (*told[:_MOST], *more)


def nearest(ending: Ending, outcomes: Iterable[Outcome], out: Came) -> list[Outcome]:
    """Those that differ least from what came out come first."""

    def distance(it: Outcome) -> int:
        both = [out, it.told]
        return sum(row[1] is None or row[1] in _whole(ending) for row in _differing(both))

    return sorted(outcomes, key=distance)


def _whole(ending: Ending) -> list[str]:
    return [name for name, it in ending.answers.items() if it.kind == "returned"]


def _differing(versions: Sequence[Came]) -> Iterator[_Row]:
    for name in versions[0].answers:
        called = [it.answers[name] for it in versions if name in it.answers]
        for place, texts in islice(differing(called), _RESULT):
            each = iter(texts)
            every = tuple(next(each) if name in it.answers else "" for it in versions)
            yield f"{name}{'.' if place else ''}{place} → ", name, every
    # What lies deep is of less interest.
    states = differing([it.state for it in versions])
    for place, texts in sorted(states, key=lambda it: it[0].count(".") + it[0].count("[")):
        yield f"{place} = " if place else "", None, texts


def _rows(versions: Sequence[Came], initial: Part) -> list[_Row]:
    """What to show: the results, and where states differ, or what has changed in all of them."""
    rows, out = list(_differing(versions)), versions[0]
    for name, part in out.answers.items():
        if not any(row[1] == name for row in rows):
            rows.append((f"{name} → ", name, (cut(part.text),) * len(versions)))
    if not any(row[1] is None for row in rows):
        for place, (_, text) in differing([initial, out.state]):
            rows.append((f"{place} = " if place else "", None, (text,) * len(versions)))
    return rows


def _side(came: Came, rows: Sequence[_Row], number: int) -> str:
    """One outcome by its rows."""
    state = [f"{label}{texts[number]}" for label, name, texts in rows if name is None]
    results = ", ".join(
        f"{label}{texts[number]}"
        for it in came.answers
        for label, name, texts in rows
        if name == it
    )
    return "; ".join(filter(None, (results, some(state) or "nothing has changed")))


def _way(path: Sequence[Choice]) -> str:
    """In which order calls and the clock went, whose own tasks and threads are left out."""
    return " ".join(who for who, _ in groupby(it.who for it in path if "." not in it.who))


def _why(ending: Ending, rows: Sequence[_Row], outcomes: Sequence[Outcome]) -> str:
    """In a sentence, what is the case in no serial order."""
    whole = _whole(ending)
    for it in outcomes:
        answers = it.ending.answers
        if it.ending.state == ending.state and all(
            answers[name][:2] == ending.answers[name][:2] for name in whole
        ):
            way = _way(it.told.way)
            for order in it.orders:
                for name in whole:
                    late = [n for n in ending.began_after.get(name, ()) if n in order]
                    if any(order.index(n) > order.index(name) for n in late):
                        return (
                            f"as in the order {way}, but {late[0]} had returned before {name} began"
                        )
            here, there = _shared(ending, whole), _shared(it.ending, whole)
            for pair in sorted(here ^ there):
                where = ("here", f"in the order {way}")[:: 1 if pair in here else -1]
                return f"{' and '.join(pair)} have one object {where[0]}, and not {where[1]}"
            return f"the values of {way}, but there other objects are one and the same"
    other = [row for row in rows if (row[1] is None or row[1] in whole) and len(set(row[2])) > 1]
    alone = [(label, texts) for label, _, texts in other if texts[0] not in texts[1:]]
    if alone:
        # What was counted from times is of less interest.
        alone.sort(key=lambda it: all(_MEASURED.fullmatch(text) for text in it[1]))
        return "; ".join(f"{label}{it[0]}, one by one {_or(it[1:])}" for label, it in alone[:2])
    for row in other[::-1]:
        # Without it, is the rest still in no serial order?
        rest = [texts for it in other if it is not row for texts in [it[2]]]
        if all(any(texts[0] != texts[at] for texts in rest) for at in range(1, len(row[2]))):
            other.remove(row)
    together = " and ".join(f"{label}{texts[0]}" for label, _, texts in other[:_MOST])
    return f"{together} in no serial order" if together else "no serial order gives that"


def _shared(ending: Ending, whole: Sequence[str]) -> set[tuple[str, str]]:
    """Which results and the state have an object in common that is equal to itself only."""
    same = {name: set(ending.answers[name].same) for name in whole} | {
        "the state": set(ending.same)
    }
    return {(one, other) for one, other in combinations(same, 2) if same[one] & same[other]}


def _or(texts: Iterable[str]) -> str:
    found = list(dict.fromkeys(texts))
    return " or ".join(found[:3]) + (" …" if len(found) > 3 else "")


def _columns(most: int) -> int:
    return max(40, min(shutil.get_terminal_size((80, 24)).columns, most))


def tell_steps(steps: Sequence[LaneStep], lanes: Iterable[str], verdict: str) -> str:
    """A table with a lane for each; where they do not fit, one step below the other."""
    names = tuple(dict.fromkeys((*lanes, *(step.lane for step in steps if step.lane))))
    width = _columns(160)
    if len(names) * _LANE <= width:
        return lane_table(steps, verdict, lanes=names, width=width)
    margin, column = len(str(steps[-1].index)) if steps else 1, max(map(len, names))
    out = []
    for step in steps:
        marks = "".join("●" if name == step.lane else "│" for name in names)
        head = f"{step.index:>{margin}} {marks} {step.lane:<{column}} "
        blank = f"{'':>{margin}} {'│' * len(names)} {'':<{column}} "
        text = f"{step.action}{'  ' if step.note else ''}{step.note}"
        out += textwrap.wrap(text, width, initial_indent=head, subsequent_indent=blank)
    out.append("─" * width)
    out += textwrap.wrap(f"✗ {verdict}", width, subsequent_indent="  ")
    return "\n".join(out) + "\n"


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, and in the groups in it."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def tell_raised(error: BaseException) -> str:
    """An exception for people: type, text and place; of a group, each one that is in it."""
    told = []
    for leaf in leaves(error):
        place = raised_at(leaf)
        text = ADDRESS.sub("", str(leaf).partition("\n")[0])
        told.append(
            f"{type(leaf).__name__}{': ' if text else ''}{text}{f' (at {place})' if place else ''}"
        )
    if isinstance(error, BaseExceptionGroup):
        return f"raises {type(error).__name__} of {', '.join(told)}"
    return f"raises {told[0]}"


def goes_round(run: Any, path: Sequence[Choice]) -> str:
    """Who went last in a run that came back to where it was, and where."""
    who = next((choice.who for choice in reversed(path) if choice.who != CLOCK), CLOCK)
    where = place_of(run.loop.tasks[who]) if who in run.loop.tasks else None
    return f"{who} goes round at {where} and nobody ends that"


@dataclass(frozen=True, slots=True)
class Broken:
    """What was broken and how, by which schedule (a text that `explore` takes), and its table.

    `came_out` and `possible` are for calls that are not atomic: what came out, and what would have
    come out of the serial orders.
    """

    title: str
    witness: str
    schedule: str
    table: str
    came_out: str = ""
    possible: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exploration:
    """What an exploration came to.

    `complete`: what was asked was asked of every schedule; `broken`: a schedule that breaks
    something, with as few cancellations and preemptions as any that was looked for.  `holds` needs
    both, so that a search that was cut off never holds.  `asked` and `not_asked` say what the
    answer is about, `bounded` what was left out or compared in part, `how_far` the first of it.
    """

    schedules: int
    complete: bool
    broken: Broken | None
    states: int = 0
    asked: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()
    bounded: tuple[str, ...] = ()
    how_far: str = ""
    # Why it was not asked whether the calls are atomic.
    unasked: str = ""

    @property
    def holds(self) -> bool:
        return self.complete and self.broken is None

    @property
    def sentence(self) -> str:
        """The finding in a sentence."""
        far = f"{self.schedules:,} {'schedule' if self.schedules == 1 else 'schedules'}"
        if self.broken is not None:
            title, told = self.broken.title, self.broken.witness
            return told if title == "raises" else f"{title}: {told}"
        more = f"; atomicity not asked: {self.unasked}" if self.unasked else ""
        if self.complete:
            how = f"; {self.how_far}" if self.how_far else ""
            return f"complete: {far}, and what was asked holds in all of them{how}{more}"
        return f"not complete: {far}, nothing found; {self.how_far}{more}"

    def __str__(self) -> str:
        """The sentence, the table, and what the answer is about."""
        lines, told = [self.sentence], list[tuple[str, str]]()
        if self.broken is not None:
            lines.append(self.broken.table.rstrip("\n"))
            if self.broken.came_out:
                told.append(("came out", self.broken.came_out))
                told += [("one by one", text) for text in self.broken.possible]
            told.append(("schedule", self.broken.schedule))
            if self.broken.title == "raises":
                told.append(("unless", "a call may end with that: raises= names what it may raise"))
        told += [("asked", "; ".join(self.asked))] if self.asked else []
        told += [("not asked", text) for text in self.not_asked]
        told += [("bounded", text) for text in self.bounded]
        room = _columns(80)
        for name, text in told:
            head = f"{name}:".ljust(13)
            blank = " " * len(head)
            lines += textwrap.wrap(text, room, initial_indent=head, subsequent_indent=blank)
        return "\n".join(lines)
