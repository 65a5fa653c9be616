"""The soak of `make nightly`, for some seconds."""

from tests.soak import soak


def test_two_lives_of_a_field_leave_nothing_to_find() -> None:
    """One that is closed and one that is killed."""
    found = soak(0.0, 1.0)
    assert found.findings == []
    assert found.seen["lives"] == 2 and found.seen["answered"] and found.seen["events"]
