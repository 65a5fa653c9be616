"""The house rules that no general tool checks: who may import whom, what may and must not be there.

Each rule is a function from the text of a file to what is wrong with it, and is itself tested on a
text that breaks it: a rule that cannot fail says nothing.
"""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from leo import __version__

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("leo", "model", "proofs", "tests")
SOURCES = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py"))
LINES_AT_MOST = 400

# What the files of a folder may not import: model -> leo, proofs -> model, tests -> all.
FORBIDDEN = {
    "leo": {"model", "proofs", "tests"},
    "model": {"proofs", "tests"},
    "proofs": {"tests"},
}

# Time and chance are arguments in model/. The exceptions, each with its reason; an entry that is no
# longer needed fails as well.
CLOCKS = {"time", "random"}
CLOCKS_ALLOWED: dict[str, str] = {
    "tests/model/traces/agreement.py": "takes a seeded Random as an argument and names its type",
    "paper/experiments/arms.py": "seeds the generator that chooses which session goes on",
    "paper/experiments/confound/arms.py": "is a module, takes a seeded Random and names its type",
    "paper/experiments/main.py": "the command line gives the experiments their clock",
    "model/leo_model/traces/mutate.py": "takes a seeded Random as an argument and names its type",
    "leo/schedules/pct.py": "seeds the generator of each run of a search by chance",
    "model/leo_model/traces/synth.py": "takes a seeded Random as an argument and names its type",
    "model/leo_model/traces/workload.py": "seeds the generator that chooses where cancellations strike",
}

# The lock file: a pinned package, its hashes, who asked for it. No options, addresses or folders.
LOCK_LINE = re.compile(
    r"[a-z0-9-]+==[A-Za-z0-9.!+]+ \\"
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|    # +via( [a-z0-9-]+( \(pyproject\.toml\))?)?"
    r"|    #   [a-z0-9-]+( \(pyproject\.toml\))?"
)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(text: str) -> set[str]:
    """The top-level names that a file imports, by statement or by a literal given to importlib."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"}:
            found |= {
                str(argument.value).partition(".")[0]
                for argument in node.args
                if isinstance(argument, ast.Constant)
            }
    return found


def called(node: ast.Call) -> str:
    """The last word of what is called: `sleep` for time.sleep(1)."""
    return ast.unparse(node.func).rpartition(".")[2]


def broad_handlers(text: str) -> list[int]:
    """The lines of handlers that catch everything: a module that fails must say so."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or {"Exception", "BaseException"}
            & {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)}
        )
    ]


def sleeps(text: str) -> list[int]:
    """The lines that wait for the clock: time.sleep, under whatever name it was imported."""
    tree = ast.parse(text)
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep"
    ]
    lines += [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module == "time"
        and any(alias.name == "sleep" for alias in node.names)
    ]
    return lines


def naps(text: str) -> list[int]:
    """The lines that wait for the clock without a sleep: for an event of nobody, or by a timer."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and (called(node) == "Timer" or waits_alone(node))
    ]


def waits_alone(node: ast.Call) -> bool:
    """Whether it is `Event().wait(...)`: nobody can set an event that was made there."""
    waited = node.func.value if isinstance(node.func, ast.Attribute) else None
    return called(node) == "wait" and isinstance(waited, ast.Call) and called(waited) == "Event"


def bad_lock_lines(text: str) -> list[str]:
    """The lines of a lock file, below its heading, that are none of the shapes it may have."""
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    return [line for line in lines if not LOCK_LINE.fullmatch(line)]


@pytest.fixture(params=SOURCES, ids=name_of)
def source(request: pytest.FixtureRequest) -> Path:
    """Each Python file of the repository in turn."""
    path = request.param
    assert isinstance(path, Path)
    return path


def test_every_part_has_sources() -> None:
    """The rules below look at files of every part: none of them passes for want of files."""
    assert {name_of(path).partition("/")[0] for path in SOURCES} == set(PARTS)


def test_imports_point_one_way(source: Path) -> None:
    """leo imports none of the others, model neither proofs nor tests, proofs not tests."""
    part = name_of(source).partition("/")[0]
    assert imports(source.read_text()) & FORBIDDEN.get(part, set()) == set()


def test_length_of_file(source: Path) -> None:
    """No file has more than 400 lines: a longer one has two subjects."""
    assert len(source.read_text().splitlines()) <= LINES_AT_MOST


def test_no_broad_handlers(source: Path) -> None:
    """No handler catches everything."""
    assert broad_handlers(source.read_text()) == []


def test_no_sleeps(source: Path) -> None:
    """Nothing waits for the clock: whoever needs time to pass is given a clock."""
    assert sleeps(source.read_text()) == []


def test_no_naps_in_tests(source: Path) -> None:
    """A test waits for what happens, never for a while in which it should have happened."""
    assert not name_of(source).startswith("tests/") or naps(source.read_text()) == []


def test_model_takes_time_and_chance_as_arguments() -> None:
    """The files of model/ that import time or random are exactly those that have a reason to."""
    using = {
        name_of(path)
        for path in SOURCES
        if path.is_relative_to(ROOT / "model") and imports(path.read_text()) & CLOCKS
    }
    assert using == set(CLOCKS_ALLOWED)


@pytest.mark.parametrize(
    "text",
    [
        "import model",
        "import os, leo_model.errors",
        "def f():\n    from leo_model.errors import ModelError",
        "importlib.import_module('model.commands')",
    ],
)
def test_rule_sees_forbidden_import(text: str) -> None:
    """An import is seen in each of its forms, wherever in the file it stands."""
    assert "model" in imports(text)


@pytest.mark.parametrize(
    "handler", ["except:", "except Exception:", "except (OSError, BaseException) as e:"]
)
def test_rule_sees_broad_handler(handler: str) -> None:
    """A handler that catches everything is seen, alone or in a tuple."""
    assert broad_handlers(f"try:\n    f()\n{handler}\n    pass") == [3]


@pytest.mark.parametrize(
    "text", ["time.sleep(1)", "from time import sleep as nap", "f(time.sleep)"]
)
def test_rule_sees_sleep(text: str) -> None:
    """Waiting is seen, also when the function is renamed or handed on."""
    assert sleeps(text) == [1]


@pytest.mark.parametrize(
    "text", ["threading.Event().wait(0.02)", "assert Event().wait(1)", "Timer(0.05, f).start()"]
)
def test_rule_sees_nap(text: str) -> None:
    """A wait that nobody can end, and a timer, are seen however they are reached."""
    assert naps(text) == [1]
    assert naps("assert there.wait(20)\nevent = Event()\nevent.wait()") == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://host/simple",
        "--find-links wheels",
        "--extra-index-url https://host/simple",
        "six @ https://host/six.whl",
        "six==1.16.0",
        "-e .",
        "    # via -r /home/me/requirements.in",
    ],
)
def test_rule_sees_bad_lock_line(line: str) -> None:
    """An index, a folder, an address, or a package without a hash is seen."""
    assert bad_lock_lines(f"# heading\nsix==1.16.0 \\\n{line}") == [line]


def test_lock_pins_by_hash_and_names_no_place() -> None:
    """The lock has pinned packages with hashes and nothing else: any index will do."""
    text = (ROOT / "requirements.lock").read_text()
    assert "make lock" in text
    assert bad_lock_lines(text) == []


def test_lock_holds_everything_that_is_asked_for() -> None:
    """Every dependency and the build backend in pyproject.toml is in the lock."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = list(table["build-system"]["requires"]) + list(table["project"]["dependencies"])
    for extra in table["project"]["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[^A-Za-z0-9-]", requirement)[0] for requirement in wanted}
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.M))
    assert names <= locked


def test_version_is_the_same_everywhere() -> None:
    """pyproject.toml, the package and the citation name one version."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert table["project"]["version"] == __version__
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_the_citation_says_what_and_when() -> None:
    """Who cites needs a date and, where a title says little, an abstract."""
    text = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^date-released: \d{4}-\d\d-\d\d$", text, re.M)
    assert re.search(r"^abstract: >-\n(  .+\n){3,}", text, re.M)


def test_what_a_change_must_pass_checks_the_claims() -> None:
    """The style first, which takes seconds, then every claim, then the tests."""
    commands = re.findall(r"^make (.+)$", (ROOT / ".ci" / "run").read_text(), re.M)
    assert commands == ["lint", "verify", "test"]


@pytest.mark.parametrize("part", ["spec", *PARTS])
def test_every_part_has_a_readme(part: str) -> None:
    """Each folder says what belongs in it, how to run it, and what a pass does not mean."""
    text = (ROOT / part / "README.md").read_text().lower()
    for question in ("what belongs here", "how to run", "not mean"):
        assert question in text


def test_licence_is_whole() -> None:
    """LICENSE is the Apache License 2.0, from its title to its appendix."""
    text = (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
