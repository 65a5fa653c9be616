"""Shows a schedule to people: whose turn it was, at which line of the user's code, what changed."""

from __future__ import annotations

import asyncio
import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from leo.errors import LeoError
from leo.schedules.around import beside
from leo.schedules.choosing import CLOCK
from leo.schedules.places import place_of, raised_at
from leo.schedules.shape import ADDRESS, CLIENTS, fields_of
from leo.schedules.system import Choice
from leo.trace.lanes import LaneStep, lane_table

# A lane of a table is not narrower; with more lanes than fit, steps are told one below the other.
_LANE = 22
_DEEP, _LONG = 4, 60


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


def flat(value: Any, name: str = "", deep: int = _DEEP) -> dict[str, str]:
    """The parts of a value by their names, each as text: what people compare."""
    if isinstance(value, asyncio.Task | asyncio.Future):
        return {name: _told_future(value)}
    if isinstance(value, Mapping) and deep:
        found = {}
        for key, item in value.items():
            found.update(flat(item, f"{name}[{short(key)}]", deep - 1))
        return found or {name: "{}"}
    if type(value).__module__ == "asyncio.locks" or type(value).__module__ == "asyncio.queues":
        return {name: _told_lock(value)}
    found_fields = _fields(value)
    if found_fields is None or not deep:
        return {name: short(value)}
    found = {}
    for key, item in found_fields.items():
        if type(item).__module__.partition(".")[0] not in CLIENTS:
            found.update(flat(item, f"{name}.{key}" if name else key, deep - 1))
    return found


def _fields(value: Any) -> dict[str, Any] | None:
    """The fields of an object that has no text of its own."""
    if is_dataclass(value) and not isinstance(value, type):
        found = fields_of(value)
        return {it.name: found.get(it.name) for it in fields(value)}
    plain: Any = object.__repr__
    if type(value).__repr__ is plain and type(value) is not object:
        return fields_of(value)
    return None


def _told_future(future: asyncio.Future[Any]) -> str:
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    # To ask for its exception would count as somebody's look at it.
    error = future._exception
    return f"raised {short(error)}" if error is not None else f"done: {short(future.result())}"


def _told_lock(lock: Any) -> str:
    if isinstance(lock, asyncio.Event):
        return "set" if lock.is_set() else "not set"
    if isinstance(lock, asyncio.Queue):
        return f"{lock.qsize()} queued"
    locked = getattr(lock, "locked", None)
    return ("locked" if locked() else "free") if locked is not None else type(lock).__name__


def short(value: Any) -> str:
    """A value in one line, without addresses, which differ from run to run."""
    if isinstance(value, asyncio.Task):
        return f"<task {value.get_name()}>"
    text = ADDRESS.sub("", " ".join(repr(value).split()))
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"


def state_of(run: Any) -> dict[str, str]:
    """The state of a run by its parts."""
    if run.scenario.state is not None:
        return flat(run.state_parts()[0])
    found = flat(run.target)
    for told, value in beside(run).items():
        name = told.replace("\\", "/").rpartition("/")[2]
        found.update(
            flat(value, name if told in run.loop.files or isinstance(value, Mapping) else told)
        )
    return found


def tell_state(parts: Mapping[str, str]) -> str:
    """A state in one line."""
    return ", ".join(f"{name} = {text}" if name else text for name, text in parts.items())


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What is different, in one line."""
    told = [
        f"{name or 'state'}: {before.get(name, '–')} → {after.get(name, '–')}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
    return ", ".join(told)


def told_step(run: Any, choice: Choice, index: int, show: Any) -> LaneStep | None:
    """Take a step, and say from where it went and what changed.

    A thread has no lane: what it does for a call is of interest only when something changes.
    """
    loop, who = run.loop, choice.who
    before = show(run)
    task = loop.tasks.get(who)
    if choice.what == "cancel":
        run.take(choice)
        return LaneStep(index, who, "(cancelled)", changes(before, show(run)))
    if task is None:
        run.take(choice)
        changed = changes(before, show(run))
        if who == CLOCK:
            return LaneStep(index, who, f"{loop.now:g} s", changed)
        return LaneStep(index, "", f"{who}: {changed}") if changed else None
    place = place_of(task)
    begins = getattr(task.get_coro(), "cr_frame", None)
    begun = begins is not None and begins.f_lasti > 0 and place is not None
    run.take(choice)
    notes = [place.text] if place is not None and begun else []
    if changed := changes(before, show(run)):
        notes.append(changed)
    if task.done():
        notes.append(_ending(task))
    elif (now := place_of(task)) is not None and (not begun or now != place):
        notes.append(f"waits at {now}")
    return LaneStep(index, who, str(place) if begun else "begins", "; ".join(notes))


def _ending(task: asyncio.Task[Any]) -> str:
    if task.cancelled():
        return "ends, cancelled"
    error = task._exception
    return f"returns {short(task.result())}" if error is None else f"raises {type(error).__name__}"


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


def differs(path: Sequence[Choice], step: int) -> str:
    """A schedule that did not come out the same when it was executed again."""
    return (
        f"the object behaves differently when the same schedule is executed again: step {step} of "
        f"`{to_text(path)}` did something else; chance, the order of a set, a clock, or what an "
        "earlier run left in a global decides there"
    )


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
            return f"{self.broken.title}: {self.broken.witness}"
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
        told += [("asked", "; ".join(self.asked))] if self.asked else []
        told += [("not asked", text) for text in self.not_asked]
        told += [("bounded", text) for text in self.bounded]
        room = _columns(80)
        for name, text in told:
            head = f"{name}:".ljust(13)
            blank = " " * len(head)
            lines += textwrap.wrap(text, room, initial_indent=head, subsequent_indent=blank)
        return "\n".join(lines)
