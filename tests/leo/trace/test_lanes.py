"""The table of lanes: who did what, in at most 80 columns, nothing lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.actions import Action
from leo.errors import LeoError
from leo.trace.lanes import LaneStep, lane_table

STEPS = [
    LaneStep(1, "s1", "Call"),
    LaneStep(2, "s1", "Recall", "reads snapshots 0"),
    LaneStep(3, "s2", "SaveSnapshot", "writes snapshots 1"),
    LaneStep(4, "", "Crash"),
]

LANES = st.integers(2, 6).map(lambda n: [f"s{i}" for i in range(1, n + 1)])
WORDS = st.lists(st.sampled_from(["reads", "ngrams", "3", "view.trigrams", "0,"]), max_size=5)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[LaneStep]]:
    """Lanes and steps in them, with the names of the real actions."""
    lanes = draw(LANES)
    rows = draw(
        st.lists(
            st.tuples(st.sampled_from([*lanes, ""]), st.sampled_from(list(Action)), WORDS),
            max_size=12,
        )
    )
    steps = [LaneStep(i, lane, a, " ".join(note)) for i, (lane, a, note) in enumerate(rows, 1)]
    return lanes, steps


@given(tables())
def test_fits_and_loses_nothing(table: tuple[list[str], list[LaneStep]]) -> None:
    """2 to 6 lanes fit in 80 columns, with every letter of every step, steps in their order."""
    lanes, steps = table
    text = lane_table(steps, lanes=lanes, verdict="Coherent falls")
    assert max(map(len, text.splitlines())) <= 80
    bare = re.sub(r"[\s│─✗…]", "", "".join(text.splitlines()[2:]))
    wanted = "".join(f"{s.index}{s.action}{s.note}" for s in steps) + "Coherentfalls"
    assert sorted(bare) == sorted(wanted.replace(" ", ""))
    order = [int(n) for n in re.findall(r"^ *(\d+)[ │]", text, re.MULTILINE)]
    assert order == [step.index for step in steps]


def test_two_lanes() -> None:
    """The action stands in the lane of its session with its note; the last line says what fell."""
    wide = "─" * 71
    assert lane_table(STEPS, "Coherent falls after step 4", back_to=2) == (
        "  │ s1                               │ s2\n"
        f"{wide}\n"
        "1 │ Call                             │\n"
        "2 │ Recall  reads snapshots 0        │\n"
        "3 │                                  │ SaveSnapshot  writes snapshots 1\n"
        "4 ── Crash ──\n"
        f"{wide}\n"
        "↺ then again from step 2\n"
        "✗ Coherent falls after step 4\n"
    )


@pytest.mark.parametrize(
    ("steps", "lanes", "said"),
    [
        ([], [], "^a table of lanes \\(none\\) cannot show a step of nobody: "),
        (STEPS, ["s1"], "^a table of lanes s1 cannot show a step of s2: "),
        (STEPS, [f"s{i}" for i in range(20)], "^20 lanes need more than 80 columns: at most 8 "),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    steps: list[LaneStep], lanes: list[str], said: str
) -> None:
    """A step outside the lanes, no lanes, and more lanes than fit are refused."""
    with pytest.raises(LeoError, match=said):
        lane_table(steps, lanes=lanes)
