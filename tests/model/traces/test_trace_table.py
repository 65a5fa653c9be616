"""The drift guard: specification, event classes and organism name the same things, and the README
has the table that they make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leo.trace.events import Event
from leo_model.traces import vocabulary as trace_table
from leo_model.traces.vocabulary import (
    IDEAL,
    call_sites,
    changed,
    module_texts,
    operators,
    organism,
    problems,
    readme_path,
    variables,
    with_table,
)

FIELD = module_texts(IDEAL)
Sites = dict[str, list[str]]


@pytest.fixture(scope="module")
def sites() -> Sites:
    """Where the organism records each action; every file of it is read."""
    return call_sites(organism())


def test_nothing_is_missing(sites: Sites) -> None:
    """Each variable, action and field is known to specification, trace and organism."""
    assert problems(sites=sites) == []


def test_the_readme_has_the_table() -> None:
    """The table in spec/README.md is the one that the three make."""
    readme = readme_path().read_text("utf-8")
    assert with_table(readme) == readme, (
        f"{readme_path().name} is behind: "
        "python -m leo_model.traces.vocabulary writes its table anew"
    )


SHOWN = "SHOWN in model/leo_model/traces/vocabulary.py"
NEW = "\n    mood,       \\* how it feels\n    left        \\*"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\n    left        \\*", NEW,
         [f"the variable mood is in VARIABLES of spec/ and missing in {SHOWN}"]),
        ("\\/ Block(s)", "\\/ Block(s) \\/ Daydream(s)", [
            f"the action Daydream is in Next .*missing in {place}"
            for place in ("ACTIONS in model/leo_model/machine/machine.py", "leo/actions.py",
                          "the organism: record it in leo/")]),
    ],
    ids=["variable", "action"],
)  # fmt: skip
def test_what_is_new_in_the_specification_is_noticed(
    old: str, new: str, said: list[str], sites: Sites
) -> None:
    """A variable that nothing in a trace shows, an operator of Next that no Python side knows: each
    fails with every place to fix."""
    assert old in FIELD
    found = problems(FIELD.replace(old, new), sites)
    assert len(found) == len(said)
    assert all(any(re.match(one, text) for text in found) for one in said)


def test_an_action_that_the_organism_forgets_is_noticed(tmp_path: Path, sites: Sites) -> None:
    """Without the file that records it, an action is missing in the organism; an action that only
    the organism has is missing in the specification."""
    rest = [path for path in organism() if path.name != "commit.py"]
    found = problems(sites=call_sites(rest))
    missing = {text.split()[2] for text in found}
    steps = {"Reenter", "GenerateBegin", "GenerateEnd"}
    units = {"Begin", "Commit", "SwapView", "Busy", "BusySnapshot", "Retry"}
    assert missing == steps | units
    more = tmp_path / "more.py"
    more.write_text("def muse(turn):\n    turn.record(Action.Muse)\n")
    (text,) = problems(sites=sites | call_sites([more]))
    assert text.startswith("the action Muse is in the organism: ")


def test_a_told_action_may_not_be_called_untold(sites: Sites) -> None:
    """Once the organism records an action, its entry among the untold ones is wrong."""
    (text,) = problems(sites={**sites, "Crash": ["field.py close"]})
    assert text.startswith("the action Crash is recorded by field.py close: take it out of UNTOLD")


def test_a_new_field_is_noticed(monkeypatch: pytest.MonkeyPatch, sites: Sites) -> None:
    """A field of an event without a meaning fails, with the place to fix."""

    class Later(Event, frozen=True):
        mood: int

    monkeypatch.setattr(trace_table, "Event", Later)
    assert problems(sites=sites) == [
        "the field mood is in leo.trace.events.Event and missing in EVENT in "
        "model/leo_model/traces/vocabulary.py"
    ]


def test_what_an_action_changes_is_read_from_the_specification() -> None:
    """The variables with a prime in the operator or its helpers, and no others. An action
    states of every other variable that it is unchanged."""
    known, bodies = variables(FIELD), operators(FIELD)
    assert changed("Release", bodies, known) == ["pc", "holder"]
    assert changed("SwapView", bodies, known) == ["pc", "view"]
    assert "left" in changed("Cancel", bodies, known)
    assert set(known) >= {"pc", "dsg", "open"} and len(known) == 16


@pytest.mark.parametrize(
    ("code", "sites"),
    [
        ("def f(t):\n    t.record(Action.Call)", {"Call": ["x.py f"]}),
        ("def f(t):\n    return partial(t.record, Action.Call)", {"Call": ["x.py f"]}),
        (
            "def f(t):\n    t.record(Action.Call if t else Action.Retry)",
            {"Call": ["x.py f"], "Retry": ["x.py f"]},
        ),
        ("def g(t, a):\n    t.record(a)\ndef f(t):\n    g(t, Action.Call)", {"Call": ["x.py f"]}),
        ("def f(t):\n    t.gate(Action.Call)", {}),
        ("def f(t):\n    t.record(Other.Call)", {}),
    ],
    ids=["direct", "partial", "either", "handed on", "not recorded", "not an action"],
)
def test_call_sites_are_found(code: str, sites: Sites, tmp_path: Path) -> None:
    """An action counts as recorded where it is given to ``record``, however it gets there."""
    path = tmp_path / "x.py"
    path.write_text(code)
    assert call_sites([path]) == sites
