"""State graphs: TLC's dot files are read whole or refused."""

import pytest

from leo_model.errors import ValueSyntaxError
from leo_model.tlc.dot import Graph, parse_dot
from leo_model.tlc.value import Fn

# Lines as TLC 2.15 wrote them: edges repeated, self loops, escapes twice over, edges before their
# states.
LINES = r"""strict digraph DiskGraph {
nodesep=0.35;
subgraph cluster_graph {
color="white";
17 [label="/\\ n = 0\n/\\ x = \"start\"",style = filled]
17 -> -41 [label="Go",color="black",fontcolor="black"];
-41 [label="/\\ n = 1\n/\\ x = \"a\\\"b\\\\c\\nd\""];
17 -> -41 [label="Go",color="black",fontcolor="black"];
-41 -> -41 [label="Stay",color="black",fontcolor="black"];
-41 -> 17 [label="Next",color="black",fontcolor="black"];
-41 -> 5 [label="Go",color="black",fontcolor="black"];
5 [label="/\\ n = 2\n/\\ x = [ a |->\n      << 1,\n         2 >> ]"];
{rank = same; 17;}
{rank = same; -41;5;}
}
}""".splitlines()

START = Fn([("n", 0), ("x", "start")])
SECOND = Fn([("n", 1), ("x", 'a"b\\c\nd')])
THIRD = Fn([("n", 2), ("x", Fn([("a", (1, 2))]))])


def test_graph_is_read() -> None:
    """Initial states, states, and each labelled edge once; escapes are undone in both layers."""
    assert parse_dot(LINES, "g.dot") == Graph(
        frozenset({START}),
        frozenset({START, SECOND, THIRD}),
        frozenset(
            {
                (START, "Go", SECOND),
                (SECOND, "Stay", SECOND),
                (SECOND, "Next", START),
                (SECOND, "Go", THIRD),
            }
        ),
    )


def test_one_variable() -> None:
    """The state of a specification with one variable has no conjunction sign."""
    graph = parse_dot(['1 [label="x = 0",style = filled]'], "g.dot")
    assert graph.initial == {Fn([("x", 0)])}


def test_legend_is_not_states() -> None:
    """The legend of colours that may end the file is no part of the graph."""
    legend = ["subgraph cluster_legend {", 'Go [label="Go",fillcolor=1]', "}"]
    assert parse_dot([*LINES, *legend], "g.dot") == parse_dot(LINES, "g.dot")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "^g.dot: no initial state in its 0 lines: "),
        (LINES[:4], "^g.dot: no initial state in its 4 lines: "),
        (LINES[:6], "^g.dot, line 6: an edge names the state -41, "),
        ([*LINES[:6], "-41 [label=", *LINES[6:]], "^g.dot, line 7: not a line of a state graph "),
        (['1 [label="y",style = filled]'], "^not a state as TLC prints it: "),
    ],
)
def test_cut_or_foreign_files_are_refused(lines: list[str], said: str) -> None:
    """A file cut short, or with a line of another kind, gives an error and no smaller graph."""
    with pytest.raises(ValueSyntaxError, match=said):
        parse_dot(lines, "g.dot")
