"""What the tests of the model share: TLC with the cache that the commands use, and a folder."""

from pathlib import Path

import pytest

from leo_model.files import cache_folder
from leo_model.tlc.java import Runtime, find, with_cache


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """The installed TLC; its cache saves a third of each run."""
    return with_cache(find({}), cache_folder() / "java")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder for the runs of one test."""
    return tmp_path / "work"
