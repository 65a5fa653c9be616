"""The fixture `explore_schedules`, for anybody's test suite.

pytest finds it through an entry point of the group `pytest11`. Loading it imports pytest and nothing
of this project: a test that does not ask for the fixture does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from leo.schedules.exploration import Exploration


@pytest.fixture
def explore_schedules() -> Callable[..., Exploration]:
    """A function with the arguments of `leo.explore` that fails the test unless all holds.

    It fails with the table of the shortest schedule that breaks something, and also when the
    search was cut off before its end: raise `limit` then, or make the scenario smaller.
    """

    def check(*args: Any, **options: Any) -> Exploration:
        from leo.schedules.exploration import explore

        found = explore(*args, **options)
        if not found.holds:
            pytest.fail(str(found), pytrace=False)
        return found

    return check
