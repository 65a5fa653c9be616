"""What can go wrong around a run of TLC, as types: who is at fault is in the name."""

from leo_model.errors import ModelError


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
