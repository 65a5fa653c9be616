"""State graphs as TLC writes them with `-dump dot,actionlabels`.

An edge carries the name of the action only, without its arguments: for `\\E s \\in S : Act(s)` it
is `Act`. TLC writes an edge once for each way the action can take it; here it counts once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from leo_model.errors import ValueSyntaxError
from leo_model.tlc.messages import parse_state
from leo_model.tlc.value import Fn, Value


@dataclass(frozen=True)
class Graph:
    """A labelled state graph. A state is an Fn from variable names to values; an edge is (from,
    action, to).
    """

    initial: frozenset[Fn]
    states: frozenset[Fn]
    edges: frozenset[tuple[Fn, str, Fn]]


_ID = r"-?\d+"
_NODE = re.compile(rf'({_ID}) \[label="((?:[^"\\]|\\.)*)"(,style = filled)?\];?')
_EDGE = re.compile(rf'({_ID}) -> ({_ID}) \[label="(\w*)"[^\]]*\];?')
_RANK = re.compile(rf"\{{rank = same;(?: ?{_ID};)*\}}")
_FRAME = re.compile(r'strict digraph \w+ \{|nodesep=[\d.]+;|subgraph \w+ \{|color="\w+";|\}|')
_LEGEND = "subgraph cluster_legend {"
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def _unescape(label: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], label)


def parse_dot(lines: Iterable[str], source: str) -> Graph:
    """Read a graph. source: what to call the text in an error. Raises ValueSyntaxError with the
    line.
    """
    states: dict[str, Fn] = {}
    initial: set[str] = set()
    links: dict[tuple[str, str, str], int] = {}
    memo: dict[str, Value] = {}
    number = 0
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        # The legend of action colours has node names of its own and says nothing about states.
        if line == _LEGEND:
            break
        if edge := _EDGE.fullmatch(line):
            links[edge[1], edge[3], edge[2]] = number
        elif node := _NODE.fullmatch(line):
            if node[1] not in states:
                states[node[1]] = Fn(parse_state(_unescape(node[2]), memo).items())
            if node[3]:
                initial.add(node[1])
        elif not _FRAME.fullmatch(line) and not _RANK.fullmatch(line):
            raise ValueSyntaxError(
                f"{source}, line {number}: not a line of a state graph as TLC writes them: "
                f"{line[:200]}"
            )
    if not states or not initial:
        raise ValueSyntaxError(
            f"{source}: no initial state in its {number} lines: expected a state graph as TLC "
            "writes them with -dump dot,actionlabels; was the run cut short?"
        )
    for (src, _, dst), at in links.items():
        for node_id in (src, dst):
            if node_id not in states:
                raise ValueSyntaxError(
                    f"{source}, line {at}: an edge names the state {node_id}, which the file does "
                    "not describe; was the run cut short?"
                )
    return Graph(
        frozenset(states[node_id] for node_id in initial),
        frozenset(states.values()),
        frozenset((states[src], action, states[dst]) for src, action, dst in links),
    )


def read_dot(path: Path) -> Graph:
    """Read a graph from a file. Raises ValueSyntaxError; OSError when there is no such file."""
    with path.open(encoding="utf-8") as lines:
        return parse_dot(lines, str(path))
