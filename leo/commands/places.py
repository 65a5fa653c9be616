"""Where fields are stored: a path names a file, a plain name one of the user's own fields."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from leo.errors import CallerError, unknown
from leo.store.schema import MEMORY

SUFFIX = ".sqlite3"


def home() -> Path:
    """The folder of a person's named fields, by the XDG base directory specification."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "leo"


def field_file(named: str) -> Path:
    """The file of a field. A bare name (`garden`) is one of the person's own fields; what has a
    folder or a suffix, or is a file here, is a path.

    The folder of named fields is made when it is missing. Raises CallerError when it cannot be.
    """
    path = Path(named)
    # os.path, not pathlib: what may not be looked at is no error here.
    if path.suffix or os.sep in named or named == MEMORY or os.path.exists(path):
        return path
    try:
        home().mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CallerError(
            f"{home()}: the folder of named fields cannot be made ({error.strerror}); name a file "
            f"instead (--field {named}{SUFFIX})"
        ) from error
    return home() / f"{named}{SUFFIX}"


def named_fields() -> list[Path]:
    """The files of the person's own fields, in the order of their names."""
    return sorted(home().glob(f"*{SUFFIX}"))


def shipped() -> list[str]:
    """The names of the small texts of our own."""
    folder = files("leo") / "texts"
    return sorted(entry.name.removesuffix(".txt") for entry in folder.iterdir())


def shipped_text(name: str) -> Path:
    """The file of a text of our own. Raises CallerError for a name that none has."""
    known: Iterable[str] = shipped()
    if name not in known:
        raise CallerError(f"there is no text {unknown(name, known)}")
    return Path(str(files("leo") / "texts" / f"{name}.txt"))
