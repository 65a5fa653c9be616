"""What can go wrong with a field: one class per condition, all of them LeoError.

The type says who is at fault: `StoreError` the file or the machine, `CallerError` the program that
uses the field, `StepError` a step of the reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LeoError(Exception):
    """Something outside the program prevents it from doing what it was asked to do.

    The text is one paragraph: it names the file, the line or the value, what was expected, and what
    to do. The command prints it without a traceback and ends with `exit_code`.
    """

    exit_code: int = 2


class CommandError(LeoError):
    """A subcommand cannot be loaded from the installation."""


class StoreError(LeoError):
    """The store cannot do what was asked; the message names the file."""


class NotAFieldError(StoreError):
    """The file is not a SQLite database, or it belongs to another program."""


class OtherSchemaError(StoreError):
    """The file is a field of another version of this program."""


class StoreUnwritableError(StoreError):
    """The file or its folder does not exist or may not be written, or the name is of no file."""


class StoreLockedError(StoreError):
    """Another process held the file longer than the busy timeout."""


class StoreMovedError(StoreError):
    """Another writer changed the field since it was read."""


class StoreFullError(StoreError):
    """There is no room left for the file to grow: a full disk, a quota, a limit."""


class StoreDamagedError(StoreError):
    """A page of the file cannot be read."""


class StoreOwnedError(StoreError):
    """Others have the field open, and not all of them share it."""


class StoreGoneError(StoreError):
    """The file of an open field was moved, replaced, written over or deleted."""


class StoreClosedError(StoreError):
    """The field was closed before the operation was issued."""


class ArchiveError(LeoError):
    """An archive is no sound field, or not all of one; nothing was imported."""


class CallerError(LeoError):
    """The field was used in a way that it refuses."""


class DisciplineError(CallerError):
    """The discipline is unknown, or no driver runs it here."""


class SessionBusyError(CallerError):
    """A session called while its previous call had not ended."""


class ObserveWhileRecordingError(CallerError):
    """An observation outside a reply would move a version with no event in the trace."""


class ObserverError(LeoError):
    """An observer cannot be asked, or has nothing to say; the message never holds its key."""


class InstrumentError(CallerError):
    """An object cannot be wrapped, or was changed by others while it was."""


class ConflictError(LeoError):
    """An optimistic reply was overtaken by others of its instance as often as it may be."""


class OverloadError(CallerError):
    """More calls wait for the field than it was opened for; nothing was done."""


class DeadlockError(LeoError):
    """Replies wait for each other, or one for itself; `chain` says who waits for what."""

    def __init__(self, chain: tuple[str, ...], advice: str) -> None:
        self.chain = chain
        super().__init__(f"a deadlock: {'; '.join(chain)}; {advice}")


class TraceError(LeoError):
    """A trace cannot be read, or is not in the schema: nothing can be said about the run."""


class TraceFileError(LeoError):
    """The trace file cannot be begun or written."""


class StepError(LeoError):
    """A step of a reply raised; the original error is the cause, what was committed stays."""

    def __init__(self, step: str, reply: str, original: BaseException) -> None:
        self.step = step
        self.reply = reply
        text = str(original) or type(original).__name__
        if not isinstance(original, LeoError):
            text = f"{type(original).__name__}: {original}"
        super().__init__(f"the step {step!r} of reply {reply} failed: {text}")


class UndeclaredError(LeoError):
    """A step touched an object that it does not declare."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean ...?` for the known word that is most like this one, or nothing."""
    found = get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


def unknown(word: str, known: Iterable[str]) -> str:
    """The word, and what was meant, or else what there is: for a message."""
    names = list(known)
    return f"{word!r}" + (nearest(word, names) or f"; known are {', '.join(names)}")
