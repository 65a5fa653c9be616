"""Where results go when nobody names a folder."""

import os
from pathlib import Path

import pytest

from leo_model.files import ROOT, build_folder, cache_folder, make_folder


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
