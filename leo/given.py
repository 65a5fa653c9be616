"""What a caller gives to a field, looked at before anything is marked, queued or written.

Type hints say the same, and nobody has to run a type checker. What got past here would fail in the
middle of a reply, where it looks like a fault of the field's.
"""

from __future__ import annotations

from leo.errors import CallerError

__all__ = ["check_call", "check_text"]


def check_text(given: object, what: str) -> None:
    """Raises CallerError unless it is a `str`."""
    if not isinstance(given, str):
        raise CallerError(
            f"{what} has to be a text (str), and this is {given!r:.60}, of type "
            f"{type(given).__name__}; give a str (decode bytes first)"
        )


def check_call(session: object, prompt: object) -> None:
    """What `reply` is given. Raises CallerError for another type than `str`, and for a session
    whose name no file can hold.
    """
    check_text(prompt, "a prompt")
    check_text(session, "the name of a session")
    try:
        str(session).encode()
    except UnicodeEncodeError as error:
        raise CallerError(
            f"the session {session!a:.60} has half of a sign in its name (place {error.start}), "
            "which no file can hold; use another name"
        ) from error
