"""Puts the output of commands where README and ARTIFACT quote it (`make readme`).

    python -m leo_model.readme README.md ARTIFACT.md < output of `leo verify`

A quotation stands between `<!-- NAME -->` and `<!-- /NAME -->`, in its last ```text block. `verify`
is the whole output, `table` its table with a short legend; `example` is what the Python block
before it prints.
"""

from __future__ import annotations

import linecache
import re
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import wrap

from leo_model.checking.table import SIGNS, WORDS
from leo_model.errors import ModelError
from leo_model.machine.properties import PROPERTIES

__all__ = ["marked", "printed", "refreshed"]

VERIFIED = "verified: every claim and every trace is as expected"
WIDTH = 120
# What the program of the example is called in its output.
NAME = "inventory.py"


def marked(name: str) -> re.Pattern[str]:
    """The place of a quotation: what comes before the quoted text, the text, what comes after."""
    return re.compile(
        rf"(<!-- {name} -->\n(?:(?!<!-- /{name} -->).)*```text\n)(.*?)(```\n<!-- /{name} -->)",
        re.DOTALL,
    )


def printed(text: str) -> str:
    """What the Python block in the place `example` of a text prints."""
    found = marked("example").search(text)
    code = re.search(r"```python\n(.*?)```", found[1], re.DOTALL) if found else None
    if code is None:
        raise ModelError("the text has no place <!-- example --> with a ```python block")
    # The explorer shows lines of the program: this one is in no file.
    linecache.cache[NAME] = (len(code[1]), None, code[1].splitlines(keepends=True), NAME)
    out = StringIO()
    with redirect_stdout(out):
        exec(compile(code[1], NAME, "exec"), {"__name__": "inventory"})
    return out.getvalue()


def brief(output: str) -> str:
    """The table in the output of `leo verify`, the signs in a line, the columns by their names."""
    version, matrix = output.split("\n\n")[:2]
    signs = [f"{sign} {WORDS[verdict]}" for verdict, sign in SIGNS.items()]
    columns = [f"{about.short} {about.standard}" for about in PROPERTIES.values()]
    counted = re.search(r"^\d.* not as claimed\.$", output, re.MULTILINE)
    if counted is None:
        raise ModelError("the output has no line that counts the searches by TLC")
    # A line ends between two entries: within one, spaces do not break.
    told = "; ".join(entry.replace(" ", "\xa0") for entry in (*signs, *columns))
    legend = [line.replace("\xa0", " ") for line in wrap(told, WIDTH)]
    return "\n".join([matrix, "", *legend, f"{version}: {counted[0]}"])


def refreshed(text: str, output: str) -> str:
    """The text with `output` in the places `verify` and `table` that it has.

    Raises ModelError when it has none, or when the output is not that of a whole run.
    """
    if not output.rstrip().endswith(VERIFIED):
        raise ModelError(
            "what was given is not the output of a `leo verify` that found everything as expected; "
            "nothing is changed"
        )
    places = 0
    for name, quoted in (
        ("verify", output),
        ("table", brief(output)),
    ):
        body = quoted.strip("\n") + "\n"
        text, found = marked(name).subn(lambda m, body=body: m[1] + body + m[3], text)  # type: ignore[misc]
        places += found
    if not places:
        raise ModelError("the text has no place <!-- verify --> or <!-- table --> with a block")
    return text


def main() -> int:
    output = sys.stdin.read()
    try:
        for name in sys.argv[1:]:
            path = Path(name)
            text = refreshed(path.read_text("utf-8"), output)
            if marked("example").search(text):
                said = printed(text)
                text = marked("example").sub(lambda m, said=said: m[1] + said + m[3], text)  # type: ignore[misc]
            path.write_text(text, "utf-8")
    except ModelError as error:
        print(f"leo: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
