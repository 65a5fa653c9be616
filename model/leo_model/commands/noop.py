"""`leo noop`: can one session tell a lock from none?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from leo import screen
from leo.commands.main import Command
from leo_model.checking.graph import check_noop
from leo_model.commands.options import add_build, add_json


def run(args: Namespace) -> int:
    """Compare the graphs of one session with and without the lock; 1 when they differ."""
    pairs = check_noop(work=args.build / "noop")
    if args.json:
        screen.show_json([asdict(pair) for pair in pairs])
        return 0 if all(pair.equal for pair in pairs) else 1
    for pair in pairs:
        same = "the same" if pair.equal else "NOT the same"
        print(
            f"{pair.locked} and {pair.free}, one session, no faults: {same} graph up to the lock "
            f"({pair.states} states, {pair.edges} edges)"
        )
    return 0 if all(pair.equal for pair in pairs) else 1


def configure(parser: ArgumentParser) -> None:
    add_build(parser, jobs=None)
    add_json(parser)


NOOP = Command(configure, run)
