"""Files: writing those of a command, and finding the source files that a result depends on.

A file that cannot be written is an error message, not a traceback. Dependencies are found along the
imports: a list by hand would lack a module sooner or later, and an old result would look fresh. The
hash of the dependencies only decides whether a result has to be made again. Readers see the hash of
the specification (`leo_model.checking.check.spec_hash`).
"""

from __future__ import annotations

import ast
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from leo_model.errors import CheckError


def spec_folder() -> Path:
    """Return the folder of the specification: of the checkout, or the copy inside the wheel."""
    package = Path(__file__).resolve().parent
    checkout = package.parent.parent / "spec"
    return checkout if (checkout / "Field.tla").is_file() else package / "_spec"


def make_folder(path: Path) -> Path:
    """Return the folder, made if need be. Raises CheckError when there can be none."""
    if path.resolve().is_relative_to(cache_place().resolve()):
        cache_folder()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckError(
            f"{path}: cannot be made a folder ({error.strerror}); name a folder, or a place where "
            "one can be made"
        ) from None
    return path


def write_file(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all, and the folders that it is in. Raises CheckError when it
    cannot be written.
    """
    make_folder(path.parent)
    part = path.with_name(f".{path.name}.part")
    try:
        with ExitStack() as undo:
            undo.callback(part.unlink, missing_ok=True)
            part.write_bytes(data)
            part.replace(path)
    except OSError as error:
        raise CheckError(
            f"{path}: cannot be written ({error.strerror}); name a file that can be"
        ) from None


def write_json(path: Path, value: object) -> None:
    """Write JSON values as ``write_file`` does, a field to a line."""
    write_file(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def build_folder() -> Path:
    """Return where results go by default: `build` of the checkout that the current folder is in.
    Elsewhere a folder of the user's cache, so that nothing is written where nobody asked for it.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "spec/Field.tla").is_file() and (folder / "model/leo_model").is_dir():
            return Path("build") if folder == here else folder / "build"
    return cache_place() / "build"


def cache_place() -> Path:
    """Return the path of the cache folder, which need not be there."""
    return Path(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")) / "leo-field"


def cache_folder() -> Path:
    """Return the folder of what is kept between runs, which only its user may write.

    It is `leo-field` below XDG_CACHE_HOME, or below `~/.cache`. Raises CheckError when it cannot be
    made, or when others may write it: what it holds would be believed.
    """
    path = cache_place()
    try:
        path = path.expanduser()
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
    except (OSError, RuntimeError) as error:
        raise CheckError(
            f"{path}: cannot be made a folder ({error}); set XDG_CACHE_HOME to a folder of yours"
        ) from None
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise CheckError(
            f"{path}: others may write it, and what is kept there is believed; make it yours alone "
            "(chmod 700), or set XDG_CACHE_HOME to another folder"
        )
    return path


def secret() -> bytes:
    """Return the key of the cache folder, made when it is first asked for: 32 bytes."""
    path = cache_folder() / "key"
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(secrets.token_bytes(32))
        # Of two that make it at once, the first keeps its own.
        with suppress(FileExistsError):
            os.link(file.name, path)
        Path(file.name).unlink()
    return path.read_bytes()


# The folder that holds the packages: the checkout (leo_model in its folder model), or where a wheel
# was installed.
INSTALLED: Final = Path(__file__).resolve().parent.parent
ROOT: Final = INSTALLED.parent if (INSTALLED.parent / "leo").is_dir() else INSTALLED
# Rooms of `leo` that no reply runs.
TOOLS: Final = ("commands", "schedules", "units")
# Result file -> the module that makes it.
MAKERS: Final = {
    "results.json": "leo_model.checking.check",
    "orders.json": "leo_model.commands.orders",
    "theorems.json": "proofs.catalogue",
    "traces.json": "leo_model.commands.verify",
    "replayed.json": "leo_model.commands.replay",
}


def contents_of(result: Mapping[str, object]) -> str:
    """The SHA-256 of all that a result says."""
    said = {name: value for name, value in result.items() if name != "contents"}
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def sealed(result: Mapping[str, object]) -> dict[str, object]:
    """The result with its hash, so that one that somebody has edited is known."""
    return {**result, "contents": contents_of(result)}


@cache
def modules_of(start: str, root: Path = ROOT, but: tuple[str, ...] = ()) -> dict[str, Path]:
    """The modules of this project that `start` imports, over others too, and itself, with their
    files. A module whose name ends as one of `but` is left out, and what only it imports.
    """
    ours = {"leo", "leo_model", start.partition(".")[0]}
    found: dict[str, Path] = {}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in found or module.partition(".")[0] not in ours:
            continue
        path = _file(module, root)
        if path is None or (module != start and module.endswith(but)):
            continue
        found[module] = path
        waiting += _imported(path.read_text("utf-8"))
    # Importing a module carries out its packages as well; what they only pass on is not followed.
    for module in [*found]:
        while module := module.rpartition(".")[0]:
            if (path := _file(module, root)) is not None:
                found.setdefault(module, path)
    return found


def organism(root: Path = ROOT) -> set[Path]:
    """The files of the organism, some of which are loaded by name; not the tools beside it."""
    files = (root / "leo").rglob("*.py")
    return {path for path in files if path.relative_to(root).parts[1] not in TOOLS}


def claims_of(root: Path = ROOT) -> Path:
    """The claims file of the checkout below `root`, or the copy inside the wheel."""
    checkout = root / "spec" / "claims.json"
    return checkout if checkout.is_file() else root / "leo_model" / "_spec" / "claims.json"


def hash_of(paths: Iterable[Path], root: Path = ROOT) -> str:
    """The SHA-256 of the files, with their names below `root`, in the order of the names."""
    named = {
        path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name: path
        for path in paths
    }
    digest = sha256()
    for name, path in sorted(named.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def made_from(result: str, claims: Path | None = None, root: Path = ROOT) -> str | None:
    """The hash of what a result file is made from: its maker and all that this imports, the
    specification, the claims, and the whole organism if it was run. None where the maker is not
    installed: a wheel has no proofs.
    """
    modules = modules_of(MAKERS[result], root)
    if not modules:
        return None
    paths = set(modules.values())
    if "leo.front.threads" in modules:
        paths |= organism(root)
    spec = claims_of(root).parent
    content = claims if claims is not None else claims_of(root)
    rest = hash_of({*paths, *spec.glob("*.tla")}, root)
    return sha256(rest.encode() + content.read_bytes()).hexdigest()


def _file(module: str, root: Path) -> Path | None:
    """The file of a module, below `root` or where it was loaded from; None when there is none
    (the name of a class, say, in a `from` import).
    """
    for folder in (root, root / "model"):
        base = folder.joinpath(*module.split("."))
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    loaded = getattr(sys.modules.get(module), "__file__", None)
    return None if loaded is None else Path(loaded)


@cache
def _imported(text: str) -> tuple[str, ...]:
    """Every dotted name that a text imports, at any depth; names that are no modules too. Imports
    for a type checker only are left out.
    """
    found: list[str] = []
    waiting: list[ast.AST] = [ast.parse(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found += (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    return tuple(found)
