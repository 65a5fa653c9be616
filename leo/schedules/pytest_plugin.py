"""The fixture `explore_schedules`, for test suites that are not ours.

pytest finds it through an entry point of the group `pytest11`; nothing else in this package needs
pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from leo import Exploration, explore

__all__ = ["explore_schedules"]


@pytest.fixture
def explore_schedules() -> Callable[..., Exploration]:
    """A function with the arguments of `leo.explore` that fails the test unless all holds.

    It fails with the table of the shortest schedule that breaks something, and also when the
    search was cut off before its end: raise `limit` then, or make the scenario smaller.
    """

    def check(*args: Any, **options: Any) -> Exploration:
        found = explore(*args, **options)
        if not found.holds:
            pytest.fail(f"\n{found}", pytrace=False)
        return found

    return check
