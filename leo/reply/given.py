"""What a caller gives to a field, checked before anything is marked, queued or written.

Type hints say the same, but callers need not run a type checker. What got past here would fail in
the middle of a reply, where it looks like a fault of the field's.
"""

from __future__ import annotations

import os
from pathlib import Path

from leo.errors import CallerError
from leo.store.owner import SUFFIX
from leo.store.schema import BESIDE

__all__ = ["check_apart", "check_call", "check_text"]


def check_apart(path: Path, field: str | Path, what: str) -> None:
    """Raises CallerError when `path`, a file of its own for `what`, is that of the field, or one
    that SQLite takes for its own: without a word it would be written over and removed.
    """
    # SQLite names its files after the one that a link leads to.
    name, taken = os.path.realpath(path), os.path.realpath(field)
    if name == taken:
        raise CallerError(
            f"{path}: this is the file of the field, and {what} needs one of its own; name another "
            "file"
        )
    if name in {f"{taken}{end}" for end in (*BESIDE, SUFFIX)}:
        raise CallerError(
            f"{path}: a file of this name is kept beside the field {field} while it is open, and "
            f"{what} would be written over and removed; name another file"
        )


def check_text(given: object, what: str) -> None:
    """Raises CallerError unless it is a `str`."""
    if not isinstance(given, str):
        raise CallerError(
            f"{what} has to be a text (str), and this is {given!r:.60}, of type "
            f"{type(given).__name__}; give a str (decode bytes first)"
        )


def check_call(session: object, prompt: object) -> None:
    """What `reply` is given. Raises CallerError for another type than `str`, and for a session
    whose name no file can hold.
    """
    check_text(prompt, "a prompt")
    check_text(session, "the name of a session")
    try:
        str(session).encode()
    except UnicodeEncodeError as error:
        raise CallerError(
            f"the session {session!a:.60} has a lone surrogate in its name (place {error.start}), "
            "which no file can hold; use another name"
        ) from error
