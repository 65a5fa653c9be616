"""TLA+ values: what TLC prints is read, and what is printed is the same value again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo_model.errors import ValueSyntaxError
from leo_model.tlc.value import Fn, ModelValue, Value, function, parse_value, to_tla

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


def test_functions_are_mappings_and_keys() -> None:
    """A function is a mapping, equal and hashed by what it maps; a domain 1..n makes it a tuple."""
    one, other = Fn([("a", 1), ("b", 2)]), Fn([("b", 2), ("a", 1)])
    assert {one: "x"}[other] == "x"
    assert dict(one) == {"a": 1, "b": 2}
    assert len(one) == 2
    assert one != Fn([("a", 1)])
    assert one != {"a": 1, "b": 2}
    assert function([(2, "y"), (1, "x")]) == ("x", "y")
    assert function([(True, "x")]) == Fn([(True, "x")])
    assert repr(one) == "Fn({'a': 1, 'b': 2})"


def test_model_values_are_their_names() -> None:
    """A model value equals the string of its name and is printed without quotes."""
    assert ModelValue("s1") == "s1"
    assert (to_tla(ModelValue("s1")), to_tla("s1")) == ("s1", '"s1"')
    assert repr(parse_value("{s1}")) == "frozenset({ModelValue('s1')})"
