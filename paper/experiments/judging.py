"""A tracer that validates while the organism runs: nothing is kept, however long it runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import RLock
from typing import Final

from leo.trace.events import Beginning, Event, Happened, event_of, header_of
from leo_model.traces.native import Checker
from paper.experiments.errors import ExperimentError

RUN: Final = "judged"


class Judge:
    """Feeds every event to the checker, at the moment when it happens or, if the run is timed, when
    it is asked to `catch_up`.

    `seen` is called with each event when it happens. An event that is no step of the specification
    raises ExperimentError, where it happens or in `catch_up`. One instance's events come here.
    """

    enabled: Final = True

    def __init__(
        self,
        seen: Callable[[Event], None] = lambda event: None,
        later: bool = False,
    ) -> None:
        self._seen = seen
        self._later = later
        self._waiting: deque[Event] = deque()
        self._seq = 0
        self._checker: Checker | None = None
        # The loop and the store's threads record; reentrant, as an event lies inside its moment.
        self._lock = RLock()

    @property
    def checker(self) -> Checker:
        """What the events so far have come to."""
        assert self._checker is not None, "an instance begins before anybody asks"
        return self._checker

    @property
    def defects(self) -> dict[str, int]:
        """Property -> how many replies its violation concerns."""
        return {name: found.count for name, found in self.checker.watch.violations.items()}

    def begin(self, beginning: Beginning) -> None:
        """The first instance begins: so does the checking."""
        if self._checker is None:
            header = header_of(beginning, run=RUN, instances=("i1",), stores=(beginning.store,))
            self._checker = Checker(header)

    def record(self, happened: Happened) -> None:
        """Check one event. Thread-safe."""
        with self._lock:
            self._seq += 1
            event = event_of(happened, seq=self._seq, writer=RUN, run=RUN, time=0.0)
            self._seen(event)
            self._waiting.append(event)
            if not self._later:
                self.catch_up()

    def catch_up(self) -> None:
        """Check what has been recorded since the last time. Raises ExperimentError."""
        while self._waiting:
            event = self._waiting.popleft()
            rejection = self.checker.feed_event(event)
            if rejection is not None:
                raise ExperimentError(
                    f"event {event.seq}, {event.reply} {event.action}, is no step of the "
                    f"specification: {'; '.join(rejection.reasons)}"
                )

    def moment(self) -> AbstractContextManager[object]:
        """Inside, nobody else records."""
        return self._lock
