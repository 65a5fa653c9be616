"""Folders and files that a command writes: what cannot be written is said, not traced back."""

from __future__ import annotations

from pathlib import Path

from leo_model.errors import CheckError


def make_folder(path: Path) -> Path:
    """Return the folder, made if need be. Raises CheckError when there can be none."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckError(
            f"{path}: cannot be made a folder ({error.strerror}); name a folder, or a place where "
            "one can be made"
        ) from None
    return path


def write_file(path: Path, data: bytes) -> None:
    """Write a file and the folders that it is in. Raises CheckError when it cannot be written."""
    make_folder(path.parent)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CheckError(
            f"{path}: cannot be written ({error.strerror}); name a file that can be"
        ) from None
