"""The folder that an artifact is written to. Nothing is deleted there but what was made there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paper.artifact.errors import ArtifactError

# The list of the files that the last making wrote, one path a line.
MADE = ".made-by-leo"


@contextmanager
def made_anew(out: Path) -> Iterator[None]:
    """Make `out` ready, without the files of the making before, and note what is written there.

    What a user has put beside them stays. Raises ArtifactError when `out` holds files and no list
    of what was made there, because then they are somebody's.
    """
    _clear(out)
    out.mkdir(parents=True, exist_ok=True)
    theirs = _files(out)
    try:
        yield
    finally:
        ours = sorted(_files(out) - theirs)
        (out / MADE).write_text("".join(f"{name}\n" for name in ours), "utf-8")


def _clear(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ArtifactError(f"{out} is not a folder: name another one with --out")
    try:
        names = (out / MADE).read_text("utf-8").splitlines()
    except FileNotFoundError:
        if found := min((path.name for path in out.iterdir()), default=None):
            raise ArtifactError(
                f"{out} holds files that are not known to be made by this command ({found}, for "
                "one), and nothing of yours is deleted: name an empty or a new folder with --out, "
                f"or empty {out} yourself"
            ) from None
        return
    root = out.resolve()
    for name in names:
        if root not in (root / name).resolve().parents:
            raise ArtifactError(
                f"{out / MADE} names {name}, which is not in that folder: name another folder "
                "with --out"
            )
    for name in names:
        (out / name).unlink(missing_ok=True)
    for folder in sorted({(out / name).parent for name in names} - {out}, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _files(out: Path) -> set[str]:
    return {
        path.relative_to(out).as_posix()
        for path in out.rglob("*")
        if path.is_file() and path != out / MADE
    }
