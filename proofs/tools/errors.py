"""What can go wrong with a proof. The type says who is at fault, the text shows both sides."""

from __future__ import annotations

from leo.errors import LeoError


class ProofError(LeoError):
    """A statement has not been proved, for any reason: it must not be called a theorem."""

    exit_code = 1


class NotProvedError(ProofError):
    """The statement has a counter-model: an obligation is false in it."""

    def __init__(self, obligation: str, counter_model: str) -> None:
        self.obligation = obligation
        self.counter_model = counter_model
        super().__init__(f"not proved: {obligation}\n{counter_model}")


class UndecidedError(ProofError):
    """The tool gave up: unknown and timeout are failures."""

    def __init__(self, obligation: str, reason: str, query: str) -> None:
        self.obligation = obligation
        super().__init__(f"undecided: {obligation}: {reason}; the query is in {query}")


class VacuousError(ProofError):
    """The statement says nothing: no execution leads to a state that it speaks of."""

    def __init__(self, obligation: str, searched: str) -> None:
        self.obligation = obligation
        super().__init__(f"vacuous: {obligation}: no non-vacuity witness in {searched}")


class NoQueriesError(LeoError):
    """A second opinion was asked for on queries of which there are none."""


class NoSuchTheoremError(LeoError):
    """A theorem was asked for by a number that the index does not have."""
