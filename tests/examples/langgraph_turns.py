"""Two turns of one conversation at a time, on a well-known library, recorded and judged.

LangGraph keeps the state of a conversation in SQLite through aiosqlite (`AsyncSqliteSaver`). A turn
reads the latest checkpoint of its thread and writes the next ones; here several turns are invoked
concurrently, on one thread and on different ones, with and without a lock of our own. The library
is no dependency of this repository: see `requirements-langgraph.txt` beside this file.
"""

from __future__ import annotations

import argparse
import asyncio
import operator
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.sqlite.aio import (  # type: ignore[import-not-found]
    AsyncSqliteSaver,
)
from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found]

from leo.units import UnitsVerdict, instrument, judge_bytes, to_lines


class Talk(TypedDict):
    """The state of a conversation: its lines, to which a turn adds."""

    lines: Annotated[list[str], operator.add]


async def answer(state: Talk) -> dict[str, list[str]]:
    """A node that answers from what was said before, after one switch of tasks."""
    await asyncio.sleep(0)
    return {"lines": [f"answer to {state['lines'][-1]}, line {len(state['lines'])}"]}


def thread_of(config: dict[str, Any], *_: object, **__: object) -> str:
    """The object that a call of the saver touches: the conversation's checkpoints."""
    return f"thread:{config['configurable']['thread_id']}"


async def talk(
    path: Path, threads: list[str], *, lock: bool
) -> tuple[UnitsVerdict, dict[str, int]]:
    """One turn per entry of `threads`, all at a time; the verdict and the lines kept per thread."""
    graph = StateGraph(Talk)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    locks: dict[str, AbstractAsyncContextManager[Any]] = {
        thread: asyncio.Lock() if lock else nullcontext() for thread in threads
    }
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        app = graph.compile(checkpointer=saver)
        with instrument(
            saver, reads={"aget_tuple": thread_of}, writes={"aput": thread_of}
        ) as recording:

            async def turn(number: int, thread: str) -> None:
                async with locks[thread]:
                    with recording.unit("turn"):
                        await app.ainvoke(
                            {"lines": [f"prompt {number}"]},
                            {"configurable": {"thread_id": thread}},
                        )

            await asyncio.gather(*(turn(k, thread) for k, thread in enumerate(threads)))
        kept = {}
        for thread in dict.fromkeys(threads):
            state = await app.aget_state({"configurable": {"thread_id": thread}})
            kept[thread] = len(state.values["lines"])
    return judge_bytes(recording.ndjson()), kept


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES))
    for title, threads, lock in (
        ("two turns of one conversation", ["a", "a"], False),
        ("five turns of one conversation", ["a"] * 5, False),
        ("the same under a lock per conversation", ["a"] * 5, True),
        ("five conversations, a turn each", list("abcde"), False),
    ):
        with TemporaryDirectory() as folder:
            verdict, kept = asyncio.run(talk(Path(folder) / "talk.sqlite3", threads, lock=lock))
        said = {thread: 2 * threads.count(thread) for thread in kept}
        print(f"\n{title}: {sum(said.values())} lines said, {sum(kept.values())} kept")
        print("\n".join(to_lines(verdict)))
    return 0


PACKAGES = ("langgraph", "langgraph-checkpoint-sqlite", "aiosqlite")

if __name__ == "__main__":
    sys.exit(main())
