"""A module with a state of its own, for test_false_greens."""

total = 0


def get() -> int:
    return total


def put(value: int) -> None:
    global total  # noqa: PLW0603 - the fault is the subject
    total = value
