"""Put what `make verify` printed into the README: `python -m leo_model.readme README.md <
output`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from leo_model.errors import ModelError

__all__ = ["MARKED", "refreshed"]

MARKED = re.compile(r"(?<=<!-- verify -->\n)(.*?```text\n)(.*?)(```\n<!-- /verify -->)", re.DOTALL)


def refreshed(readme: str, output: str) -> str:
    """The README with `output` in its marked place. Raises ModelError when there is no such place,
    or when the output is not that of a whole run.
    """
    if not output.rstrip().endswith("verified: every claim and every trace is as expected"):
        raise ModelError(
            "what was given is not the output of a `leo verify` that found everything as expected; "
            "the README is left as it is"
        )
    text, found = MARKED.subn(lambda m: m[1] + output.strip("\n") + "\n" + m[3], readme)
    if found != 1:
        raise ModelError(
            f"the README has {found} places marked <!-- verify --> with a ```text block; one is "
            "expected"
        )
    return text


def main() -> int:
    path = Path(sys.argv[1])
    try:
        path.write_text(refreshed(path.read_text("utf-8"), sys.stdin.read()), "utf-8")
    except ModelError as error:
        print(f"leo: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
