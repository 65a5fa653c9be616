"""The local page: who may talk to it, what a closed tab does, what is downloaded."""

from __future__ import annotations

import asyncio
import json
import re
import resource
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx

from leo.commands.main import main
from leo_model.live.server import Theatre, application
from leo_model.traces.validate import validate

HOST = "127.0.0.1:1"


class Page:
    """A theatre as its page reaches it. Ada says something with `say`."""

    def __init__(self, theatre: Theatre, client: httpx.AsyncClient) -> None:
        self.theatre = theatre
        self.get = client.get
        self._client = client

    async def ask(self, headers: dict[str, str] | None = None, **what: object) -> int:
        """The status of an answer."""
        return (
            await self._client.post("/secret/act", content=json.dumps(what), headers=headers)
        ).status_code

    async def refused(self, body: str) -> tuple[int, str]:
        """What is said of a request."""
        answer = await self._client.post("/secret/act", content=body)
        return answer.status_code, answer.json()["error"]

    async def say(self, text: str) -> tuple[str, str]:
        """How the reply ends: the kind of its end, and the text."""
        async with aclosing(self.theatre.watch()) as watching:
            await anext(watching)
            assert await self.ask(what="say", who="ada", text=text) == 200
            async for lines in watching:
                for told in map(json.loads, re.findall("data: (.*)", lines)):
                    if told["kind"] in ("answer", "gone"):
                        return told["kind"], told["text"]
        raise AssertionError("the watcher was let go")


def on_page(test: Callable[[Page, Path], Awaitable[None]]) -> Callable[[Path], None]:
    """A test of a page on a field of its own, on a loop of its own."""

    async def opened(folder: Path) -> None:
        theatre = Theatre(folder / "field", cue=0, pace=0)
        transport = httpx.ASGITransport(application(theatre, "secret", HOST))
        await theatre.set("asyncio-lock")
        try:
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
                await test(Page(theatre, client), folder)
        finally:
            await theatre.stop()

    def run(tmp_path: Path) -> None:
        asyncio.run(opened(tmp_path))

    run.__doc__ = test.__doc__
    return run


@on_page
async def test_only_its_own_page_may_talk_to_it(page: Page, _: Path) -> None:
    """Another token, another host and another origin are refused, and change nothing."""
    assert (await page.get("/other/")).status_code == 404
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
        assert await page.ask(headers, what="discipline", name="bare") == 403
    assert page.theatre.stage is not None and page.theatre.stage.discipline == "asyncio-lock"
    own = {"origin": f"http://{HOST}"}
    assert await page.ask(own, what="discipline", name="bare") == 200
    assert page.theatre.stage.discipline == "bare"


@on_page
async def test_what_is_not_understood_is_said(page: Page, _: Path) -> None:
    """A bad request is an answer, and the stage goes on."""
    long = json.dumps({"what": "say", "who": "ada", "text": "a" * 20_000})
    for body in ("", "[]", '{"what": "dance"}', '{"what": "scene", "number": 99}', long):
        assert (await page.refused(body))[0] == 400, body
    for body, said in (
        ('{"what": "discipline", "name": "gil"}', "no discipline to watch 'gil'"),
        ('{"what": "step", "who": "ada"}', "no reply of ada is held"),
        ('{"what": "cancel", "who": "ada"}', "ada waits for no reply"),
    ):
        code, told = await page.refused(body)
        assert code == 409 and said in told
    assert await page.ask(what="discipline", name="bare") == 200
    assert (await page.say("\0 \ud800 🌱 " + "x" * 1990))[0] == "answer"


@on_page
async def test_a_reply_and_its_recording(page: Page, _: Path) -> None:
    """What was said is answered, and the download is a trace that says so."""
    assert (await page.say("What is a field?"))[0] == "answer"
    trace = (await page.get("/secret/trace/1")).text.splitlines()
    assert json.loads(trace[-1])["action"] == "Return"


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """No file can be written beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@on_page
async def test_a_full_disk_ends_the_recording_and_no_more(page: Page, folder: Path) -> None:
    """Each failure is said, and what was recorded can be downloaded and judged. With room again a
    new stage is set, and the field is whole.
    """
    assert await page.ask(what="discipline", name="shielded-unit-of-work") == 200
    with longest_file(4000):
        ends = []
        for _ in range(4):
            ends.append(await page.say("Who speaks?"))
            trace = await page.get("/secret/trace/2")
        assert {kind for kind, _ in ends} == {"gone"}
        assert "the field cannot be written" in ends[0][1]
        assert "the trace cannot be written" in ends[-1][1]
    (folder / "t.ndjson").write_bytes(trace.content)
    [report] = validate([folder / "t.ndjson"], "native", torn=True)
    assert report.accepted and not report.broken
    with longest_file(10):
        assert await page.ask(what="scene", number=0) == 409
        assert await page.ask(what="say", who="ada", text="Hello?") == 409
    assert await page.ask(what="discipline", name="shielded-unit-of-work") == 200
    assert (await page.say("Hello?"))[0] == "answer"
    await page.theatre.stop()
    assert main(["field", "check", str(folder / "field")]) == 0


@on_page
async def test_the_last_tab_of_a_name_that_closes_cancels_its_reply(page: Page, _: Path) -> None:
    """One of two tabs does not."""
    async with aclosing(page.theatre.watch("ada")) as one:
        async with aclosing(page.theatre.watch("ada")) as other:
            await anext(one), await anext(other)
            await page.ask(what="pace", seconds=None)
            await page.ask(what="say", who="ada", text="What is a field?")
        assert page.theatre.stage is not None
        ada = page.theatre.stage.people["ada"]
        assert ada.task is not None and not ada.task.cancelling()
    await page.theatre.stage.until(lambda: ada.task is None)


@on_page
async def test_nobody_disturbs_a_scene(page: Page, _: Path) -> None:
    """What people do meanwhile is refused, and it ends as it should; then they go on."""
    async with aclosing(page.theatre.watch()) as watching:
        await page.ask(what="scene", number=0)
        await page.ask(what="pace", seconds=0)
        for what in ("say", "step", "cancel", "raise"):
            assert await page.ask(what=what, who="ada", text="Hello?") == 409
        assert await page.ask(what="kill", instance="i1") == 409
        while '"played"' not in (lines := await anext(watching)):
            pass
    assert '"as_claimed": true' in lines
    assert (await page.say("Hello?"))[0] == "answer"


@on_page
async def test_a_scene_that_is_ended_before_it_begins_leaves_the_stage(page: Page, _: Path) -> None:
    """Another discipline was chosen while the scene's stage was set."""
    await asyncio.gather(page.ask(what="scene", number=0), page.ask(what="discipline", name="bare"))
    assert (await page.say("Hello?"))[0] == "answer"


@on_page
async def test_who_is_too_far_behind_is_let_go(page: Page, _: Path) -> None:
    """A watcher that does not read costs a bounded number of messages."""
    watching = page.theatre.watch()
    assert await anext(watching)
    for number in range(3000):
        page.theatre.tell("number", number=number)
    left = "".join([text async for text in watching])
    assert 2000 <= left.count("data: ") < 2010


@on_page
async def test_what_is_said_while_the_stage_is_set_is_said_on_the_new_one(
    page: Page, _: Path
) -> None:
    """A new discipline, a pace and a prompt at once: the reply waits at its first gate."""
    await asyncio.gather(
        page.ask(what="discipline", name="bare"),
        page.ask(what="pace", seconds=None),
        page.ask(what="say", who="ada", text="What is a field?"),
    )
    stage = page.theatre.stage
    assert stage is not None and stage.discipline == "bare"
    ada = stage.people["ada"]
    await stage.held("ada")
    await page.ask(what="pace", seconds=0)
    await stage.until(lambda: ada.task is None)
