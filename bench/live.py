"""Many people on one live page: is a reply lost, does memory grow, does the checker keep up?

    python -m bench.live --clients 50 --minutes 10

Starts `leo live` on a new field. Each client has a stream of its own and speaks, thinks for up to
four seconds after the answer, and speaks again; one in ten leaves during a reply and comes back.
Prints, for each tenth of the time: replies, seconds from speaking to the answer, memory of the
server; then the verdict of `leo validate` on the downloaded recording.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx

from bench.voice import PROMPTS

# Seconds that a client thinks at most, and that it waits for an answer at most.
THINKS, WAITS = 4.0, 60.0
AGAIN = 0.2
LEAVES = 0.1
# A connection that is kept may be closed by the server just when it is used again.
ONCE = {"connection": "close"}
ENDS = ("answer", "gone")


async def told(stream: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """What the server tells the watcher of a stream."""
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


async def say(client: httpx.AsyncClient, name: str, text: str) -> None:
    """Say something; while a reply that was cancelled is not over yet, try again."""
    said = json.dumps({"what": "say", "who": name, "text": text})
    while (answer := await client.post("act", content=said, headers=ONCE)).status_code == 409:
        await asyncio.sleep(AGAIN)
    answer.raise_for_status()


async def person(
    base: str, name: str, until: float, seen: Counter[str], waits: list[tuple[float, float]]
) -> None:
    """Speak until the time is over. Every call must end in an answer, or in a cancellation."""
    chance = random.Random(name)
    async with httpx.AsyncClient(base_url=base, timeout=WAITS) as client:
        while time.monotonic() < until:
            watching = client.stream("GET", "events", params={"name": name}, timeout=None)
            async with watching as stream:
                messages = told(stream)
                await anext(messages)
                while time.monotonic() < until:
                    begun = time.monotonic()
                    seen["asked"] += 1
                    # What was told before this text is of an earlier call.
                    text = f"{chance.choice(PROMPTS)} {seen['asked']}"
                    await say(client, name, text)
                    if chance.random() < LEAVES:
                        seen["left"] += 1
                        break
                    async with asyncio.timeout(WAITS):
                        while (await anext(messages)).get("text") != text:
                            pass
                        while (message := await anext(messages))["kind"] not in ENDS or (
                            message["who"] != name
                        ):
                            pass
                    seen[message["kind"]] += 1
                    now = time.monotonic()
                    waits.append((now, now - begun))
                    await asyncio.sleep(chance.uniform(0, THINKS))


def memory(pid: int) -> float:
    """The MiB that a process has in memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


async def load(base: str, pid: int, clients: int, seconds: float) -> bytes:
    """Let the clients talk at full speed; print the figures; return the recording."""
    seen: Counter[str] = Counter()
    waits: list[tuple[float, float]] = []
    async with httpx.AsyncClient(base_url=base, timeout=WAITS) as client:
        # A new page stops before each step, to be watched.
        pace = json.dumps({"what": "pace", "seconds": 0})
        (await client.post("act", content=pace, headers=ONCE)).raise_for_status()
    begun = time.monotonic()
    until = begun + seconds
    people = [
        asyncio.create_task(person(base, f"p{number}", until, seen, waits))
        for number in range(clients)
    ]
    print("  time  replies  median s  longest s  server MiB")
    for start, end in pairwise(begun + seconds * k / 10 for k in range(11)):
        await asyncio.sleep(max(0.0, end - time.monotonic()))
        took = [wait for at, wait in waits if start < at <= end] or [0.0]
        print(
            f"{end - begun:6.0f} {len(took):8} {median(took):9.3f} {max(took):10.3f} "
            f"{memory(pid):11.1f}",
            flush=True,
        )
    await asyncio.gather(*people)
    lost = seen["asked"] - seen["answer"] - seen["gone"] - seen["left"]
    print(f"{seen['asked']} asked, {seen['answer']} answered, {seen['left']} left, {lost} lost")
    async with httpx.AsyncClient(base_url=base, timeout=WAITS) as client:
        return (await client.get("trace/1")).content


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.live")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--discipline", default="shielded-unit-of-work")
    args = parser.parse_args()
    leo = [sys.executable, "-m", "leo"]
    with TemporaryDirectory() as folder:
        command = [*leo, "live", "--discipline", args.discipline, "--field", f"{folder}/field"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = re.search(r"http://\S+", server.stdout.readline())
        assert address is not None
        try:
            trace = asyncio.run(load(address[0], server.pid, args.clients, args.minutes * 60))
        finally:
            server.terminate()
            server.wait()
        recording = Path(folder) / "live.ndjson"
        recording.write_bytes(trace)
        return subprocess.run([*leo, "validate", str(recording)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
