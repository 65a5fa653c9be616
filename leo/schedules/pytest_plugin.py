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

_BOUNDED = "schedules bounded"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "schedules(**options): options of leo.explore for all explorations of a test"
    )


@pytest.fixture
def explore_schedules(request: pytest.FixtureRequest) -> Callable[..., Exploration]:
    """A function with the arguments of `leo.explore` that fails the test unless all holds.

    It fails with the sentence of the finding and its table, and also when the search was cut off
    before its end: raise `limit` then, or make the scenario smaller.  What a pass is about is a
    section of the report (`pytest -rP`) and among the properties of JUnit's.
    """
    node = request.node
    marker = node.get_closest_marker("schedules")
    defaults = {} if marker is None else marker.kwargs

    def check(*args: Any, **options: Any) -> Exploration:
        from leo.errors import LeoError  # noqa: PLC0415 - only when it is asked for
        from leo.schedules.exploration import explore  # noqa: PLC0415 - as above

        try:
            found = explore(*args, **{**defaults, **options})
        except LeoError as error:
            refused = str(error)
        else:
            refused = "" if found.holds else str(found)
            if found.broken is not None:
                # The summary of pytest has room for a few words: what is specific comes first.
                first = f"{found.broken.witness} ({found.broken.title})"
                refused = "\n".join((first, *refused.split("\n")[1:]))
        if refused:
            pytest.fail(refused, pytrace=False)
        node.add_report_section("call", "schedules", str(found))
        node.user_properties.append(("schedules", found.sentence))
        node.user_properties += [(_BOUNDED, text) for text in found.bounded]
        return found

    return check


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What passes leave out beyond what the user asked, if anything."""
    told = [
        f"{report.nodeid}: {value}"
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == _BOUNDED
    ]
    if told:
        terminalreporter.section("schedules: passed, but for this")
        for line in told:
            terminalreporter.write_line(line)
