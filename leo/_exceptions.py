"""The errors of the organism. The type says who is at fault, the text shows both values."""


class LeoError(Exception):
    """Something outside the program prevents it from doing what it was asked to do.

    The text is one paragraph: it names the file, the line or the value, what was expected, and what
    to do. The command prints it without a traceback and ends with `exit_code`.
    """

    exit_code: int = 2


class CommandError(LeoError):
    """A subcommand cannot be loaded from the installation."""
