"""`leo cite`: release, commit of a checkout, hashes of the specification and of kept results."""

from __future__ import annotations

import argparse
import subprocess
from hashlib import sha256
from pathlib import Path

from leo import __version__
from leo.commands.main import Command
from leo_model.checking.check import spec_hash
from leo_model.files import ROOT

__all__ = ["CITE", "FORMS", "RELEASED", "cite", "commit", "results_hash"]

TITLE = "leo-field: a formal model of coherence-preserving execution for field organisms"
AUTHORS = "The leo-field authors"
# Of this version, as in CITATION.cff, which a wheel has not.
RELEASED = "2026-11-28"
FORMS = {
    "text": "{authors} ({year}). {title}. Version {version}. {hashes}. Software, Apache-2.0.\n",
    "bibtex": (
        "@software{{leofield,\n"
        "  author  = {{{{{authors}}}}},\n"
        "  title   = {{{title}}},\n"
        "  version = {{{version}}},\n"
        "  date    = {{{date}}},\n"
        "  year    = {{{year}}},\n"
        "  note    = {{{hashes}}},\n"
        "  license = {{Apache-2.0}}\n"
        "}}\n"
    ),
}


def results_hash(folder: Path = ROOT / "paper" / "results") -> str | None:
    """The SHA-256 over names and contents of the kept results; None without any, as in a wheel."""
    digest = sha256()
    paths = sorted(path for path in folder.rglob("*") if path.suffix in {".gz", ".jsonl", ".json"})
    for path in paths:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest() if paths else None


def commit(root: Path = ROOT) -> str | None:
    """The commit of a checkout, with `-dirty` where a file of it has changed since; None of no
    checkout, and without git.
    """
    if not (root / ".git").exists():
        return None
    words = ("describe", "--always", "--dirty", "--exclude=*", "--abbrev=12")
    try:
        told = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()


def cite(form: str) -> str:
    """The citation as "text" or "bibtex"."""
    hashes = f"Specification SHA-256 {spec_hash()[:16]}"
    if found := commit():
        hashes = f"Commit {found}. {hashes}"
    if found := results_hash():
        hashes += f", results SHA-256 {found[:16]}"
    return FORMS[form].format(
        authors=AUTHORS, title=TITLE, version=__version__, hashes=hashes,
        date=RELEASED, year=RELEASED[:4],
    )  # fmt: skip


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=sorted(FORMS), default="text", help="of the citation")


def _run(args: argparse.Namespace) -> int:
    print(cite(args.format), end="")
    return 0


CITE = Command(_configure, _run)
