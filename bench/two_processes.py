"""Two processes, two instances, one store, under shared-store-immediate: is every reply there?

Each process talks alone to its own instance and counts its own refusals. Afterwards the versions of
the file must account for every reply of both, the words that only one process says must have been
observed once per reply, each process's view must be, at its own end and after the increments that
it has yet to load, exactly what a whole load of the file gives, and `leo field check` must find
nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.timing import summary
from leo import AsyncLeoField
from leo.errors import LeoError
from leo.field.view import View
from leo.store.checkup import check_field
from leo.store.connection import Connection, reading
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.operations import get_versions, load_all
from leo.store.schema import connect

__all__ = ["examine", "is_same"]

NAMES = ("ada", "bea")
DISCIPLINE = "shared-store-immediate"


def is_same(view: View, conn: Connection) -> bool:
    """Whether a view, brought up to date by the increments that its next reply would load, is what
    the file holds: the other process may have written last.
    """
    with reading(conn):
        versions, loaded = load_all(conn)
        if view.torn:
            return False
        two, three = view.bigrams.now, view.trigrams.now
        view.assign(
            view.bigrams.loaded(two, *load_bigrams(conn, two.version)),
            view.trigrams.loaded(three, *load_trigrams(conn, three.version)),
        )
    words, chains = loaded.words, loaded.chains
    return (
        view.bigrams.version == view.trigrams.version == versions["ngrams"]
        and (view.words.names, view.words.followers) == (words.names, words.followers)
        and view.chains.followers == chains.followers
        and sorted(view.chains.co_occurrence.items()) == sorted(chains.co_occurrence.items())
    )


async def client(path: Path, name: str, replies: int) -> int:
    """Talk, then say in one line how it went."""
    seconds: list[float] = []
    refused = torn = 0
    leo = await AsyncLeoField.open(path, discipline=DISCIPLINE, instance=name, timeout=60.0)
    async with leo:
        for number in range(replies):
            began = perf_counter()
            try:
                await leo.reply(f"{name} is here", session=f"{name}")
            except LeoError as error:
                refused += 1
                print(f"{name}, reply {number}: {error}", file=sys.stderr)
            seconds.append(perf_counter() - began)
            torn += leo.view.torn
        with closing(connect(path)) as conn:
            torn += not is_same(leo.view, conn)
    print(f"| {name} | {replies:,} | {summary(seconds)} | {refused} | {torn} |")
    return 1 if refused or torn else 0


def examine(path: Path, replies: int) -> list[str]:
    """What in the file contradicts that `replies` of each process are in it; empty when all is
    well.
    """
    with closing(connect(path)) as conn:
        found = check_field(conn)
        versions = get_versions(conn)
        wanted = {"ngrams": 1 + 2 * replies, "snapshots": 2 * replies}
        if versions != wanted:
            found.append(f"the versions are {versions}, not {wanted}")
        _, loaded = load_all(conn)
        ids, followers = loaded.words.ids, loaded.words.followers
        for name in NAMES:
            # The prompt is observed once per reply; what is recalled can only add.
            count = followers.get(ids.get(name, 0), {}).get(ids.get("is", 0), 0)
            if count < replies:
                found.append(f"'{name} is' was observed {count} times, not {replies}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replies", type=int, default=2000, help="of each process")
    parser.add_argument("--client", nargs=2, metavar=("FILE", "NAME"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.client:
        return asyncio.run(client(Path(args.client[0]), args.client[1], args.replies))
    with TemporaryDirectory() as work:
        path = Path(work) / "field.sqlite3"
        command = [sys.executable, "-m", "bench.two_processes", f"--replies={args.replies}"]
        print("| process | replies | median, ms | 95% | mean | largest | refused | torn |")
        print("|---|" + "---:|" * 7, flush=True)
        began = perf_counter()
        processes = [subprocess.Popen([*command, "--client", str(path), name]) for name in NAMES]
        failed = any([process.wait() for process in processes])
        seconds = perf_counter() - began
        findings = examine(path, args.replies)
    print(f"\n{2 * args.replies / seconds:.0f} replies/s together, {seconds:.0f} s.")
    for finding in findings:
        print(f"FINDING: {finding}")
    return 1 if failed or findings else 0


if __name__ == "__main__":
    sys.exit(main())
