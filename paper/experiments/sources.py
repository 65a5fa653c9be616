"""The files that an experiment's rows depend on, each with the hash of its code.

They are found, not listed: from the module that measures, along its imports, into every module of
this project. What only tells of rows (a report, a plot) is not followed. An experiment that runs
the organism takes all of that, since some of its parts are loaded by name.
"""

from __future__ import annotations

import ast
import io
import json
import tokenize
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from leo_model.files import ROOT, claims_of, modules_of, organism

# The endings of modules that see rows only after they were measured.
TELLING: Final = (".report", ".summary", ".plots", ".tables")


def measuring(start: str, root: Path = ROOT) -> dict[str, Path]:
    """The modules on which the rows depend that the module `start` measures, with their files."""
    return modules_of(start, root, TELLING)


def made_of(start: str, root: Path = ROOT) -> dict[str, str]:
    """File -> hash, for all that the rows of the measuring module `start` depend on, but the
    specification, which has a hash of its own. Comments and docstrings do not count.

    `root` is the folder that holds the packages.
    """
    modules = measuring(start, root)
    paths = set(modules.values())
    if any(module.startswith("leo.front.") for module in modules):
        paths |= organism(root)
    if "leo_model.checking.claims" in modules:
        paths.add(claims_of(root))
    paths |= {data for path in modules.values() for data in path.parent.glob("*.csv")}
    named = {path.relative_to(root) if path.is_relative_to(root) else path: path for path in paths}
    return {name.as_posix(): _hash(path) for name, path in sorted(named.items())}


def sources_of(start: str) -> str:
    """One hash of all of them."""
    return sha256(json.dumps(made_of(start)).encode()).hexdigest()


def _hash(path: Path) -> str:
    data = path.read_bytes()
    return sha256(_code(data) if path.suffix == ".py" else data).hexdigest()[:16]


@cache
def _code(data: bytes) -> bytes:
    """A Python file without what cannot change a result. Taken from the text, because the trees of
    two Python versions differ.
    """
    text = data.decode()
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            said = node.body[0]
            for place in range(said.lineno - 1, said.end_lineno or said.lineno):
                lines[place] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip()).encode()
