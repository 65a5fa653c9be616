"""`leo noop`: graphs that are the same: with and without a lock for one session, listing and D9."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from leo import screen
from leo.commands.main import Command
from leo_model.checking.graph import check_noop, check_snippet
from leo_model.commands.options import add_build, add_json


def run(args: Namespace) -> int:
    """Compare the graphs, of one session with and without the lock, of the paper's listing and D9;
    1 when two differ.
    """
    pairs, listing = check_noop(work=args.build / "noop"), check_snippet(work=args.build / "noop")
    code = 0 if all(pair.equal for pair in (*pairs, listing)) else 1
    if args.json:
        screen.show_json([asdict(pair) for pair in (*pairs, listing)])
        return code
    for pair in pairs:
        same = "the same" if pair.equal else "NOT the same"
        print(
            f"{pair.locked} and {pair.free}, one session, no faults: {same} graph up to the lock "
            f"({pair.states} states, {pair.edges} edges)"
        )
    same = "the same" if listing.equal else "NOT the same"
    print(
        f"{listing.locked} and the paper's listing (8.6.4) read literally, three sessions: {same} "
        f"graph up to the names of steps ({listing.states} states, {listing.edges} edges)"
    )
    return code


def configure(parser: ArgumentParser) -> None:
    add_build(parser, jobs=None)
    add_json(parser)


NOOP = Command(configure, run)
