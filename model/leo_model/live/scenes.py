"""Scenes: short plays for the stage, each with the verdict that the claims give.

A scene is data: a discipline and cues. The stage carries the cues out on the real organism, one
action at a time, so the same scene gives the same events each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from leo.actions import Action
from leo_model.live.stage import Stage

__all__ = ["SCENES", "Cue", "Scene", "play"]


class Cue(NamedTuple):
    """`who` does something: says `text`, is cancelled at the gate or `under_way`, while the store
    carries the action out, or goes on until held at `to` (None: to the end).
    """

    who: str
    text: str = ""
    to: Action | None = None
    cancel: bool = False
    under_way: bool = False


class Scene(NamedTuple):
    """`falls` are the properties that fall in it, by name: what the page shows has to be this."""

    title: str
    told: str
    discipline: str
    cues: tuple[Cue, ...]
    falls: str


_ADA_SPEAKS: Final = Cue("ada", text="What is a field?")
_TRAP: Final = (
    _ADA_SPEAKS,
    Cue("ada", to=Action.Commit),
    Cue("ada", under_way=True),
    Cue("bob", text="What did she say?"),
    Cue("bob"),
)

SCENES: Final = (
    Scene(
        "No lock: two replies mix",
        "Two people talk at once. Ada's reply loads one table before Bob writes and the other "
        "after it. No order of the two replies explains what each of them read.",
        "bare",
        (
            _ADA_SPEAKS,
            Cue("ada", to=Action.LoadTrigrams),
            Cue("bob", text="Who speaks?"),
            Cue("bob", to=Action.LoadBigrams),
            Cue("ada"),
            Cue("bob"),
        ),
        "MutualExclusion Refines Serializable SnapshotProvenance ViewNotTorn",
    ),
    Scene(
        "A lock: half a reply",
        "One person, one lock. The call is cancelled after the first commit. The lock is free "
        "again, and half of the reply stays in the store.",
        "asyncio-lock",
        (_ADA_SPEAKS, Cue("ada", to=Action.LoadBigrams), Cue("ada", cancel=True)),
        "AllOrNothing Refines ViewAgreesWithStore",
    ),
    Scene(
        "One commit, and a trap",
        "The obvious repair: one commit for the whole reply. The call is cancelled while the "
        "commit is under way. The store has the reply, the view has not, and the next reply "
        "answers from a field that no longer exists.",
        "unit-of-work",
        _TRAP,
        "Refines Serializable SnapshotProvenance ViewAgreesWithStore",
    ),
    Scene(
        "As published: alone, and incoherent",
        "The last published program, one person, no fault. A reply writes on a second connection "
        "and never loads what it wrote: it answers from a field without its own observation.",
        "published-february",
        (_ADA_SPEAKS, Cue("ada"), Cue("ada", text="And now?"), Cue("ada")),
        "ReadsOwnObservation Refines Serializable SnapshotProvenance ViewAgreesWithStore",
    ),
    Scene(
        "The same, shielded",
        "The same two people and the same cancellation. Commit and view swap happen as one, "
        "so nothing falls.",
        "shielded-unit-of-work",
        _TRAP,
        "",
    ),
)


async def play(scene: Scene, stage: Stage, pause: Callable[[], Awaitable[None]]) -> None:
    """Carry out the cues on a stage of the scene's discipline. `pause` is awaited between cues."""
    stage.pace = None
    for cue in scene.cues:
        if cue.text:
            stage.say(cue.who, cue.text)
            await stage.held(cue.who)
        elif cue.under_way:
            await stage.cancel_under_way(cue.who)
        elif cue.cancel:
            stage.cancel(cue.who)
            await stage.go(cue.who, None)
        else:
            await stage.go(cue.who, cue.to)
        await pause()
