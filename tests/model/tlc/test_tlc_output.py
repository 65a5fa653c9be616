"""The message stream of TLC: every shape that was seen, and what stands between the messages."""

import json
from pathlib import Path
from typing import Any

import itf_py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo_model.errors import ValueSyntaxError
from leo_model.tlc.dot import Graph, parse_dot
from leo_model.tlc.itf import trace_to_itf, value_to_itf, write_itf
from leo_model.tlc.messages import Message, Stream, Trace, TraceStep, parse_state, parse_trace
from leo_model.tlc.value import Fn, ModelValue, Value, function, parse_value, to_tla


def fed(text: str) -> Stream:
    """A stream that was given the lines of `text`."""
    stream = Stream()
    for line in text.splitlines():
        stream.feed(line)
    return stream


def test_message_inside_a_message() -> None:
    """TLC writes the message of an exception in the middle of a line of another message."""
    stream = fed(
        "@!@!@STARTMSG 1000:1 @!@!@\nTLC threw\n: @!@!@STARTMSG 2145:0 @!@!@\n"
        "TLCGet(queue) was undefined.\n@!@!@ENDMSG 2145 @!@!@\n@!@!@ENDMSG 1000 @!@!@"
    )
    text = "TLC threw\n: \nTLCGet(queue) was undefined."
    assert stream.messages == [Message(1000, 1, text, (2145,))]
    assert not stream.cut


def test_what_stands_between() -> None:
    """Lines outside of messages are SANY's before the search and output after; a cut stream says
    so.
    """
    stream = fed(
        "@!@!@STARTMSG 2220:0 @!@!@\nStarting SANY...\n@!@!@ENDMSG 2220 @!@!@\nParsing file A.tla\n"
        "@!@!@STARTMSG 2185:0 @!@!@\nStarting...\n@!@!@ENDMSG 2185 @!@!@\n<<1, 2>>\n\n"
        "@!@!@STARTMSG 2186:0 @!@!@\nFini"
    )
    assert (stream.sany, stream.output) == (["Parsing file A.tla"], ["<<1, 2>>", ""])
    assert [message.code for message in stream.messages] == [2220, 2185]
    assert stream.cut


def test_messages_are_told_when_complete() -> None:
    """A listener hears each message once, as soon as it is complete."""
    heard: list[int] = []
    stream = Stream(lambda message: heard.append(message.code))
    for line in ("@!@!@STARTMSG 2200:0 @!@!@", "Progress", "@!@!@ENDMSG 2200 @!@!@"):
        assert heard == []
        stream.feed(line)
    assert heard == [2200]


@given(
    st.lists(st.text(st.characters(exclude_characters="@\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")))
)
def test_text_of_a_message_is_kept(lines: list[str]) -> None:
    """The text of a message is its lines, unchanged."""
    stream = Stream()
    for line in ["@!@!@STARTMSG 7:3 @!@!@", *lines, "@!@!@ENDMSG 7 @!@!@"]:
        stream.feed(line)
    assert stream.messages == [Message(7, 3, "\n".join(lines))]


def state(text: str, code: int = 2217) -> Message:
    """A message of a counterexample."""
    return Message(code, 4, text)


def test_trace() -> None:
    """Initial state, actions with and without arguments, and where the loop goes back to."""
    trace = parse_trace(
        [
            state("1: <Initial predicate>\n/\\ x = 0\n/\\ y = [ a |->\n  1 ]\n"),
            state(
                "2: <Inc line 6, col 11 to line 6, col 12 of module A>\n"
                '/\\ x = 1\n/\\ y = "/\\\\ z"'
            ),
            state('3: <Put("a", {1}) line 7, col 1 to line 7, col 2 of module A>\nx = 2\n'),
            state("2: Back to state: <Inc line 6, col 11 to line 6, col 12 of module A>\n", 2122),
        ]
    )
    assert trace.steps == (
        TraceStep(1, "", "", {"x": 0, "y": Fn([("a", 1)])}),
        TraceStep(2, "Inc", "line 6, col 11 to line 6, col 12 of module A", {"x": 1, "y": "/\\ z"}),
        TraceStep(3, "Put", "line 7, col 1 to line 7, col 2 of module A", {"x": 2}),
    )
    assert (trace.back_to, trace.stutters) == (2, False)


def test_back_without_a_place() -> None:
    """A simulation gives the loop without a place; stuttering is a message of its own."""
    assert parse_trace([state("1: Back to state", 2122)]).back_to == 1
    assert parse_trace([state("4: Stuttering", 2218)]).stutters


@pytest.mark.parametrize("text", ["", "x", "/\\ x", "/\\ x = ", "x = 1 y = 2", "1 = 2"])
def test_bad_states_are_refused(text: str) -> None:
    """What is not a state is refused and never half read."""
    with pytest.raises(ValueSyntaxError):
        parse_state(text)


def test_bad_head_is_refused() -> None:
    """A state without a head of the known shape is refused."""
    with pytest.raises(ValueSyntaxError, match=r"^not the head of a state as TLC prints it: Inc$"):
        parse_trace([state("Inc\nx = 1")])


# TLA+ values: what TLC prints is read, and what is printed is the same value again.


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in {"TRUE", "FALSE"}
)
# Booleans and integers apart: Python holds True for 1, so a set of both is not a set of two here.
# TLC refuses to compare them, so no value that it prints has both.
ATOMS = st.one_of(st.integers(-(2**31), 2**31 - 1), st.text(max_size=5), NAMES.map(ModelValue))


def containers(inside: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """Sequences, sets, functions and records of `inside`."""
    return st.one_of(
        st.lists(inside, max_size=4).map(tuple),
        st.frozensets(inside, max_size=4),
        st.dictionaries(inside, inside, max_size=4).map(lambda table: function(table.items())),
        st.dictionaries(NAMES, inside, max_size=4).map(lambda table: function(table.items())),
    )


VALUES: st.SearchStrategy[Value] = st.one_of(
    st.recursive(ATOMS, containers, max_leaves=12),
    st.recursive(st.booleans(), containers, max_leaves=4),
)


@given(VALUES)
def test_printed_and_read_again(value: Value) -> None:
    """Reading what was printed gives the value again, and printing that the same text."""
    text = to_tla(value)
    again = parse_value(text)
    assert again == value
    assert hash(again) == hash(value)
    # Equality alone would not see a model value become a string, or TRUE become 1.
    assert to_tla(again) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-5", -5),
        ("-5..-3", frozenset({-5, -4, -3})),
        ("1..0", frozenset()),
        ("TRUE", True),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ('"tab\\tnl\\nx"', "tab\tnl\nx"),
        ('""', ""),
        ("<<>>", ()),
        ("<< >>", ()),
        ("{}", frozenset()),
        ("{{}, {1}, {2}, {1, 2}}", frozenset(map(frozenset, [(), (1,), (2,), (1, 2)]))),
        ("[a |-> -1]", Fn([("a", -1)])),
        ("[if |-> 1, a_1 |-> 2]", Fn([("if", 1), ("a_1", 2)])),
        ("(2 :> m1 @@ 3 :> m1)", Fn([(2, "m1"), (3, "m1")])),
        ('("a b" :> TRUE @@ "c" :> FALSE)', Fn([("a b", True), ("c", False)])),
        ("(3 :> 4)", Fn([(3, 4)])),
        ("(1 :> 4 @@ 2 :> 5)", (4, 5)),
        ("(2 :> 5 @@ 1 :> 4)", (4, 5)),
        ("(<<1, 2>> :> {m1} @@ <<2>> :> 0)", Fn([((1, 2), frozenset({"m1"})), ((2,), 0)])),
        ("[ a |->\n      << [v |-> 0],\n         [v |-> 1] >>,\n  b |-> <<>> ]",
         Fn([("a", (Fn([("v", 0)]), Fn([("v", 1)]))), ("b", ())])),
    ],
)  # fmt: skip
def test_what_tlc_prints(text: str, value: Value) -> None:
    """Every shape that TLC 2.15 was seen to print is read as the value it stands for."""
    assert parse_value(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a value and found the end of the text"),
        ("<<1, 2", "expected >> and found the end of the text"),
        ("<<1 2>>", "expected >> and found 2"),
        ("[1 |-> 2]", "expected a field name and found 1"),
        ("(1 :> 2 @@ 3)", "expected :> and found )"),
        ("{1}}", "expected the end of the text and found }"),
        ("1..x", "expected the upper bound of an interval and found x"),
        ('"open', 'expected a value and found "'),
        ("a ? b", "expected the end of the text and found ?"),
    ],
)
def test_bad_text_is_refused(text: str, said: str) -> None:
    """A text that is no value is refused, with what was expected and what was found."""
    with pytest.raises(ValueSyntaxError, match=r"^not a TLA\+ value as TLC prints it: ") as caught:
        parse_value(text)
    assert said in str(caught.value)


# State graphs: TLC's dot files are read whole or refused.


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


# The trace format of Apalache: what we write, its own reader reads as the same values.


TRACE = Trace(
    (
        TraceStep(1, "", "", {"x": 0, "y": Fn([("s1", frozenset({"a"}))])}),
        TraceStep(2, "Inc", "line 1, col 2 to line 3, col 4 of module M", {"x": 1, "y": ()}),
    ),
    back_to=1,
)


def back(value: Any) -> Value:
    """A value of the reader's library as one of ours."""
    if hasattr(value, "_fields"):
        return function((name, back(item)) for name, item in value._asdict().items())
    if isinstance(value, list):
        return tuple(map(back, value))
    if isinstance(value, frozenset):
        return frozenset(map(back, value))
    if hasattr(value, "items"):
        return function((back(key), back(item)) for key, item in value.items())
    assert isinstance(value, int | str)
    return value


@given(VALUES)
def test_read_by_its_own_library(value: Value) -> None:
    """Every value of a counterexample survives the way through the file and the library."""
    text = json.dumps(value_to_itf(value))
    assert back(itf_py.value_from_json(json.loads(text))) == value


def test_a_trace_in_itf(tmp_path: Path) -> None:
    """States, actions, variables and the loop of a lasso are where the library looks for them."""
    path = tmp_path / "t.itf.json"
    write_itf(TRACE, "Coherent falls", path)
    read = itf_py.trace_from_json(json.loads(path.read_text("utf-8")))
    assert read.vars == ["x", "y"]
    assert read.loop == 0
    assert [state.meta["action"] for state in read.states] == ["", "Inc"]
    assert [{k: back(v) for k, v in s.values.items()} for s in read.states] == [
        step.state for step in TRACE.steps
    ]
    assert read.meta["description"] == "Coherent falls"


def test_loops() -> None:
    """A stuttering behaviour loops in its last state; a finite one has no loop at all."""
    assert trace_to_itf(Trace(TRACE.steps, stutters=True), "")["loop"] == 1
    assert "loop" not in trace_to_itf(Trace(TRACE.steps), "")
