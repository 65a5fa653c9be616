"""The local page: one stage for many watchers and speakers, over server-sent events.

Only this machine can reach it: it listens on the loopback address, every path begins with a token
that is made at the start, and a request that names another host or comes from another page is
refused. The page fetches nothing from outside. When a caller's stream closes, its reply under way
is cancelled.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from leo.errors import LeoError, unknown
from leo_model.errors import CheckError
from leo_model.live.scenes import SCENES, play
from leo_model.live.stage import ON_STAGE, Stage

__all__ = ["Theatre", "application"]

# A watcher that is so many messages behind is let go; its page connects again and starts anew.
BEHIND: Final = 2000
# What a page that comes later still sees.
KEPT: Final = 400
LONGEST_NAME: Final = 24
LONGEST_TEXT: Final = 2000
LONGEST_BODY: Final = 20_000
# Seconds between the cues of a scene, and before each action of what people say, when somebody
# watches.
CUE: Final = 0.6
PACE: Final = 0.3
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Theatre:
    """The stage that is set now, and who watches it. `field` is None for a new field each time."""

    def __init__(self, field: Path | None, cue: float = CUE, pace: float | None = PACE) -> None:
        self._folder = TemporaryDirectory(prefix="leo-live-")
        self._field = field
        self._cue = cue
        self._numbered = 0
        self._watchers: set[asyncio.Queue[str | None]] = set()
        self._past: list[str] = []
        self._playing: asyncio.Task[None] | None = None
        self._setting = asyncio.Lock()
        # How many tabs each name has open.
        self._tabs: Counter[str] = Counter()
        self.stage: Stage | None = None
        self.pace = pace
        self.traces: dict[str, Path] = {}

    async def stop(self) -> None:
        """End the scene, the replies, the streams; leave no file but the field that was given."""
        await self._stop_scene()
        if self.stage is not None:
            await self.stage.close()
        for queue in self._watchers:
            queue.put_nowait(None)
        self._folder.cleanup()

    async def set(self, discipline: str, fresh: bool = False) -> Stage:
        """End a scene, close the stage and set another one, `fresh` on a new field. Raises
        LeoError when that cannot be; then nothing is on stage, if there is such a discipline.
        """
        if discipline not in ON_STAGE:
            raise CheckError(f"there is no discipline to watch {unknown(discipline, ON_STAGE)}")
        async with self._setting:
            await self._stop_scene()
            if self.stage is not None:
                await self.stage.close()
            # Until another one is set, which may fail.
            self.stage = None
            self._numbered += 1
            folder = Path(self._folder.name) / str(self._numbered)
            # On a full disk the stage tells that there is no folder.
            with suppress(OSError):
                folder.mkdir()
            field = folder / "field" if fresh or self._field is None else self._field
            self._past.clear()
            number, scenes = str(self._numbered), [scene[:3] for scene in SCENES]
            self.tell("stage", name=discipline, disciplines=ON_STAGE, scenes=scenes, trace=number)
            self.stage = await Stage.open(folder, field, discipline, self.tell)
            self.go_at(self.pace)
            self.traces[number] = self.stage.trace
            return self.stage

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[Stage]:
        """The stage for people to act on, while nobody sets another one. Raises CheckError when
        there is none, or a scene is played on it.
        """
        async with self._setting:
            if self.stage is None:
                raise CheckError("nothing is on stage; choose a scene or a discipline")
            if self._playing is not None:
                raise CheckError("a scene is being played; wait for its end")
            yield self.stage

    def go_at(self, pace: float | None) -> None:
        """Seconds before each action of what people say; None waits for clicks."""
        self.pace = pace
        self.tell("pace", seconds=pace)
        if self.stage is not None and self._playing is None:
            self.stage.go_at(pace)

    async def scene(self, number: int) -> None:
        """Play a scene on a new field of its own."""
        stage = await self.set(SCENES[number].discipline, fresh=True)
        self._playing = asyncio.get_running_loop().create_task(self._play(number, stage))

    async def _play(self, number: int, stage: Stage) -> None:
        scene = SCENES[number]
        self.tell("scene", number=number)
        try:
            # A reply that failed by itself, on a full disk, is there for no more cues.
            with suppress(CheckError):
                await play(scene, stage, lambda: asyncio.sleep(self._cue))
        finally:
            self._playing = None
        self.tell("played", as_claimed=stage.fell == set(scene.falls.split()))
        self.go_at(self.pace)

    async def _stop_scene(self) -> None:
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.wait([self._playing])
            # One that had not begun has not said so.
            self._playing = None

    def tell(self, kind: str, **what: object) -> None:
        """Pass a message to everyone who watches. One that is too far behind is let go."""
        text = json.dumps({"kind": kind, **what})
        self._past.append(text)
        del self._past[1:-KEPT]
        for queue in [*self._watchers]:
            if queue.qsize() > BEHIND:
                self._watchers.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(text)

    async def watch(self, *names: str) -> AsyncGenerator[str]:
        """What happened lately, then what happens, as server-sent events, one or more at a time.
        The replies to `names` are cancelled when the last tab of each is gone.
        """
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        for text in self._past:
            queue.put_nowait(text)
        self._watchers.add(queue)
        self._tabs.update(names)
        try:
            told: str | None = ""
            while told is not None:
                # All that there is in one write.
                waiting = [await queue.get(), *(queue.get_nowait() for _ in range(queue.qsize()))]
                told = waiting[-1]
                yield "".join(f"data: {text}\n\n" for text in waiting if text is not None)
        finally:
            self._watchers.discard(queue)
            self._tabs.subtract(names)
            for name in names:
                if not self._tabs[name] and self.stage is not None and self._playing is None:
                    with suppress(CheckError):
                        self.stage.cancel(name)


def application(theatre: Theatre, token: str, host: str) -> Starlette:
    """The page of a theatre. `host` is what the browser must call us, `127.0.0.1:PORT`."""

    def refused(request: Request) -> Response | None:
        origin = request.headers.get("origin")
        if request.path_params.get("token") != token:
            return JSONResponse({"error": "the address lacks its token"}, 404)
        if request.headers.get("host") != host or origin not in (None, f"http://{host}"):
            return JSONResponse({"error": "another page may not talk to this one"}, 403)
        return None

    def asset(name: str, kind: str) -> Any:
        async def send(request: Request) -> Response:
            text = (files("leo_model.live") / name).read_text("utf-8")
            return refused(request) or Response(text, media_type=kind, headers=HEADERS)

        return send

    async def events(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        names = {name[:LONGEST_NAME] for name in request.query_params.getlist("name")}
        return StreamingResponse(
            theatre.watch(*names), media_type="text/event-stream", headers=HEADERS
        )

    async def act(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        try:
            body = bytearray()
            async for part in request.stream():
                body += part
                if len(body) > LONGEST_BODY:
                    raise ValueError(f"more than {LONGEST_BODY:,} bytes")
            await _carry_out(theatre, json.loads(body))
        except LeoError as error:
            return JSONResponse({"error": str(error)}, 409)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            return JSONResponse({"error": f"not understood: {error}"}, 400)
        return JSONResponse({})

    async def trace(request: Request) -> Response:
        if (no := refused(request)) is not None:
            return no
        path = theatre.traces.get(request.path_params["number"])
        if path is None:
            return JSONResponse({"error": "there is no such recording"}, 404)
        if theatre.stage is not None and theatre.stage.trace == path:
            await asyncio.to_thread(theatre.stage.flush)
        return FileResponse(path, filename=path.name, media_type="application/x-ndjson")

    return Starlette(
        routes=[
            Route("/{token}/", asset("page.html", "text/html")),
            Route("/{token}/page.css", asset("page.css", "text/css")),
            Route("/{token}/page.js", asset("page.js", "text/javascript")),
            Route("/{token}/events", events),
            Route("/{token}/act", act, methods=["POST"]),
            Route("/{token}/trace/{number}", trace),
        ],
    )


HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def _carry_out(theatre: Theatre, asked: dict[str, Any]) -> None:
    what = asked["what"]
    if what == "discipline":
        await theatre.set(str(asked["name"]))
    elif what == "scene":
        await theatre.scene(int(asked["number"]))
    elif what == "pace":
        pace = asked["seconds"]
        theatre.go_at(None if pace is None else min(5.0, max(0.0, float(pace))))
    elif what == "kill":
        async with theatre.ready() as stage:
            await stage.kill(str(asked["instance"]))
    else:
        who = str(asked["who"])[:LONGEST_NAME]
        async with theatre.ready() as stage:
            if what == "say":
                stage.say(who, str(asked["text"])[:LONGEST_TEXT])
            else:
                {"cancel": stage.cancel, "step": stage.step, "raise": stage.fail}[what](who)
