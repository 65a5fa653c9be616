"""How to cite this version: its number, and the hash of the specification that it checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from leo import __version__
from leo_model.checking.check import spec_hash

__all__ = ["AUTHORS", "FORMS", "TITLE", "cite"]

TITLE = "leo-field: a formal model of coherence-preserving execution for field organisms"
AUTHORS = "The leo-field authors"


def _text(spec: str) -> str:
    return (
        f"{AUTHORS}. {TITLE}. Version {__version__}, specification SHA-256 {spec[:16]}. "
        "Software, Apache-2.0.\n"
    )


def _bibtex(spec: str) -> str:
    return (
        "@software{leofield,\n"
        f"  author  = {{{{{AUTHORS}}}}},\n"
        f"  title   = {{{TITLE}}},\n"
        f"  version = {{{__version__}}},\n"
        f"  note    = {{specification SHA-256 {spec[:16]}}},\n"
        "  license = {Apache-2.0}\n"
        "}\n"
    )


FORMS: Mapping[str, Callable[[str], str]] = {"text": _text, "bibtex": _bibtex}


def cite(form: str) -> str:
    """The citation as "text" or "bibtex"."""
    return FORMS[form](spec_hash())
