"""`leo live`: watch replies as they happen, in a page on this machine."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
from importlib.util import find_spec

from leo.commands.ending import keep_interrupts
from leo.commands.main import Command
from leo.commands.places import field_file
from leo_model.errors import CheckError

LOOPBACK = "127.0.0.1"
NEEDS = ("starlette", "uvicorn")


def configure(parser: argparse.ArgumentParser) -> None:
    how = "how replies are executed at first (default: asyncio-lock)"
    parser.add_argument("--discipline", default="asyncio-lock", metavar="NAME", help=how)
    field = "a file, or a bare name for a field of your own (default: a new one each time)"
    parser.add_argument("--field", type=field_file, metavar="FIELD", help=field)
    port = "port (default: one that is free)"
    parser.add_argument("--port", type=int, default=0, metavar="N", help=port)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C. Raises CheckError when that cannot be."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise CheckError(
            f"leo live needs {' and '.join(missing)}; install them with "
            'pip install "leo-field[live]"'
        )
    import uvicorn  # noqa: PLC0415  (an extra: only this command needs it)

    from leo_model.live.server import Theatre, application  # noqa: PLC0415

    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, args.port))
    except (OSError, OverflowError) as error:
        raise CheckError(
            f"--port {args.port}: cannot be listened on ({error}); leave it out for a free one"
        ) from None
    host = f"{LOOPBACK}:{listening.getsockname()[1]}"
    token = secrets.token_urlsafe(12)
    keep_interrupts()
    theatre = Theatre(args.field)
    server = uvicorn.Server(
        uvicorn.Config(
            application(theatre, token, host), log_level="warning", timeout_graceful_shutdown=1
        )
    )

    async def serve() -> None:
        try:
            await theatre.set(args.discipline)
            print(
                f"open http://{host}/{token}/ in a browser on this machine; Ctrl-C ends it",
                flush=True,
            )
            await server.serve(sockets=[listening])
        finally:
            await theatre.stop()

    asyncio.run(serve())
    return 0


LIVE = Command(configure, run)
