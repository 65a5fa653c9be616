"""Coroutine tests, and files of fields that several tests look at, each test a copy of its own."""

from __future__ import annotations

import asyncio
import inspect
import shutil
from pathlib import Path

import pytest

from leo import MODULES
from tests.leo.support import sync_field


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine function has an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed field with rows of every module, and observations that its tables have not taken in.

    A module that needs another one has its own `sound`.
    """
    path = tmp_path_factory.mktemp("sound") / "field"
    with sync_field(path, modules=MODULES) as field:
        field.reply("What is a field? I wonder.")
    return path


@pytest.fixture
def field(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, alone in its folder."""
    (tmp_path / "alone").mkdir()
    return Path(shutil.copy(sound, tmp_path / "alone"))
