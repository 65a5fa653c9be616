"""The results page: the paper's list in its order, each with what was pending, done, found, and the
command.

Every sentence with a number is taken from the summaries that the experiments wrote, or computed
from the claims. What was not run is said to be not run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leo import __version__
from model.check import spec_hash
from model.claims import FALLS, FALLS_WITH_FAULTS, HOLDS, NEEDS_STRONG_FAIRNESS, load_claims
from model.disciplines import DISCIPLINES
from model.experiments.errors import ExperimentError
from model.experiments.published_data import CLAIMED
from model.experiments.registry import EXPERIMENTS, load
from model.experiments.runner import sources_of, write
from model.properties import PROPERTIES

__all__ = ["ITEMS", "Item", "write_report"]

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


@dataclass(frozen=True)
class Item:
    """One entry of the paper's list: where it stands, what was `pending` or `claimed` there, in our
    words, and which experiments answer it. `formal`: the claims answer it as well.
    """

    title: str
    place: str
    status: str
    said: str
    experiments: tuple[str, ...]
    formal: bool = False


ITEMS = (
    Item(
        "Lock isolation test",
        "8.6.7 and 8.6.9",
        "pending",
        "Put a threading.Lock around the synchronous reply and measure the metric, so that the "
        "effect of the lock is separated from that of the refactoring.",
        ("lock-isolation",),
    ),
    Item(
        "Concurrent sessions",
        "8.6.7 and 8.6.9",
        "pending",
        "A stress test with several sessions at a time, three to five parallel observers.",
        ("concurrent",),
    ),
    Item(
        "Long-term stability",
        "8.6.7 and 8.6.9",
        "pending",
        "More than 1,000 turns, observed over a week.",
        ("long-run",),
    ),
    Item(
        "Theoretical formalization",
        "8.6.9",
        "pending",
        "A mathematical model of execution that preserves coherence.",
        (),
        formal=True,
    ),
    Item(
        "The 47 % improvement",
        "8.6.2",
        "claimed",
        f"The asynchronous run has a lower external_vocab, {CLAIMED['async']['mean']} against "
        f"{CLAIMED['sync']['mean']}, and only the execution model is said to differ.",
        ("published",),
    ),
    Item(
        "Hypotheses H1 to H3",
        "8.6.3",
        "claimed",
        "H1, the lock, and H2, the refactoring, are said to have made the difference together; "
        "H3, a difference in the baseline, was dismissed.",
        ("confound",),
    ),
    Item(
        "The crystal and the ocean",
        "8.6.5",
        "claimed",
        "A field is said to keep a defect for ever, where a transformer would not notice it.",
        ("perturbation",),
    ),
)


def write_report(build: Path) -> Path:
    """Write build/report.md from the summaries in build, and return its path.

    Raises ExperimentError when there is none.
    """
    found = {name: _read(build / name / "summary.json") for name in EXPERIMENTS}
    summaries = {name: value for name, value in found.items() if value is not None}
    if not summaries:
        raise ExperimentError(
            f"{build}: no experiment has been run there; begin with leo experiment all --quick, "
            "or name the folder with --build"
        )
    path = build / "report.md"
    write(path, report(summaries))
    return path


def report(summaries: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as Markdown, from the summaries by experiment."""
    out = [
        "# The pending validations of section 8.6",
        "",
        f"leo-field {__version__}, specification {spec_hash()[:16]}. Each number below was "
        "computed by the command that stands under it, and can be computed again.",
        "",
        *_warnings(summaries),
        "| | where | result | command |",
        "| --- | --- | --- | --- |",
        *(_line(number, item, summaries) for number, item in enumerate(ITEMS, 1)),
        "",
    ]
    for number, item in enumerate(ITEMS, 1):
        out += [f"## {number}. {item.title}", "", *_section(item, summaries)]
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
    if not isinstance(value, dict) or not value.keys() >= NEEDED:
        raise ExperimentError(
            f"{path}: no summary of an experiment; remove it, and run the experiment again"
        )
    return value


def _warnings(summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader has to know before the results."""
    lines = []
    stamps = {name: value["stamp"] for name, value in summaries.items()}
    quick = [name for name, stamp in stamps.items() if stamp["config"]["quick"]]
    stale = [name for name, stamp in stamps.items() if stamp["spec"] != spec_hash()]
    older = [name for name, stamp in stamps.items() if stamp["sources"] != sources_of(load(name))]
    unexpected = [name for name, value in summaries.items() if value["unexpected"]]
    if quick:
        lines += [f"**Quick runs**, smaller than the full ones: {', '.join(quick)}.", ""]
    if stale:
        lines += [f"**Made with another specification:** {', '.join(stale)}; run them again.", ""]
    if older:
        lines += [f"**Made with other sources:** {', '.join(older)}; run them again.", ""]
    if unexpected:
        lines += [f"**Not as expected:** {', '.join(unexpected)}; see there.", ""]
    return lines


def _line(number: int, item: Item, summaries: Mapping[str, Mapping[str, Any]]) -> str:
    done = [name for name in item.experiments if name in summaries]
    missing = [name for name in item.experiments if name not in summaries]
    results = [_first(summaries[name]["answer"]) for name in done]
    results += [f"{name}: not run" for name in missing]
    commands = [f"`{summaries[name]['stamp']['command']}`" for name in done]
    commands += [f"`leo experiment {name}`" for name in missing]
    if item.formal:
        results.append(_first(_formal()))
        commands.append("`leo check`")
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


def _section(item: Item, summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    out = [f"**{item.status.capitalize()}** ({item.place}). {item.said}", ""]
    for name in item.experiments:
        if name in summaries:
            out += _result(name, summaries[name])
        else:
            out += [f"**Not run.** Command: `leo experiment {name}`", ""]
    if item.formal:
        out += [
            "**Done.** A TLA+ specification of a reply under each discipline, model-checked, and "
            "theorems for any number of sessions.",
            "",
            f"**Result.** {_formal()}",
            "",
            "**Command.** `leo check`, `leo check --noop`, `leo prove`",
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


def _formal() -> str:
    """What is claimed, counted; whether it holds is what `leo check` says."""
    claims = load_claims()
    verdicts = Counter(
        claims.cell(discipline, title).verdict for discipline in DISCIPLINES for title in PROPERTIES
    )
    decided = sum(verdicts[name] for name in (HOLDS, FALLS, FALLS_WITH_FAULTS))
    decided += verdicts[NEEDS_STRONG_FAIRNESS]
    lock = {
        title: claims.cell("asyncio-lock", title).verdict
        for title in ("Serializable", "AllOrNothing")
    }
    said = {HOLDS: "holds", FALLS: "falls", FALLS_WITH_FAULTS: "falls with a fault"}
    return (
        f"{len(DISCIPLINES)} disciplines and {len(PROPERTIES)} properties make {decided} verdicts: "
        f"{verdicts[HOLDS]} hold, {verdicts[FALLS]} fall, {verdicts[FALLS_WITH_FAULTS]} fall only "
        f"with faults, {verdicts[NEEDS_STRONG_FAIRNESS]} hold under strong fairness only. Of the "
        f"paper's asyncio.Lock, Serializable {said[lock['Serializable']]} and AllOrNothing "
        f"{said[lock['AllOrNothing']]}."
    )


def _runs(summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["| experiment | command | seed | configuration | sources |", "|" + " --- |" * 5]
    for name, summary in summaries.items():
        stamp = summary["stamp"]
        cells = [name, f"`{stamp['command']}`", str(stamp["seed"]), stamp["config_hash"]]
        lines.append(_bar([*cells, stamp["sources"][:16]]))
    return lines
