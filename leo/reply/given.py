"""Checks of a caller's arguments, made before anything is marked, queued or written.

Type hints say the same, but callers need not run a type checker. A wrong argument that is not
caught here would fail in the middle of a reply, where it looks like a fault of the field.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from leo.errors import CallerError
from leo.store.owner import SUFFIX
from leo.store.schema import BESIDE

# Characters of one prompt or observation: a second's work.
LONGEST: Final = 100_000
LONGEST_NAME: Final = 200
NOBODY: Final = "nobody"
# In seconds: 30,000 years, of which a millionth of a second is still told from the next.
LATEST: Final = 1e12


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
    """Raises CallerError unless it is a `str`, and no longer than one reply can take in."""
    if not isinstance(given, str):
        raise CallerError(
            f"{what} has to be a text (str), and this is {given!r:.60}, of type "
            f"{type(given).__name__}; give a str (decode bytes first)"
        )
    if len(given) > LONGEST:
        raise CallerError(
            f"{what} of {len(given):,} characters is too long: nobody else would be answered while "
            f"it is taken in; give at most {LONGEST:,} at a time (`leo observe` takes in a text of "
            "any length, in pieces)"
        )


def check_call(session: object, prompt: object) -> None:
    """What `reply` is given. Raises CallerError for no text, or a name that no trace can hold."""
    check_text(prompt, "a prompt")
    check_text(session, "the name of a session")
    name = str(session)
    if not name.isprintable() or name == NOBODY or len(name) > LONGEST_NAME:
        raise CallerError(
            f"{name!a:.60} cannot be the name of a session: expected at most {LONGEST_NAME} "
            f"printable characters, and not {NOBODY!r}, which is nobody's name; use another one"
        )


def check_time(now: float) -> float:
    """The time that a clock gave, in seconds. Raises CallerError for none that rows can hold."""
    if not abs(now) <= LATEST:
        raise CallerError(
            f"the clock of the field says {now!r:.60}; expected seconds between {-LATEST:.0e} and "
            f"{LATEST:.0e}, as `time.time` gives them: nothing was done"
        )
    return now
