"""LaTeX fragments that compile by themselves and inside an article."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from paper.experiments.summary import LATEX

__all__ = ["PREAMBLE", "code", "escape", "fragment", "long_table", "picture"]

PREAMBLE = r"""% What the fragments need, beside a document class.
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb,amsthm}
\usepackage{array,booktabs,longtable,graphicx,pdfpages,rotating,xcolor}
\usepackage[margin=22mm]{geometry}
\newtheorem{theorem}{Theorem}
"""

# After \begin{document} LaTeX has made \@nodocument empty: so a fragment knows whether it is read
# by an article or compiled by itself.
_ALONE = r"""\expandafter\ifx\csname @nodocument\endcsname\relax\else
  \documentclass[11pt]{article}
  \input{preamble}
  \begin{document}
  \def\leoalone{}
\fi
"""
_END = r"""
\ifdefined\leoalone\def\leonext{\end{document}}\else\let\leonext\relax\fi
\leonext
"""

_SIGNS = str.maketrans(
    {
        "✓": r"\checkmark{}",
        "✗": r"$\times$",
        "ρ": r"$\rho$",
        "λ": r"$\lambda$",
        "π": r"$\pi$",
        "∀": r"$\forall$",
        "∃": r"$\exists$",
        "∈": r"$\in$",
        "⊆": r"$\subseteq$",
        "∩": r"$\cap$",
        "∪": r"$\cup$",
        "≠": r"$\neq$",
        "⇒": r"$\Rightarrow$",
        "“": "``",
        "”": "''",
        "’": "'",
        "é": r"\'e",
        "·": r"$\cdot$",
        "\u00a0": "~",
    }
)


def escape(text: str) -> str:
    """Plain text for LaTeX."""
    return text.translate(LATEX).translate(_SIGNS)


def code(text: str) -> str:
    """A command or a name, in typewriter, breakable at its hyphens and dots."""
    return r"\texttt{" + re.sub(r"([-./])", r"\1\\allowbreak{}", escape(text)) + "}"


def fragment(body: str, stamp: str) -> str:
    """The file of a fragment."""
    return (
        f"% {stamp}\n% \\input this file, or compile it by itself\n{_ALONE}{body.rstrip()}\n{_END}"
    )


def long_table(heads: Sequence[str], widths: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table over several pages; `widths` are parts of the line, the cells are LaTeX."""
    columns = "".join(rf">{{\raggedright\arraybackslash}}p{{{w}\linewidth}}" for w in widths)
    lines = [
        rf"\begin{{longtable}}{{{columns}}}",
        r"\toprule",
        " & ".join(rf"\textbf{{{head}}}" for head in heads) + r" \\",
        r"\midrule\endhead",
    ]
    lines += [" & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{longtable}"]) + "\n"


def picture(path: str, caption: str) -> str:
    """A figure over the width of the text; the caption is LaTeX."""
    # The name is in braces: it has dots, and \includegraphics takes the last one for the ending.
    stem, _, ending = path.rpartition(".")
    return (
        "\\begin{figure}[htbp]\n\\centering\n"
        f"\\includegraphics[width=\\linewidth,height=.8\\textheight,keepaspectratio]"
        f"{{{{{stem}}}.{ending}}}\n\\caption{{{caption}}}\n\\end{{figure}}\n"
    )
