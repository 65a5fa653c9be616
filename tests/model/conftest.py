"""What the tests of the model share: one TLC with a warm cache, and toy specifications."""

import os
from pathlib import Path

import pytest

from leo_model.tlc.java import Runtime, find, with_cache


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """The installed TLC; its cache is made once, for all workers, and saves a third of each run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return with_cache(find({}), shared / "java-cache")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder for the runs of one test."""
    return tmp_path / "work"
