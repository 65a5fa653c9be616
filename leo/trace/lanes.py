"""A counterexample as a table: one lane per session, time downwards.

It makes text from a list of steps; the caller supplies the note of each step.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from leo.errors import LeoError


@dataclass(frozen=True)
class LaneStep:
    """One step: its number, the session that acts ("" when none does, as in a crash), and what to
    say of it.
    """

    index: int
    lane: str
    action: str
    note: str = ""


_NARROWEST = 8
_CAMEL = re.compile(r"[A-Z]?[^A-Z]+|[A-Z]+")


def lane_names(steps: Sequence[LaneStep], lanes: Sequence[str] = ()) -> tuple[str, ...]:
    """The lanes in their order: `lanes` when given, else in the order in which they first act.

    Raises LeoError when a step is in none of the lanes given, or there is no lane at all.
    """
    acting = tuple(dict.fromkeys(step.lane for step in steps if step.lane))
    names = tuple(lanes) or acting
    foreign = [lane for lane in acting if lane not in names]
    if foreign or not names:
        raise LeoError(
            f"a table of lanes {', '.join(names) or '(none)'} cannot show a step of "
            f"{', '.join(foreign) or 'nobody'}: give every session that acts a lane"
        )
    return names


def lane_table(
    steps: Sequence[LaneStep],
    verdict: str = "",
    *,
    lanes: Sequence[str] = (),
    back_to: int | None = None,
    width: int = 80,
) -> str:
    """The table as text of at most `width` columns.

    verdict: what the last line says fell. back_to: the step after whose state the behaviour
    repeats. Raises LeoError when `width` has no room for that many lanes.
    """
    names = lane_names(steps, lanes)
    margin = max(len(str(step.index)) for step in steps) if steps else 1
    roomy = (width - margin - 3 * len(names)) // len(names)
    gap = " │ " if roomy >= 14 else "│"
    column = (width - margin - len(gap) * len(names)) // len(names)
    if column < _NARROWEST:
        most = (width - margin) // (_NARROWEST + 1)
        raise LeoError(
            f"{len(names)} lanes need more than {width} columns: at most {most} lanes fit"
        )
    longest = max((len(_one_line(step)) for step in steps), default=0)
    column = min(column, max(longest, _NARROWEST, *(len(name) for name in names)))
    total = margin + (len(gap) + column) * len(names)

    def row(left: str, cells: Sequence[str]) -> str:
        padded = [cell.ljust(column) for cell in cells]
        return gap.join([left.rjust(margin), *padded]).rstrip()

    heads = [textwrap.shorten(name, column, placeholder="…") for name in names]
    rule = "─" * total
    out = [row("", heads), rule]
    for step in steps:
        if step.lane:
            at = names.index(step.lane)
            for number, text in enumerate(_cell(step, column)):
                cells = [""] * len(names)
                cells[at] = text
                out.append(row(str(step.index) if number == 0 else "", cells))
        else:
            said = _fill(f"── {_one_line(step)} ──", total - margin - 1)
            out += [
                f"{str(step.index) if number == 0 else '':>{margin}} {text}".rstrip()
                for number, text in enumerate(said)
            ]
    out.append(rule)
    if back_to is not None:
        out += _fill(f"↺ then again from step {back_to}", width)
    if verdict:
        out += _fill(f"✗ {verdict}", width, "  ")
    return "\n".join(out) + "\n"


def lane_markdown(
    steps: Sequence[LaneStep],
    verdict: str = "",
    *,
    lanes: Sequence[str] = (),
    back_to: int | None = None,
) -> str:
    """The same table in Markdown. A step of no session stands in the first lane, in italics."""
    names = lane_names(steps, lanes)

    def row(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    out = [row(["#", *(_escape(name) for name in names)]), "|---:|" + "---|" * len(names)]
    for step in steps:
        cells = [""] * len(names)
        text = _escape(_one_line(step))
        cells[names.index(step.lane) if step.lane else 0] = text if step.lane else f"*{text}*"
        out.append(row([str(step.index), *cells]))
    if back_to is not None:
        out += ["", f"↺ then again from step {back_to}"]
    if verdict:
        out += ["", f"✗ **{_escape(verdict)}**"]
    return "\n".join(out) + "\n"


def _escape(text: str) -> str:
    return re.sub(r"([\\|*_`<>\[\]])", r"\\\1", " ".join(text.split()))


def _one_line(step: LaneStep) -> str:
    note = " ".join(step.note.split())
    return f"{step.action}  {note}" if note else step.action


def _cell(step: LaneStep, column: int) -> list[str]:
    """The lines of one step: in one line if there is room, else the note below the action."""
    whole = _one_line(step)
    if len(whole) <= column:
        return [whole]
    return [*_name_lines(step.action, column), *_fill(f"  {step.note}", column, "  ")]


def _name_lines(name: str, column: int) -> list[str]:
    """An action's name, broken before a capital when the lane is narrower than the name."""
    lines = [""]
    for part in _CAMEL.findall(name) if len(name) > column else [name]:
        if lines[-1] and len(lines[-1]) + len(part) > column:
            lines.append(" ")
        lines[-1] += part
    return [piece for line in lines for piece in _fill(line, column)]


def _fill(text: str, column: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, column, subsequent_indent=indent, break_on_hyphens=False)
