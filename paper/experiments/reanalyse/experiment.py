"""Transcripts of the published comparison, measured again: both definitions for every turn, and
what the difference between the arms is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from paper.experiments.errors import TranscriptError
from paper.experiments.experiment import Config, Experiment, Key, Lab, Row
from paper.experiments.reanalyse.report import plot, summarise
from paper.experiments.reanalyse.transcripts import read_transcript


def prepare(values: dict[str, Any], files: Sequence[Path]) -> Config:
    """Say for each file whether it can be read. Raises TranscriptError when none can."""
    found: list[dict[str, str]] = []
    for path in files:
        try:
            read_transcript(path)
        except TranscriptError as error:
            found.append({"path": str(path), "sha256": "", "error": str(error)})
        else:
            digest = sha256(path.read_bytes()).hexdigest()
            found.append({"path": str(path), "sha256": digest, "error": ""})
    if all(file["error"] for file in found):
        raise TranscriptError(
            "none of the files is a transcript: " + "; ".join(file["error"] for file in found)
        )
    return {**values, "files": found}


def cells(config: Config) -> list[Key]:
    return [("file", number) for number in range(len(config["files"]))]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """One row for each turn of the file; one for what could not be used."""
    file = config["files"][key[1]]
    if file["error"]:
        return [{"file": key[1], "problem": file["error"]}]
    transcript = read_transcript(Path(file["path"]))
    rows: list[Row] = [
        {
            "file": key[1],
            "arm": transcript.format,
            "talk": talk.section,
            "theme": talk.theme,
            "turn": talk.turn,
            "line": talk.line,
            "printed": talk.printed,
            "tokens": talk.scores.token_ratio_current,
            "types": talk.scores.type_ratio_current_plus_3,
            "message_words": len(talk.message.split()),
            "reply_words": len(talk.reply.split()),
            "flag": talk.flag,
            "before": list(talk.before),
            "message": talk.message,
            "reply": talk.reply,
        }
        for talk in transcript.talks
    ]
    return rows + [
        {"file": key[1], "problem": f"{file['path']}: {text}"} for text in transcript.problems
    ]


EXPERIMENT = Experiment(
    name="reanalyse",
    options=(),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
    parallel=False,
    files="transcripts in the synchronous or the asynchronous Markdown format",
    prepare=prepare,
)
