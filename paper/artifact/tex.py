"""LaTeX and HTML from Jinja2 templates.

LaTeX templates have the suffix .tex and write `<< value >>` and `<% statement %>`; every value is
escaped but what has been marked as LaTeX. Sentences are plain text with names of code between
backticks; `prose` turns them into either form.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from markupsafe import escape as html

from paper.artifact.results import EXPERIMENTS
from paper.experiments.summary import FIGURES, Estimate, number

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
# In prose: `code` and $formula$, by turns with words.
_CODE = re.compile(r"`([^`]+)`|\$([^$]+)\$")
_PLACES = (
    (re.compile(r"<code>([\w-]+\.\w+)</code>"), r'<a href="\1.html"><code>\1</code></a>'),
    (re.compile(r"(?<=theorem )(\d+)|(?<=theorems )(\d+)|(?<=\d, )(\d+)(?= \(any)"),
     r'<a href="theorems.html#t\g<0>">\g<0></a>'),
    (re.compile(rf"(?<!leo )\bexperiment ({'|'.join(EXPERIMENTS)})\b"),
     r'experiment <a href="experiments.html#\1">\1</a>'),
)  # fmt: skip


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
    words, codes, formulas = parts[::3], parts[1::3], parts[2::3]
    marked = [_code(c) if c else Tex(f"${f}$") for c, f in zip(codes, formulas, strict=True)]
    return Tex("".join(escape(w) + m for w, m in zip(words, [*marked, ""], strict=True)))


def _html_prose(text: str) -> Markup:
    def marked(found: re.Match[str]) -> str:
        return f"<code>{found[1]}</code>" if found[1] else f"<i>{found[2]}</i>"

    return Markup(_CODE.sub(marked, str(html(text))))


def _html_linked(text: str) -> Markup:
    """Prose whose theorems, experiments and counterexamples lead to their pages."""
    shown = str(_html_prose(text))
    for place, link in _PLACES:
        shown = place.sub(link, shown)
    return Markup(shown)


def estimate(value: Any, digits: int = 3) -> str:
    """A figure of a result file for people: an estimate is an object with its interval."""
    return number(Estimate(**value) if isinstance(value, dict) else value, digits)


def _environment(**options: Any) -> Environment:
    made = Environment(
        loader=PackageLoader("paper.artifact"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    made.filters |= {**FIGURES, "number": estimate}
    return made


@cache
def plain_environment() -> Environment:
    """For sentences, before they become LaTeX or HTML."""
    return _environment(autoescape=False)


def html_environment() -> Environment:
    """For pages."""
    made = _environment(autoescape=select_autoescape())
    made.filters |= {"prose": _html_prose, "linked": _html_linked}
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
