"""LaTeX and HTML from Jinja2 templates.

LaTeX templates have the suffix .tex and write `<< value >>` and `<% statement %>`; every value is
escaped but what has been marked as LaTeX. Sentences are plain text with names of code between
backticks; `prose` turns them into either form.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from markupsafe import escape as html

from paper.experiments.summary import Estimate, chance, number

_SIGNS = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
        "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
        "<": r"\textless{}", ">": r"\textgreater{}", "–": "--", "—": "---", "×": r"$\times$",
        "±": r"$\pm$", "→": r"$\rightarrow$", "≤": r"$\leq$", "≥": r"$\geq$", "−": "$-$",
        "…": r"\dots{}", "✓": r"\checkmark{}", "✗": r"$\times$", "ρ": r"$\rho$",
        "λ": r"$\lambda$", "π": r"$\pi$", "∀": r"$\forall$", "∃": r"$\exists$", "∈": r"$\in$",
        "⊆": r"$\subseteq$", "∩": r"$\cap$", "∪": r"$\cup$", "≠": r"$\neq$",
        "⇒": r"$\Rightarrow$", "“": "``", "”": "''", "’": "'", "é": r"\'e", "·": r"$\cdot$",
        "\u00a0": "~",
    }
)  # fmt: skip
_CODE = re.compile(r"`([^`]+)`")


class Tex(str):
    """A text that is LaTeX already."""


def escape(text: object) -> Tex:
    """Plain text for LaTeX; straight double quotes become those of a text."""
    if isinstance(text, Tex):
        return text
    plain = re.sub(r'"([^"]*)"', "“\\1”", str(text))
    return Tex(plain.translate(_SIGNS))


def _code(text: str) -> Tex:
    """A command or a name, in typewriter, breakable at its hyphens and dots."""
    return Tex(r"\texttt{" + re.sub(r"([-./_])", r"\1\\allowbreak{}", escape(text)) + "}")


def _tex_prose(text: str) -> Tex:
    parts = _CODE.split(text)
    return Tex("".join(_code(p) if n % 2 else escape(p) for n, p in enumerate(parts)))


def _html_prose(text: str) -> Markup:
    return Markup(_CODE.sub(r"<code>\1</code>", str(html(text))))


def estimate(value: Any, digits: int = 3) -> str:
    """A figure of a result file for people: an estimate is an object with its interval."""
    return number(Estimate(**value) if isinstance(value, dict) else value, digits)


_FILTERS = {
    "number": estimate,
    "chance": chance,
    "form": format,
    "count": lambda value: f"{value:,}",
    "percent": lambda value: f"{value:.0%}",
}


def _environment(**options: Any) -> Environment:
    made = Environment(
        loader=PackageLoader("paper.artifact"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    made.filters.update(_FILTERS)
    return made


def plain_environment() -> Environment:
    """For sentences, before they become LaTeX or HTML."""
    return _environment(autoescape=False)


def html_environment() -> Environment:
    """For pages."""
    made = _environment(autoescape=select_autoescape())
    made.filters["prose"] = _html_prose
    return made


def tex_environment() -> Environment:
    """For LaTeX."""
    made = _environment(
        autoescape=False,
        finalize=escape,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        keep_trailing_newline=True,
    )
    made.filters |= {"tex": Tex, "code": _code, "prose": _tex_prose, "e_tex": escape}
    return made
