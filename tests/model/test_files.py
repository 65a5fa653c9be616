"""Results: where they go when nobody names a folder, and that they say what they were made from, so
that they are old when any of that has changed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from leo_model.files import MAKERS, ROOT, build_folder, cache_folder, made_from, make_folder


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, whose files may be changed."""
    root = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in ("leo", "model", "paper", "proofs", "spec"):
        shutil.copytree(ROOT / part, root / part, ignore=unwanted)
    return root


@pytest.mark.parametrize(
    ("file", "old"),
    [
        ("spec/claims.json", set(MAKERS)),
        ("spec/Field.tla", set(MAKERS)),
        ("model/leo_model/disciplines.py", set(MAKERS)),
        (
            "model/leo_model/checking/plan.py",
            {"results.json", "orders.json", "traces.json", "replayed.json"},
        ),
        ("proofs/invariants/invariants.py", {"theorems.json"}),
        ("leo/field/view.py", {"traces.json", "replayed.json"}),
        ("leo/modules/overthinking.py", {"traces.json", "replayed.json"}),
        ("paper/artifact/site.py", set()),
    ],
)
def test_a_change_makes_old_what_was_made_from_it(copied: Path, file: str, old: set[str]) -> None:
    """Claims, plan, proofs and the organism count, each for the results that it makes."""
    before = {name: made_from(name, root=copied) for name in MAKERS}
    path = copied / file
    text = path.read_bytes()
    path.write_bytes(text + b"\n")
    changed = {name for name in MAKERS if made_from(name, root=copied) != before[name]}
    path.write_bytes(text)
    assert changed == old


def test_another_claims_file_is_another_source(tmp_path: Path) -> None:
    """What was checked against another file of claims is not a result about ours."""
    ours = ROOT / "spec" / "claims.json"
    other = tmp_path / "claims.json"
    shutil.copy(ours, other)
    assert made_from("results.json", other) == made_from("results.json")
    other.write_text(ours.read_text().replace('"holds"', '"falls"', 1))
    assert made_from("results.json", other) != made_from("results.json")


def test_results_stay_in_a_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its folder and below it, they go to its folder `build`."""
    monkeypatch.chdir(ROOT)
    assert build_folder() == Path("build")
    monkeypatch.chdir(ROOT / "leo" / "store")
    assert build_folder() == ROOT / "build"


def test_results_are_not_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In any other folder they go to the user's cache. What is kept there is believed, so only its
    user may enter it, also where new folders are open to others.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert build_folder() == tmp_path / "cache/leo-field/build"
    assert not list(tmp_path.iterdir())
    before = os.umask(0o002)
    try:
        make_folder(build_folder() / "check")
    finally:
        os.umask(before)
    assert cache_folder().stat().st_mode & 0o777 == 0o700
