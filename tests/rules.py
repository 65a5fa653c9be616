"""The rules of the house that no general tool checks. `make lint` runs this as a program.

Each rule takes the root of a checkout and yields what is wrong there, a line each. `test_rules.py`
breaks every rule once: a rule that cannot fail says nothing.
"""

from __future__ import annotations

import ast
import re
import shlex
import sys
import tomllib
from argparse import ArgumentError, ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["ROOT", "RULES", "commands", "documents", "main"]

ROOT: Final = Path(__file__).resolve().parents[1]
PARTS: Final = ("leo", "model", "paper", "proofs", "bench", "tests")
PACKAGES: Final = {
    "leo": "leo", "leo_model": "model/leo_model", "paper": "paper", "proofs": "proofs",
}  # fmt: skip
LONGEST_FILE: Final = 600
LONGEST_ROOM_README: Final = 40
LONGEST_README: Final = 150

# The lock: a pinned package, its hashes, who asked for it. No options, addresses or folders.
LOCK_LINE: Final = re.compile(
    r"[a-z0-9-]+==[A-Za-z0-9.!+]+ \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|    # +via( [a-z0-9-]+( \(pyproject\.toml\))?)?"
    r"|    #   [a-z0-9-]+( \(pyproject\.toml\))?"
)

# Commands in a document: in backquotes, indented, or in a fenced block.
IN_TEXT: Final = re.compile(r"`((?:leo|make) [a-z][^`\n]*)`")
INDENTED: Final = re.compile(
    r"^(?: {4,}|\t)\$? ?((?:leo|make|\.venv/bin/\S+) [a-z-].*)$", re.MULTILINE
)
FENCED: Final = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED_LINE: Final = re.compile(r"^\$? ?((?:leo|make) [a-z].*)$", re.MULTILINE)
LINK: Final = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def sources(root: Path) -> list[Path]:
    """Every Python file of a checkout."""
    return sorted(path for part in PARTS for path in (root / part).rglob("*.py"))


def documents(root: Path) -> list[Path]:
    """Every Markdown file of a checkout."""
    below = (path for part in (*PARTS, "spec") for path in (root / part).rglob("*.md"))
    return sorted([*root.glob("*.md"), *below])


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def length(root: Path) -> Iterator[str]:
    """A file is one subject; a room's README fits one screen."""
    for path in sources(root):
        lines = path.read_text("utf-8").count("\n")
        if lines > LONGEST_FILE:
            yield f"{path}: {lines} lines, at most {LONGEST_FILE}: it has two subjects"
    readmes = dict.fromkeys(rooms(root).values(), LONGEST_ROOM_README) | {root: LONGEST_README}
    for folder, most in readmes.items():
        path = folder / "README.md"
        lines = path.read_text("utf-8").count("\n") if path.exists() else 0
        if lines > most:
            yield f"{path}: {lines} lines, at most {most}"


def naps(root: Path) -> Iterator[str]:
    """A test waits for what happens: never by a timer, nor for an event that nobody can set."""
    for path in sorted((root / "tests").rglob("*.py")):
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            # Without an end of time it is a wait for ever, which a schedule may be about.
            alone = re.search(r"\bEvent\(\)\.wait$", called) and (node.args or node.keywords)
            # What is explored has a clock that goes when nothing else can.
            timer = called.rpartition(".")[2] == "Timer" and path.parent.name != "schedules"
            if timer or alone:
                yield f"{path}:{node.lineno}: waits for the clock; wait for what happens"


def silent(root: Path) -> Iterator[str]:
    """No terminal is silent for minutes: code that lets TLC run on many questions counts them."""
    for path in sources(root):
        for node in ast.walk(parsed(path)):
            if path.is_relative_to(root / "tests") or not isinstance(node, ast.Call):
                continue
            given = {keyword.arg for keyword in node.keywords}
            if ast.unparse(node.func).endswith("run_many") and "done" not in given:
                yield f"{path}:{node.lineno}: runs of TLC that nobody counts; give it a `done`"


def rooms(root: Path) -> dict[str, Path]:
    """The packages directly below leo, leo_model, paper and proofs, by import name."""
    return {
        f"{package}.{folder.name}": folder
        for package, place in PACKAGES.items()
        for folder in sorted((root / place).glob("*/"))
        if (folder / "__init__.py").exists()
    }


def listed(door: Path) -> set[str] | None:
    """The names that a door lists: in its `__all__`, or else as `from ... import X as X`."""
    again: set[str] = set()
    for node in ast.walk(parsed(door)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                return {str(name) for name in ast.literal_eval(node.value)}
        elif isinstance(node, ast.ImportFrom):
            again |= {alias.name for alias in node.names if alias.asname == alias.name}
    return again or None


def doors(root: Path) -> Iterator[str]:
    """Each room says what it is and lists what other rooms may import; they import nothing else."""
    names = {}
    for room, folder in rooms(root).items():
        door = folder / "__init__.py"
        names[room] = listed(door) or set()
        if not ast.get_docstring(parsed(door)):
            yield f"{door}: no docstring; say what belongs in the room"
        if listed(door) is None:
            yield f"{door}: no list; say in an __all__ what other rooms may import"
    for path in sources(root):
        home = room_of(path, root)
        if home is None:
            continue
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
                continue
            room = ".".join(node.module.split(".")[:2])
            if room not in names or room == home:
                continue
            rest = node.module.split(".")[2:]
            for alias in node.names:
                if not {alias.name, *rest[:1]} & names[room]:
                    yield (
                        f"{path}:{node.lineno}: {node.module}.{alias.name} is not in the __all__ "
                        f"of {room}; add it there if other rooms may use it"
                    )


def room_of(path: Path, root: Path) -> str | None:
    """The room of a source; None for tests and benchmarks, which look behind every door."""
    for package, place in PACKAGES.items():
        if path.is_relative_to(root / place):
            return ".".join([package, *path.relative_to(root / place).parts[:-1]][:2])
    return None


def lock(root: Path) -> Iterator[str]:
    """The lock has pinned packages with hashes and nothing else, and all that is asked for."""
    text = (root / "requirements.lock").read_text("utf-8")
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    for line in lines:
        if not LOCK_LINE.fullmatch(line):
            yield f"requirements.lock: {line!r} is no pin, hash or reason"
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra, needed in project["project"]["optional-dependencies"].items():
        # JAX has a lock of its own: it is large, and one experiment needs it.
        wanted += needed if extra != "ocean" else []
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    for requirement in wanted:
        name = re.split(r"[^A-Za-z0-9-]", requirement)[0]
        if name not in pinned:
            yield f"requirements.lock: {name} is missing; run make lock"


def release(root: Path) -> Iterator[str]:
    """One version everywhere, a citation with a date and an abstract, the whole licence."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    citation = (root / "CITATION.cff").read_text("utf-8")
    for place, pattern in (
        ("leo/__init__.py", rf'^__version__ = "{re.escape(version)}"$'),
        ("CITATION.cff", rf"^version: {re.escape(version)}$"),
    ):
        if not re.search(pattern, (root / place).read_text("utf-8"), re.MULTILINE):
            yield f"{place}: the version is not {version}, as in pyproject.toml"
    if not re.search(r"^date-released: \d{4}-\d\d-\d\d$", citation, re.MULTILINE):
        yield "CITATION.cff: no date-released"
    if not re.search(r"^abstract: >-\n(  .+\n){3,}", citation, re.MULTILINE):
        yield "CITATION.cff: no abstract of three lines or more"
    licence = (root / "LICENSE").read_text("utf-8")
    for words in ("Version 2.0, January 2004", "END OF TERMS AND CONDITIONS"):
        if words not in licence:
            yield f"LICENSE: {words!r} is missing: it is not the whole Apache License 2.0"
    steps = re.findall(r"^make (.+)$", (root / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    if steps != ["lint", "verify", "prove", "test"]:
        yield f".ci/run: {steps}, expected lint, verify, prove, test: no test checks every claim"


def commands(text: str) -> list[str]:
    """The commands of a document, without the remark that a table of commands has after them."""
    found = IN_TEXT.findall(text) + INDENTED.findall(text)
    for block in FENCED.findall(text):
        found += FENCED_LINE.findall(block)
    return [re.split(r"\s{2,}|\s#", command)[0].strip() for command in found]


@cache
def parser_of(name: str) -> ArgumentParser | None:
    """The parser of a subcommand of `leo`; None when there is no such subcommand."""
    for group in ("leo.commands", "leo.commands.checkout"):
        for entry in entry_points(group=group, name=name):
            parser = ArgumentParser(prog=f"leo {name}", exit_on_error=False)
            entry.load().configure(parser)
            return parser
    return None


def wrong_command(command: str, targets: set[str]) -> str | None:
    """What is wrong with a command of a document: its target, module, subcommand or arguments."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        unknown = {word for word in words[1:] if "=" not in word} - targets
        return f"no such target: {', '.join(sorted(unknown))}" if unknown else None
    if words[0] != "leo":
        if words[1:2] != ["-m"]:
            return None
        with suppress(ModuleNotFoundError):  # of a package on the way to it
            if find_spec(words[2]):
                return None
        return f"no module {words[2]}"
    parser = parser_of(words[1])
    if parser is None:
        return f"no subcommand {words[1]}"
    # What a shell adds is not the command's.
    given = words[2:]
    for sign in (">", "|", "<", "&&"):
        given = given[: given.index(sign)] if sign in given else given
    if not given or {"...", "--help"} & set(given):
        return None
    try:
        parser.parse_args(given)
    except (ArgumentError, SystemExit) as error:
        return f"its parser refuses it ({error})"
    return None


def texts(root: Path) -> Iterator[str]:
    """Every link of a document leads to a file, and every command in it exists as it stands."""
    makefile = (root / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for path in documents(root):
        text = path.read_text("utf-8")
        for link in LINK.findall(FENCED.sub("", text)):
            if "://" not in link and not (path.parent / link).exists():
                yield f"{path}: the link {link} leads nowhere"
        for command in commands(text):
            wrong = wrong_command(command, targets)
            if wrong is not None:
                yield f"{path}: `{command}`: {wrong}"


def readmes(root: Path) -> Iterator[str]:
    """Each part and room says in a README what belongs there."""
    for folder in [*(root / part for part in ("spec", *PARTS)), *rooms(root).values()]:
        path = folder / "README.md"
        if not path.exists():
            yield f"{path}: missing; say what belongs here and which file to read first"


RULES: Final[tuple[Callable[[Path], Iterator[str]], ...]] = (
    length, naps, silent, doors, lock, release, texts, readmes,
)  # fmt: skip


def main() -> int:
    """Print what is wrong in this checkout; 1 if anything is."""
    wrong = [line.replace(f"{ROOT}/", "") for rule in RULES for line in rule(ROOT)]
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
