"""The fixture `explore_schedules` and the marker `schedules`, for anybody's test suite.

pytest finds them through an entry point of the group `pytest11`. Loading this file imports pytest
and nothing of this project: a test that does not ask for the fixture does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from leo.schedules.exploration import Exploration


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "schedules(**options): options of leo.explore for all explorations of a test"
    )


@pytest.fixture
def explore_schedules(request: pytest.FixtureRequest) -> Callable[..., Exploration]:
    """A function with the arguments of `leo.explore` that fails the test unless all holds.

    It fails with the sentence of the finding and its table, and also when the search was cut off
    before its end: raise `limit` then, or make the scenario smaller.
    """
    marker = request.node.get_closest_marker("schedules")
    defaults = {} if marker is None else marker.kwargs

    def check(*args: Any, **options: Any) -> Exploration:
        from leo.schedules.exploration import explore  # noqa: PLC0415 - only when it is asked for

        found = explore(*args, **{**defaults, **options})
        if not found.holds:
            pytest.fail(str(found), pytrace=False)
        return found

    return check
