"""What every test shares: how hypothesis behaves here, and that recorded runs are judged."""

import gc
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests.leo.recordings import Recordings

# No deadline: how long an example takes on a shared machine says nothing about the program. The
# blob that a failure prints is the token that reproduces it. `make test-long` looks at more.
settings.register_profile("leo", deadline=None, print_blob=True, max_examples=20)
settings.register_profile("thorough", settings.get_profile("leo"), max_examples=400)
settings.load_profile("leo")

# A job in the background of a shell starts with Ctrl-C ignored, and its children inherit that; what
# Ctrl-C does is part of what the tests are about.
signal.signal(signal.SIGINT, signal.default_int_handler)

MARKER = "unjudged(reason): the runs that this test records are wrong on purpose"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What was imported stays to the end: 300,000 objects, at which the collector of garbage need
    not look again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The last rooms come first: proofs and runs of TLC take longest, and no worker is to be
    left alone with one at the end."""
    items.sort(key=lambda item: item.path, reverse=True)


def pytest_configure(config: pytest.Config) -> None:
    """Name the one way around the judge of recorded runs."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(autouse=True)
def recordings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recordings]:
    """Every run of the organism that the test records is a behaviour, and keeps what its discipline
    promises; `@pytest.mark.unjudged(reason)` is for runs that are wrong on purpose.
    """
    found = Recordings()
    marker = request.node.get_closest_marker("unjudged")
    if marker is None:
        found.install(monkeypatch)
    elif len(marker.args) != 1 or not isinstance(marker.args[0], str) or not marker.args[0]:
        pytest.fail("the marker `unjudged` needs a reason")
    yield found
    problems = found.finish()
    if problems:
        pytest.fail("\n\n".join(["a recorded run is wrong:", *problems]))
