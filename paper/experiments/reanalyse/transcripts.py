"""Transcripts in the two published Markdown formats, read line by line.

    synchronous                         asynchronous
    ### theme                           ### n. theme
    #### Turn n                         **Turn n** [...]
    **Observer:** message               Observer: message
    **Leo:** reply                      Leo: reply
    *Metrics: external_vocab=0.123*     *external_vocab=0.123*

Messages and replies may go on over further lines. Everything before the first section is left out,
and so is what stands between a metric's line and the next turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leo.field.metrics import PREVIOUS, Scores, score_turn
from paper.experiments.errors import TranscriptError

FORMATS: Final = ("sync", "async")
TURN: Final = {
    "sync": re.compile(r"####\s+Turn\s+(\d+)\b"),
    "async": re.compile(r"\*\*Turn\s+(\d+)\*\*"),
}
SPEAKER: Final = {
    "sync": re.compile(r"\*\*(Observer|Leo):\*\*\s*(.*)"),
    "async": re.compile(r"(Observer|Leo):\s*(.*)"),
}
SECTION: Final = re.compile(r"###\s+(?:\d+\.\s*)?(.*\S)")
# Any other heading, and a rule, end a turn.
BREAK: Final = re.compile(r"#{1,6}\s|(?:-{3,}|\*{3,}|_{3,})$")
METRIC: Final = re.compile(r"\*(?!\*).*?external_vocab\s*=\s*(-?\d+(?:\.\d+)?)?.*\*$")
LARGEST: Final = 20_000_000
SUBSTITUTES: Final = frozenset({"...", "…"})


@dataclass
class Talk:
    """One turn: what was said on either side, and the printed value where there is one. `section`
    is the conversation and `line` where the turn begins, both counted from 1; `before` are up to
    three messages before this one, the last one last; `scores` are by both definitions.
    """

    section: int
    theme: str
    turn: int
    line: int
    before: tuple[str, ...]
    message: str
    reply: str
    printed: float | None
    scores: Scores

    @property
    def flag(self) -> str:
        """`substitute` for dots in place of a reply, `fallback` for one word, else nothing."""
        if self.reply in SUBSTITUTES:
            return "substitute"
        return "fallback" if len(self.reply.split()) <= 1 else ""


@dataclass
class Transcript:
    """A file's turns, and what in it could not be used, in words."""

    format: str
    talks: list[Talk] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class _Draft:
    """A turn as far as it has been read."""

    turn: int
    line: int
    said: dict[str, list[str]] = field(default_factory=dict)
    speaker: str | None = None
    printed: float | None = None

    def text(self, speaker: str) -> str:
        return " ".join("\n".join(self.said.get(speaker, [])).split())


def read_transcript(path: Path) -> Transcript:
    """Read a file. Raises TranscriptError when it cannot be read, or has no turn of either format;
    the message names the file and says what was expected.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise TranscriptError(f"{path}: larger than {LARGEST:,} bytes; no transcript is")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TranscriptError(
            f"{path}: not UTF-8 text (byte {error.start}); expected a Markdown transcript"
        ) from None
    except OSError as error:
        raise TranscriptError(
            f"{path}: cannot be read ({error.strerror}); see to the name and its permissions"
        ) from None
    if not text.strip():
        raise TranscriptError(f"{path}: empty; expected a Markdown transcript")
    try:
        return parse(text)
    except TranscriptError as error:
        raise TranscriptError(f"{path}: {error}") from None


def parse(text: str) -> Transcript:
    """The turns of a text. Raises TranscriptError when there is none that is whole."""
    lines = text.splitlines()
    counts = {name: sum(bool(TURN[name].match(line.strip())) for line in lines) for name in FORMATS}
    if not any(counts.values()):
        raise TranscriptError(
            'no turns; expected lines "#### Turn 1" (synchronous format) or "**Turn 1**" '
            "(asynchronous format)"
        )
    if all(counts.values()):
        raise TranscriptError(
            f"turns of both formats ({counts['sync']} synchronous, {counts['async']} "
            "asynchronous); expected one format in a file"
        )
    found = Transcript("sync" if counts["sync"] else "async")
    for section, (theme, drafts) in enumerate(_sections(lines, found.format), 1):
        _take(found, section, theme, drafts)
    if not found.talks:
        raise TranscriptError(f"no whole turn; {'; '.join(found.problems)}")
    return found


def _sections(lines: list[str], form: str) -> Iterator[tuple[str, list[_Draft]]]:
    """The themes with their turns, in the order of the file."""
    theme, drafts = "", list[_Draft]()
    draft: _Draft | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        if turn := TURN[form].match(line):
            draft = _Draft(int(turn[1]), number)
            drafts.append(draft)
        elif section := SECTION.fullmatch(line):
            if drafts:
                yield theme, drafts
            theme, drafts, draft = section[1], [], None
        elif BREAK.match(line):
            draft = None
        elif draft is not None:
            _add(draft, line, form)
    if drafts:
        yield theme, drafts


def _add(draft: _Draft, line: str, form: str) -> None:
    """One more line of a turn."""
    if metric := METRIC.fullmatch(line):
        draft.printed = float(metric[1]) if metric[1] else None
        draft.speaker = None
    elif (said := SPEAKER[form].match(line)) and said[1] not in draft.said:
        # A second "Leo:" in a turn is a line of what is being said, not another speaker.
        draft.speaker = said[1]
        draft.said[said[1]] = [said[2]]
    elif draft.speaker is not None:
        draft.said[draft.speaker].append(line)


def _take(found: Transcript, section: int, theme: str, drafts: list[_Draft]) -> None:
    """Keep the whole turns of a conversation. A message counts for those after it, whether or not
    its own turn has a reply.
    """
    heard: list[str] = []
    for draft in drafts:
        where = f"line {draft.line}, {theme or 'no theme'}, turn {draft.turn}"
        message, reply = draft.text("Observer"), draft.text("Leo")
        if not message:
            found.problems.append(f"{where}: no words of the observer; left out")
            continue
        heard.append(message)
        if not reply:
            found.problems.append(f"{where}: no reply; left out")
            continue
        if draft.printed is None:
            found.problems.append(f"{where}: no printed value")
        found.talks.append(
            Talk(
                section,
                theme,
                draft.turn,
                draft.line,
                tuple(heard[-PREVIOUS - 1 : -1]),
                message,
                reply,
                draft.printed,
                score_turn(reply, heard),
            )
        )
