"""The errors of the model. The type says who is at fault; the text shows expected and found."""

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


class JavaError(ModelError):
    """There is no Java runtime that can be started."""


class JarError(ModelError):
    """There is no `tla2tools.jar` with TLC in it."""


class SpecError(ModelError):
    """SANY refused a module: the text carries SANY's own message with file and line."""


class ConfigError(ModelError):
    """TLC refused the configuration, or a name in it belongs to no module."""


class JobError(ModelError):
    """The job asks for a combination that TLC would answer wrongly or not at all."""


class ValueSyntaxError(ModelError):
    """A text is not a TLA+ value, state or state graph as TLC prints them."""
