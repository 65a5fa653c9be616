"""The built wheel: what it holds, and that it works where nothing else of this repository is.

LEO_WHEEL names a wheel that is built already (`make wheel` does so); otherwise one is built.
"""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from leo import __version__

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path = ROOT) -> str:
    """Run a program without the caller's PYTHONPATH; return its stdout, or fail with its output."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        check=False,
    )
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
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
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
