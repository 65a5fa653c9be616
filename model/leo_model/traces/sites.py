"""Where the organism records each action: read from the source of the package ``leo``.

A call site is a call of ``record``, or of a function that hands its own parameter on to one, with
``Action.X`` as an argument.  Sites are named by file and function, not by line, so that the table
made of them changes only when a site does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import leo

RECORD = "record"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def organism() -> list[Path]:
    """Return the source files of the organism."""
    assert leo.__file__ is not None
    return sorted(Path(leo.__file__).parent.rglob("*.py"))


def call_sites(paths: Iterable[Path]) -> dict[str, list[str]]:
    """Return for each action that is recorded somewhere the places, as ``file.py function``."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in paths}
    recorders = {RECORD} | {name for tree in trees.values() for name in _handing_on(tree)}
    found: dict[str, list[str]] = {}
    for path, tree in trees.items():
        for function, call in _calls(tree, ""):
            if recorders & set(_names(call)):
                for action in _actions(call):
                    place = f"{path.name} {function}"
                    if place not in found.setdefault(action, []):
                        found[action].append(place)
    return found


def _handing_on(tree: ast.AST) -> Iterator[str]:
    """Names of functions that give one of their own parameters to ``record``."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and node.name != RECORD:
            parameters = {argument.arg for argument in node.args.args}
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and RECORD in _names(call):
                    given = {a.id for a in call.args if isinstance(a, ast.Name)}
                    if given & parameters:
                        yield node.name


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the innermost named function around it."""
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, Function) else function
        if isinstance(child, ast.Call):
            yield function, child
        yield from _calls(child, inside)


def _names(call: ast.Call) -> Iterator[str]:
    """The last words of what is called, and of what a ``partial`` is made of."""
    for node in (call.func, *call.args):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _actions(call: ast.Call) -> Iterator[str]:
    """The actions among the arguments, also those of ``A if ... else B``."""
    for argument in call.args:
        choices = [argument]
        if isinstance(argument, ast.IfExp):
            choices = [argument.body, argument.orelse]
        for choice in choices:
            if (
                isinstance(choice, ast.Attribute)
                and isinstance(choice.value, ast.Name)
                and choice.value.id == "Action"
            ):
                yield choice.attr
