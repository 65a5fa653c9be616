"""Tokens: a schedule as one word, and every way of getting it wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.schedules.system import Choice
from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.organism.case import FAULTS, Case, ScheduleError, _checksum, from_token, to_token

SESSION_KINDS = ("step", "cancel", "raise", "timeout")
INSTANCE_KINDS = ("crash", "recover")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case that can be executed."""
    discipline = draw(st.sampled_from(sorted(IDEALISED)))
    possible = DISCIPLINES[discipline].possible_faults
    faults = draw(st.sets(st.sampled_from(possible))) if possible else set()
    return Case(
        discipline,
        1 if discipline == "sequential" else draw(st.integers(1, 26)),
        draw(st.integers(1, 40)),
        tuple(fault for fault in FAULTS if fault in faults),
        draw(st.integers(0, 2**40)),
    )


def choices(case: Case) -> st.SearchStrategy[list[Choice]]:
    """Choices by sessions and instances of a case, whether or not they can be made."""
    sessions = st.sampled_from([f"s{k + 1}" for k in range(case.sessions)])
    of_sessions = st.builds(Choice, sessions, st.sampled_from(SESSION_KINDS))
    instances = st.sampled_from(["i1", "i2"])
    of_instances = st.builds(Choice, instances, st.sampled_from(INSTANCE_KINDS))
    return st.lists(of_sessions | of_instances, max_size=60)


@given(st.data())
def test_a_token_says_all_of_a_schedule(data: st.DataObject) -> None:
    """What is written is read again, and needs no quoting in a shell or in an address."""
    case = data.draw(cases())
    schedule = data.draw(choices(case))
    token = to_token(case, schedule)
    assert from_token(token) == (case, tuple(schedule))
    assert re.fullmatch(r"[A-Za-z0-9.-]+", token)


TOKEN = to_token(Case("asyncio-lock", faults=("Cancel",)), [Choice("s1")] * 4)


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("abcdefgxyzABCRX0123456789.-"))
def test_a_mistyped_token_is_refused(place: int, character: str) -> None:
    """Any one character that is another than it was is noticed."""
    mistyped = TOKEN[:place] + character + TOKEN[place + 1 :]
    if mistyped == TOKEN:
        return
    with pytest.raises(ScheduleError):
        from_token(mistyped)


def signed(body: str) -> str:
    """A body with the checksum that belongs to it."""
    return f"{body}.{_checksum(body)}"


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "is not a schedule"),
        (TOKEN[:-3], "does not agree with its own checksum"),
        (signed("leo2.bare.2x1.7.0.a"), "version 'leo2'"),
        (signed("leo1.bare.two.7.0.a"), "'two'"),
        (signed("leo1.bare.2x1.7.Q.a"), "'Q'"),
        (signed("leo1.fair.2x1.7.0.a"), "no discipline 'fair'"),
        (signed("leo1.gil.2x1.7.C.a"), "Cancel cannot strike under gil"),
        (signed("leo1.bare.2x1.7.0.a!"), "cannot be read from '!'"),
        (signed("leo1.bare.0x1.7.0.a"), "0 sessions"),
        (signed("leo1.bare.2x1.7.0." + "a9999" * 12), "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_token_is_said(token: str, said: str) -> None:
    """The refusal names what was found, and what to do about it."""
    with pytest.raises(ScheduleError, match=re.escape(said)):
        from_token(token)


def test_a_session_without_a_letter() -> None:
    """A schedule of more sessions than letters is refused when it is written."""
    with pytest.raises(ScheduleError, match="s27"):
        to_token(Case("bare", 30), [Choice("s27")])
