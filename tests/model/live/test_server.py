"""The local page: who may talk to it, what a closed tab does, what is downloaded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from leo_model.live.server import Theatre, application

HOST = "127.0.0.1:1"


@asynccontextmanager
async def page(folder: Path) -> AsyncIterator[tuple[Theatre, httpx.AsyncClient]]:
    theatre = Theatre(folder / "field", "asyncio-lock", cue=0)
    transport = httpx.ASGITransport(application(theatre, "secret", HOST))
    await theatre.start()
    try:
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            yield theatre, client
    finally:
        await theatre.stop()


def test_only_its_own_page_may_talk_to_it(tmp_path: Path) -> None:
    """Another token, another host and another origin are refused, and change nothing."""

    async def run() -> None:
        async with page(tmp_path) as (theatre, client):
            body = json.dumps({"what": "discipline", "name": "bare"})
            assert (await client.get("/other/")).status_code == 404
            for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
                answer = await client.post("/secret/act", content=body, headers=headers)
                assert answer.status_code == 403
            assert theatre.stage is not None and theatre.stage.discipline == "asyncio-lock"
            own = {"origin": f"http://{HOST}"}
            assert (await client.post("/secret/act", content=body, headers=own)).status_code == 200
            assert theatre.stage.discipline == "bare"

    asyncio.run(run())


def test_what_is_not_understood_is_said(tmp_path: Path) -> None:
    """A bad request is an answer, and the stage goes on."""

    async def run() -> None:
        async with page(tmp_path) as (_, client):
            long = json.dumps({"what": "say", "who": "ada", "text": "a" * 20_000})
            for body in ("", "[]", '{"what": "dance"}', '{"what": "scene", "number": 99}', long):
                answer = await client.post("/secret/act", content=body)
                assert answer.status_code == 400, body
            answer = await client.post("/secret/act", content='{"what":"discipline","name":"gil"}')
            assert answer.status_code == 409 and "cannot be watched" in answer.json()["error"]

    asyncio.run(run())


def test_a_reply_and_its_recording(tmp_path: Path) -> None:
    """What was said is answered, and the download is a trace that says so."""

    async def run() -> None:
        async with page(tmp_path) as (theatre, client):
            said = {"what": "say", "who": "ada", "text": "What is a field?"}
            await client.post("/secret/act", content=json.dumps(said))
            watching = theatre.watch()
            while '"kind": "answer"' not in await anext(watching):
                pass
            trace = (await client.get("/secret/trace/1")).text.splitlines()
            assert json.loads(trace[-1])["action"] == "Return"

    asyncio.run(run())


def test_who_is_too_far_behind_is_let_go(tmp_path: Path) -> None:
    """A watcher that does not read costs a bounded number of messages."""

    async def run() -> None:
        theatre = Theatre(None, "bare")
        watching = theatre.watch()
        theatre.tell({"kind": "first"})
        assert await anext(watching)
        for number in range(3000):
            theatre.tell({"number": number})
        left = "".join([text async for text in watching])
        assert 2000 <= left.count("data: ") < 2010
        await theatre.stop()

    asyncio.run(run())


def test_what_is_said_while_the_stage_is_set_is_said_on_the_new_one(tmp_path: Path) -> None:
    """A new discipline, a pace and a prompt at once: the reply waits at its first gate."""

    async def run() -> None:
        async with page(tmp_path) as (theatre, client):
            asked: list[dict[str, object]] = [
                {"what": "discipline", "name": "bare"},
                {"what": "pace", "seconds": None},
                {"what": "say", "who": "ada", "text": "What is a field?"},
            ]
            await asyncio.gather(*(client.post("/secret/act", json=one) for one in asked))
            assert theatre.stage is not None and theatre.stage.discipline == "bare"
            ada = theatre.stage.people["ada"]
            await theatre.stage.until(lambda: ada.gate is not None)
            await client.post("/secret/act", json={"what": "pace", "seconds": 0})
            await theatre.stage.until(lambda: ada.task is None)

    asyncio.run(run())
