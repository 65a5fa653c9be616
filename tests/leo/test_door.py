"""The doors of packages whose names are loaded on first use."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

import leo
import leo.schedules
import leo.units
from tests.rules import listed


@pytest.mark.parametrize("package", [leo, leo.schedules, leo.units], ids=lambda one: one.__name__)
def test_a_door_opens_for_what_it_lists_and_for_nothing_else(package: ModuleType) -> None:
    """What a type checker is told of is what can be loaded; what a file only imports is no name."""
    assert package.__file__ is not None
    names = dir(package)
    assert set(names) == listed(Path(package.__file__))
    for name in names:
        assert getattr(package, name) is not None
    for name in ("Any", "nothing"):
        with pytest.raises(
            AttributeError, match=rf"'{package.__name__}' has no attribute '{name}'"
        ):
            getattr(package, name)
