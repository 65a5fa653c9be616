"""The stage: scenes end as the claims say, faults are real, and the recording is a trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from leo.actions import Action
from leo.errors import StoreOwnedError
from leo.front.tasks import AsyncLeoField
from leo_model.errors import CheckError
from leo_model.live.scenes import SCENES, Scene, play
from leo_model.live.stage import Stage
from leo_model.traces.validate import Engine, validate


def on_stage(
    folder: Path, discipline: str, act: Callable[[Stage], Awaitable[None]]
) -> tuple[Stage, list[dict[str, Any]]]:
    """What was told while `act` was played, and the closed stage."""
    told: list[dict[str, Any]] = []

    def tell(kind: str, **what: Any) -> None:
        told.append({"kind": kind, **what})

    async def run() -> Stage:
        stage = await Stage.open(folder, folder / "field", discipline, tell)
        await asyncio.wait_for(act(stage), 120)
        await stage.close()
        return stage

    return asyncio.run(run()), told


def kinds(told: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [message for message in told if message["kind"] == kind]


LEFT = {
    "asyncio-lock": "Half of it stays in the store: what was said, without the answer. The view "
    "does not know of it.",
    "unit-of-work": "All of it is in the store. The view does not know of it.",
    "shielded-unit-of-work": "All of it is in the store.",
}


@pytest.mark.parametrize("engine", ["native", pytest.param("both", marks=pytest.mark.long)])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.discipline)
def test_a_scene_ends_as_the_claims_say(scene: Scene, engine: Engine, tmp_path: Path) -> None:
    """The properties that fall are those of the scene, each one that is claimed to fall, at a line
    that is shown; the same fall in the recording. Who was cancelled is told what that left.
    """

    async def act(stage: Stage) -> None:
        await play(scene, stage, lambda: asyncio.sleep(0))

    stage, told = on_stage(tmp_path, scene.discipline, act)
    assert stage.fell == set(scene.falls.split())
    assert all(message["claimed"] for message in kinds(told, "fell"))
    lines = {message["line"] for message in kinds(told, "event")}
    assert lines.issuperset(message["line"] for message in kinds(told, "fell"))
    assert not kinds(told, "rejected")
    gone = [message["text"] for message in kinds(told, "gone")]
    assert gone == [f"Cancelled. {left}" for left in [LEFT.get(scene.discipline)] if left]
    # What is downloaded is what `leo validate` judges.
    (report,) = validate([stage.trace], engine)
    assert report.native is not None and not report.disagreement()
    assert set(report.native.violations) == stage.fell


def test_a_step_that_raises_and_a_killed_instance(tmp_path: Path) -> None:
    """Both are events of the recording, and people can go on talking."""

    async def act(stage: Stage) -> None:
        stage.pace = None
        stage.say("ada", "What is a field?")
        ada = stage.people["ada"]
        await stage.held("ada")
        await stage.go("ada", Action.Recall)
        stage.fail("ada")
        await stage.until(lambda: ada.task is None)
        stage.say("ada", "Again?")
        await stage.held("ada")
        await stage.go("ada", Action.Generate)
        await stage.kill("i1")
        stage.say("ada", "And now?")
        await stage.held("ada")
        await stage.go("ada", None)

    _, told = on_stage(tmp_path, "asyncio-lock", act)
    actions = [message["action"] for message in kinds(told, "event")]
    assert [a for a in actions if a in ("Raise", "Crash", "Recover", "Return")] == [
        "Raise", "Crash", "Recover", "Return",
    ]  # fmt: skip
    assert not kinds(told, "rejected")
    assert "AllOrNothing" in {message["property"] for message in kinds(told, "fell")}


@pytest.mark.parametrize("discipline", ["actor", "shielded-unit-of-work"])
@pytest.mark.parametrize("held", [Action.Recall, Action.Commit, Action.SwapView, Action.Release])
def test_what_goes_on_without_its_caller_holds_nobody_up(
    discipline: str, held: Action, tmp_path: Path
) -> None:
    """Neither a kill nor the end, at any gate; the caller's next prompt waits."""

    async def act(stage: Stage) -> None:
        stage.pace = None
        for again in (False, True):
            stage.say("ada", "What is a field?")
            await stage.go("ada", held)
            stage.cancel("ada")
            await asyncio.sleep(0)
            if discipline == "actor":
                await stage.until(lambda: stage.people["ada"].task is None)
                with pytest.raises(CheckError, match=r"^Leo carries on with what ada left"):
                    stage.say("ada", "Hello?")
            if not again:
                await stage.kill("i1")

    _, told = on_stage(tmp_path, discipline, act)
    assert not kinds(told, "rejected") and not kinds(told, "fell")
    if discipline == "actor":
        assert kinds(told, "gone")[0]["text"].startswith("Cancelled. Leo carries on")
    assert [m["now"]["locks"]["i1"] for m in kinds(told, "event") if m["action"] == "Acquire"] == [
        ["ada"], ["ada"],
    ]  # fmt: skip


def test_one_reply_at_a_time(tmp_path: Path) -> None:
    """A second call of the same person is refused."""

    async def act(stage: Stage) -> None:
        stage.pace = None
        stage.say("ada", "What is a field?")
        with pytest.raises(CheckError, match=r"^ada waits for a reply"):
            stage.say("ada", "Hello?")

    on_stage(tmp_path, "asyncio-lock", act)


def test_a_field_is_on_one_stage(tmp_path: Path) -> None:
    """What others write the recording does not see: a second stage and a sharing field wait."""

    async def act(_: Stage) -> None:
        for discipline in ("asyncio-lock", "shared-store-immediate"):
            with pytest.raises(StoreOwnedError):
                await Stage.open(tmp_path, tmp_path / "field", discipline, print)
            with pytest.raises(StoreOwnedError):
                await AsyncLeoField.open(tmp_path / "field", discipline=discipline)

    on_stage(tmp_path, "shared-store", act)
    on_stage(tmp_path, "bare", lambda _: asyncio.sleep(0))
