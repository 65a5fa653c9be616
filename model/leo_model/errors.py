"""The errors of the model. The type says who is at fault, the text shows both values."""

from leo.errors import LeoError


class ModelError(LeoError):
    """Something the model was given, or the tools it runs, prevents it from reaching a verdict."""


class Refused(ModelError):
    """An action is not enabled: at least one conjunct of its guard is false."""

    def __init__(self, guard: tuple[tuple[str, bool], ...]) -> None:
        super().__init__("refused: " + "; ".join(text for text, holds in guard if not holds))
        self.guard = guard


class ClaimsError(ModelError):
    """The claims file cannot be read, or says something that no check could decide."""


class CheckError(ModelError):
    """A check was asked for that does not exist."""


class MutantError(ModelError):
    """A mutant does not fit the specification that it is to change."""
