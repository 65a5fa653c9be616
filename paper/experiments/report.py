"""The results page: the paper's list in its order, each with what was pending, done, found, and the
command.

Every sentence with a number is taken from the results that the commands wrote. What was not run is
said to be not run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leo import __version__
from leo_model.checking.check import spec_hash
from paper.experiments.errors import ExperimentError
from paper.experiments.formal import COMMANDS, Formal, formal_of
from paper.experiments.items import ITEMS, Item
from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.runner import write
from paper.experiments.sources import sources_of

__all__ = ["write_report"]

NEEDED = {
    "stamp",
    "title",
    "question",
    "done",
    "answer",
    "findings",
    "unexpected",
    "limits",
    "plots",
}
STAMPED = {"command", "config", "config_hash", "seed", "sources", "spec"}

Summaries = Mapping[str, Mapping[str, Any]]


def write_report(build: Path) -> Path:
    """Write build/report.md from the summaries in build, and return its path. What `leo check` and
    `leo prove` wrote is looked for beside build.

    Raises ExperimentError when there is no summary.
    """
    found = {name: _read(build / name / "summary.json") for name in EXPERIMENTS}
    summaries = {name: value for name, value in found.items() if value is not None}
    if not summaries:
        raise ExperimentError(
            f"{build}: no experiment has been run there; begin with leo experiment all --quick, "
            "or name the folder with --build"
        )
    path = build / "report.md"
    write(path, report(summaries, formal_of(build.parent)))
    return path


def report(summaries: Summaries, formal: Formal) -> str:
    """The page as Markdown, from the summaries by experiment and what was done formally."""
    out = [
        "# The pending validations of section 8.6",
        "",
        f"leo-field {__version__}, specification {spec_hash()[:16]}. Each number below was "
        "computed by the command that stands under it, and can be computed again.",
        "",
        *_warnings(summaries),
        "| | where | result | command |",
        "| --- | --- | --- | --- |",
        *(_line(number, item, summaries, formal) for number, item in enumerate(ITEMS, 1)),
        "",
    ]
    for number, item in enumerate(ITEMS, 1):
        out += [f"## {number}. {item.title}", "", *_section(item, summaries, formal)]
    answered = {name for item in ITEMS for name in item.experiments}
    for name in summaries:
        if name not in answered:
            out += [f"## Also: {summaries[name]['title']}", "", *_result(name, summaries[name])]
    return "\n".join([*out, "## What was run", "", *_runs(summaries)]) + "\n"


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ExperimentError(
            f"{path}: no summary of an experiment ({error}); remove it, and run the experiment "
            "again"
        ) from None
    if not (
        isinstance(value, dict)
        and value.keys() >= NEEDED
        and isinstance(value["stamp"], dict)
        and value["stamp"].keys() >= STAMPED
        and isinstance(value["stamp"]["config"], dict)
        and "quick" in value["stamp"]["config"]
    ):
        raise ExperimentError(
            f"{path}: no summary of an experiment; remove it, and run the experiment again"
        )
    return value


def _warnings(summaries: Summaries) -> list[str]:
    """What a reader has to know before the results."""
    lines = []
    every = {name: value["stamp"] for name, value in summaries.items()}
    # Whether kept rows are what the sources here give is found out by making some again.
    stamps = {name: stamp for name, stamp in every.items() if "kept" not in stamp}
    files = {name: stamp["kept"]["changed"] for name, stamp in every.items() if "kept" in stamp}
    quick = [name for name, stamp in stamps.items() if stamp["config"]["quick"]]
    stale = [name for name, stamp in stamps.items() if stamp["spec"] != spec_hash()]
    older = [
        name
        for name, stamp in stamps.items()
        if stamp["sources"] != sources_of(load(name).measure.__module__)
    ]
    unexpected = [name for name, value in summaries.items() if value["unexpected"]]
    if quick:
        lines += [f"**Quick runs**, smaller than the full ones: {', '.join(quick)}.", ""]
    if stale:
        lines += [f"**Made with another specification:** {', '.join(stale)}; run them again.", ""]
    if older:
        lines += [f"**Made with other sources:** {', '.join(older)}; run them again.", ""]
    if any(files.values()):
        found = [f"{name} ({', '.join(some)})" for name, some in files.items() if some]
        lines += [f"**Changed since the rows were kept:** {'; '.join(found)}.", ""]
        lines += [
            "`leo experiment NAME --recompute 0.05` says whether they are still the same.",
            "",
        ]
    if unexpected:
        lines += [f"**Not as expected:** {', '.join(unexpected)}; see there.", ""]
    return lines


def _line(number: int, item: Item, summaries: Summaries, formal: Formal) -> str:
    done = [name for name in item.experiments if name in summaries]
    missing = [name for name in item.experiments if name not in summaries]
    results = [_first(summaries[name]["answer"]) for name in done]
    results += [f"{name}: not run" for name in missing]
    commands = [f"`{summaries[name]['stamp']['command']}`" for name in done]
    commands += [f"`leo experiment {name}`" for name in missing]
    if item.formal:
        results.append(_first(formal.result))
        commands += [f"`{command}`" for command in COMMANDS]
    where = f"{item.place}, {item.status}"
    return _bar([f"{number}. {item.title}", where, " ".join(results), ", ".join(commands)])


def _first(text: str) -> str:
    """The first sentence of a paragraph: up to a full stop before a capital."""
    for place, sign in enumerate(text):
        if sign in ".?!" and text[place + 1 : place + 2] == " " and text[place + 2].isupper():
            return text[: place + 1]
    return text


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _section(item: Item, summaries: Summaries, formal: Formal) -> list[str]:
    out = [f"**{item.status.capitalize()}** ({item.place}). {item.said}", ""]
    for name in item.experiments:
        if name in summaries:
            out += _result(name, summaries[name])
            out += [f"**{item.still(summaries[name])}**", ""] if item.still else []
        else:
            out += [f"**Not run.** Command: `leo experiment {name}`", ""]
    if item.formal:
        if formal.missing:
            commands = ", ".join(f"`{command}`" for command in formal.missing)
            out += [f"**Not run here, or not with these sources.** Command: {commands}", ""]
        out += [
            f"**Done.** {formal.done}",
            "",
            f"**Result.** {formal.result}",
            "",
            f"**Command.** {', '.join(f'`{command}`' for command in COMMANDS)}",
            "",
        ]
    return out


def _result(name: str, summary: Mapping[str, Any]) -> list[str]:
    out = [f"**Question.** {summary['question']}", ""]
    out += [f"**Done.** {summary['done']}", ""] if summary["done"] else []
    out += [f"**Result.** {summary['answer']}", ""]
    out += [f"**Not as expected.** {text}\n" for text in summary["unexpected"]]
    if summary["findings"]:
        out += [*(f"- {text}" for text in summary["findings"]), ""]
    for plot in summary["plots"]:
        out += [f"![{plot['caption']}]({name}/{plot['name']}.png)", ""]
    if summary["limits"]:
        out += [f"**Not meant.** {' '.join(summary['limits'])}", ""]
    command = summary["stamp"]["command"]
    return [*out, f"**Command.** `{command}` ([tables]({name}/summary.md))", ""]


def _runs(summaries: Summaries) -> list[str]:
    lines = ["| experiment | command | seed | configuration | sources |", "|" + " --- |" * 5]
    for name, summary in summaries.items():
        stamp = summary["stamp"]
        cells = [name, f"`{stamp['command']}`", str(stamp["seed"]), stamp["config_hash"]]
        lines.append(_bar([*cells, stamp["sources"][:16]]))
    return lines
