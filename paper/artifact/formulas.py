"""Statements in LaTeX as HTML with MathML: browsers draw it, no script and no network needed."""

from __future__ import annotations

import re

from latex2mathml.converter import convert
from markupsafe import Markup, escape

_MATH = re.compile(r"\\\[(?P<display>.*?)\\\]|\$(?P<inline>[^$]+)\$", re.DOTALL)
_WORDS = (
    (re.compile(r"\\emph\{([^}]*)\}"), r"<em>\1</em>"),
    (re.compile(r"\\texttt\{([^}]*)\}"), r"<code>\1</code>"),
    (re.compile(r"\\textbf\{([^}]*)\}"), r"<strong>\1</strong>"),
    (re.compile(r"\\([%&_#{}])"), r"\1"),
    (re.compile(r"``|''"), "\u0022"),
    (re.compile(r"---?"), "\u2013"),
    (re.compile(r"~|\\,|\\ "), " "),
)


def paragraphs(latex: str) -> Markup:
    """The text with its formulas; a command that is not known stays as it is, to be seen."""
    out, place = Markup(), 0
    for found in _MATH.finditer(latex):
        out += _text(latex[place : found.start()])
        display = found["display"] is not None
        source = found["display"] if display else found["inline"]
        out += Markup(convert(source.strip(), display="block" if display else "inline"))
        place = found.end()
    return out + _text(latex[place:])


def _text(latex: str) -> Markup:
    text = str(escape(latex))
    for pattern, new in _WORDS:
        text = pattern.sub(new, text)
    return Markup(text)
