"""The message stream of TLC: every shape that was seen, and what stands between the messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo_model.errors import ValueSyntaxError
from leo_model.tlc.messages import Message, Stream, TraceStep, parse_state, parse_trace
from leo_model.tlc.value import Fn


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
    """The text of a message is its lines, whatever they are."""
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
