"""Spec variable, trace field, organism's code: the tables in ``spec/README.md``, and their guard.

Variables and actions are read from the modules, fields from the event classes, call sites from the
organism's source.  This file adds what only a person can say: which field shows which variable, and
the meaning of a field.  ``problems`` tells when one of the three has something that another lacks.
``python -m leo_model.traces.vocabulary`` writes the table anew.

A call site is a call of ``record``, or of a function that hands its own parameter on to one, with
``Action.X`` as an argument.  Sites are named by file and function, not by line, so that the table
changes only when a site does.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import leo
from leo.actions import Action
from leo.trace.events import End, Event, Header
from leo_model.disciplines import DISCIPLINES
from leo_model.files import spec_folder
from leo_model.machine.machine import ACTIONS
from leo_model.traces.events import carries

RECORD = "record"
MACHINE: Final = "ACTIONS in model/leo_model/machine/machine.py"
HERE: Final = "model/leo_model/traces/vocabulary.py"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def organism() -> list[Path]:
    """Return the source files of the organism."""
    assert leo.__file__ is not None
    return sorted(Path(leo.__file__).parent.rglob("*.py"))


def call_sites(paths: Iterable[Path]) -> dict[str, list[str]]:
    """Return for each action that is recorded somewhere the places, as ``file.py function``."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in paths}
    recorders = {RECORD} | {name for tree in trees.values() for name in _handing_on(tree)}
    found: dict[str, list[str]] = {}
    for path, tree in trees.items():
        for function, call in _calls(tree, ""):
            if recorders & set(_names(call)):
                for action in _actions(call):
                    place = f"{path.name} {function}"
                    if place not in found.setdefault(action, []):
                        found[action].append(place)
    return found


def _handing_on(tree: ast.AST) -> Iterator[str]:
    """Names of functions that give one of their own parameters to ``record``."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name != RECORD:
            parameters = {argument.arg for argument in node.args.args}
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and RECORD in _names(call):
                    given = {a.id for a in call.args if isinstance(a, ast.Name)}
                    if given & parameters:
                        yield node.name


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the innermost named function around it."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, Function) else function
        if isinstance(child, ast.Call):
            yield function, child
        yield from _calls(child, inside)


def _names(call: ast.Call) -> Iterator[str]:
    """The last words of what is called, and of what a ``partial`` is made of."""
    for node in (call.func, *call.args):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _actions(call: ast.Call) -> Iterator[str]:
    """The actions among the arguments, also those of ``A if ... else B``."""
    for argument in call.args:
        choices = [argument]
        if isinstance(argument, ast.IfExp):
            choices = [argument.body, argument.orelse]
        for choice in choices:
            if (
                isinstance(choice, ast.Attribute)
                and isinstance(choice.value, ast.Name)
                and choice.value.id == "Action"
            ):
                yield choice.attr


BEGIN: Final = "<!-- made by `python -m leo_model.traces.vocabulary`: do not edit -->\n"
END: Final = "<!-- end of the made part -->\n"
# A variable in the next state.
PRIMED: Final = re.compile(r"\b([a-z]\w*)'")

# The modules that say what an action is, of the idealised and of the published programs.
IDEAL: Final = ("History", "Lifecycle", "StepCommit", "UnitOfWork", "Field")
PUBLISHED: Final = ("History", "Lifecycle", "Published")

# Which part of a trace shows a variable of the specification.
SHOWN: Final = {
    "pc": "`action` of the session's last event",
    "calls": "`reply`: its number",
    "store": "`reads` of `snapshots`, `bigrams`, `trigrams`; `writes` of `ngrams`, `snapshots`",
    "view": "`reads` and `writes` of `view.bigrams`, `view.trigrams`",
    "local": "`reads` of the reply in flight; `buffer`: its own writes over the view",
    "holder": "`action`: from `Acquire` to `Release`, by `instance`",
    "arrivals": "`action`: the order of `Call` and `Acquire` (or `Begin`)",
    "overtaken": "`action`: the same",
    "writing": "`action`: from `Begin` to `Commit`, by `store`",
    "moved": "`action`: `Retry` and `BusySnapshot` say that it was true, `Commit` that it was not",
    "up": "`action`: `Crash` and `Recover`, by `instance`",
    "left": "`outcome`: `cancelled`, and events of the reply go on",
    "returned": "`outcome`: `returned`",
    "readers": "`reads`, by `reply`",
    "dsg": "`reads` and `writes`, by `reply`",
    "open": "`action`: `Statement` opens it, `CommitOpen` and `Crash` close it",
}

# What a field of a header, an event, a closing line says.
HEADER: Final = {
    "schema": "the version of this schema",
    "kind": "`header`",
    "spec": "the version of the specification",
    "run": "the run's name, the same in every line and in the files of all its processes",
    "discipline": "the constant `Discipline`: what the run claims to have kept to",
    "runtime": "`asyncio` or `threads`; informs",
    "program": "the constant `Program`",
    "instances": "the constant `Instances`",
    "stores": "the one store",
    "start": "the versions of the store when the recording began; `base` of `Tracing`",
    "seed": "of the run's chance; informs",
}
EVENT: Final = {
    "seq": "1, 2, ... for each writer: the order",
    "writer": "who wrote the line",
    "run": "as in the header",
    "time": "seconds since the run began; informs",
    "instance": "the member of `Instances`",
    "store": "as in the header",
    "session": "the member of `Sessions`, empty for `Crash` and `Recover`; `~observe`, `~refresh`, "
    "`~blank` at its end: what it calls of a published program",
    "reply": "`session.N`, the pair `Reply(s)`; empty for `Crash` and `Recover`",
    "action": "the operator of the specification",
    "reads": "object -> version, as the table of the actions says",
    "writes": "object -> version, after the write",
    "outcome": "`ok`, or how the reply ended",
}
CLOSING: Final = {
    "kind": "`end`",
    "run": "as in the header",
    "writer": "who closed its recording",
    "events": "how many lines this writer has written",
}

# Actions that the organism cannot tell of, and who does.
UNTOLD: Final = {
    "Crash": "nobody: a dead process tells nothing (its file has no closing line)",
    "Recover": "nobody: a process that starts anew begins a new file",
}


def variables(field: str) -> dict[str, str]:
    """Return the variables with their comments, from the modules' text."""
    blocks = re.findall(r"^VARIABLES\n((?:    .*\n)+)", field, re.MULTILINE)
    found: dict[str, str] = {}
    for line in (line for block in blocks for line in block.splitlines()):
        match = re.match(r"    (\w+),? +\\\* (.*)", line)
        if match:
            found[match[1]] = match[2]
        elif found and line.strip().startswith("\\*"):
            found[list(found)[-1]] += " " + line.strip().removeprefix("\\*").strip()
    return found


def operators(field: str) -> dict[str, str]:
    """Return the body of every operator of the module's text, without comments."""
    code = re.sub(r"\\\*.*", "", re.sub(r"\(\*.*?\*\)", "", field, flags=re.DOTALL))
    parts = re.split(r"^(\w+)(?:\([^)]*\))? *==", code, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def changed(action: str, bodies: dict[str, str], known: dict[str, str]) -> list[str]:
    """Return the variables that an action may change, its helpers' included."""
    names = {action}
    for _ in range(2):
        names |= {
            word
            for name in names
            for word in re.findall(r"\b[A-Z]\w+\b", bodies[name])
            if PRIMED.search(bodies.get(word, ""))
        }
    primed = {word for name in names for word in PRIMED.findall(bodies[name])}
    return [name for name in known if name in primed]


def actions(text: str) -> set[str]:
    """Return the actions that Step, Fault and Next of the modules' text are made of."""
    bodies = operators(text)
    tail = bodies["Step"] + bodies["Fault"] + bodies["Next"]
    return set(re.findall(r"\b([A-Z]\w+)\([si]\)", tail)) - {"Step", "Fault"}


def problems(field: str | None = None, sites: dict[str, list[str]] | None = None) -> list[str]:
    """Return what is missing in one of the three, each with the place to fix; empty when nothing.

    ``field`` is the text of the modules of the idealised programs and ``sites`` the call sites;
    None reads them.
    """
    field = module_texts(IDEAL) if field is None else field
    sites = call_sites(organism()) if sites is None else sites
    known = variables(field)
    steps = actions(field) | actions(module_texts(PUBLISHED))
    rules = (
        ("variable", set(known), set(SHOWN), "VARIABLES of spec/", f"SHOWN in {HERE}"),
        ("action", steps, set(map(str, Action)), "Next of spec/", "leo/actions.py"),
        ("action", steps, set(ACTIONS), "Next of spec/", MACHINE),
        (
            "action",
            steps,
            set(sites) | set(UNTOLD),
            "Next of spec/",
            f"the organism: record it in leo/, or say in UNTOLD of {HERE} who tells it",
        ),
        *(
            ("field", set(struct.__struct_fields__), set(words), f"leo.trace.events.{name}", place)
            for struct, words, name, place in (
                (Header, HEADER, "Header", f"HEADER in {HERE}"),
                (Event, EVENT, "Event", f"EVENT in {HERE}"),
                (End, CLOSING, "End", f"CLOSING in {HERE}"),
            )
        ),
    )
    found = [
        f"the action {action} is recorded by {sites[action][0]}: take it out of UNTOLD in {HERE}"
        for action in set(UNTOLD) & set(sites)
    ]
    for kind, one, other, here, there in rules:
        found += [f"the {kind} {word} is in {here} and missing in {there}" for word in one - other]
        found += [f"the {kind} {word} is in {there} and missing in {here}" for word in other - one]
    return sorted(found)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def rows() -> str:
    """Return the first made part of ``spec/README.md``: what distinguishes the disciplines."""
    yes = {True: "yes", False: ""}
    lines = [
        _row("row", "discipline", "1 others run", "2 lock", "3 commit", "4 shielded",
             "5 transaction", "6 detached", "7 reenters", "instances", "faults that can strike"),
        "|---" * 11 + "|",
    ]  # fmt: skip
    lines += [
        _row(r.number, f"`{r.name}`", "anywhere" if r.threads else "at awaits", r.lock,
             "whole reply" if r.whole_reply else "each step", yes[r.shielded], r.transaction,
             yes[r.detached], yes[r.reentrant], str(r.instances),
             ", ".join(r.possible_faults) or "none asked")
        for r in DISCIPLINES.values()
    ]  # fmt: skip
    heads = ("row", "sessions ask, in turn", "8 writes of its observation", "9 no await at")
    lines += ["", _row(*heads), "|---" * 4 + "|"]
    for r in DISCIPLINES.values():
        if r.published:
            parts = (f"{call}: {r.parts(call)}" for call in dict.fromkeys(r.asks))
            alone = (f"{c}: {', '.join(sorted(r.stretch(c)))}" for c in dict.fromkeys(r.asks))
            lines.append(_row(r.number, ", ".join(r.asks), ", ".join(parts), "; ".join(alone)))
    return f"{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}"


def table() -> str:
    """Return the second made part of ``spec/README.md``: the words of a step."""
    ideal, published = module_texts(IDEAL), module_texts(PUBLISHED)
    sites, known = call_sites(organism()), variables(ideal)
    of_ideal = actions(ideal)
    lines = ["| spec (action) | changes | trace: `reads` | `writes` | organism |"]
    lines += ["|---|---|---|---|---|"]
    for action in ACTIONS:
        places = "; ".join(f"`{place}`" for place in sites.get(action, ())) or UNTOLD[action]
        bodies = operators(ideal if action in of_ideal else published)
        cells = [f"`{action}`", ", ".join(changed(action, bodies, known))]
        lines.append(_row(*cells, *_objects(action), places))
    lines += ["", "| spec (variable) | what it is | trace |", "|---|---|---|"]
    lines += [f"| `{name}` | {_escape(what)} | {SHOWN[name]} |" for name, what in known.items()]
    for title, words in (("header", HEADER), ("event", EVENT), ("closing line", CLOSING)):
        lines += ["", f"| field ({title}) | what it says |", "|---|---|"]
        lines += [f"| `{name}` | {what} |" for name, what in words.items()]
    return f"{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}"


def with_table(readme: str) -> str:
    """Return the text of ``spec/README.md`` with the tables as they should be."""
    made = re.escape(BEGIN) + ".*?" + re.escape(END)
    head, between, rest = re.split(made, readme, flags=re.DOTALL)
    return head + rows() + between + table() + rest


def readme_path() -> Path:
    return spec_folder() / "README.md"


def module_texts(names: tuple[str, ...]) -> str:
    """Return the texts of modules, one after the other."""
    return "\n".join((spec_folder() / f"{name}.tla").read_text("utf-8") for name in names)


def _objects(action: str) -> tuple[str, str]:
    """What an event of the action reads and writes; in a unit of work, less."""
    kinds = list(dict.fromkeys(carries(discipline, action) for discipline in DISCIPLINES))
    return _either([kind.reads for kind in kinds]), _either([kind.writes for kind in kinds])


def _either(parts: list[frozenset[str]]) -> str:
    """The objects of a step that commits by itself, and what differs in a unit of work."""
    plain, unit = parts[0], parts[-1]
    text = _quoted(plain)
    if unit != plain:
        text += f" (in a unit of work {f'{_quoted(unit - plain)} too' if unit else 'nothing'})"
    return text


def _quoted(objects: Iterable[str]) -> str:
    return ", ".join(f"`{item}`" for item in sorted(objects))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write the tables of the README anew. Without what it would leave out: exit code 1."""
    argparse.ArgumentParser(
        prog="python -m leo_model.traces.vocabulary", description=__doc__
    ).parse_args()
    missing = problems()
    if missing:
        print("\n".join(missing), file=sys.stderr)
        return 1
    readme_path().write_text(with_table(readme_path().read_text("utf-8")), "utf-8")
    print(readme_path())
    return 0


if __name__ == "__main__":
    sys.exit(main())
