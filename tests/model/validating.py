"""What the tests of `leo validate` share: its arguments, and a trace in a file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from random import Random

from leo_model.commands.validate import VALIDATE
from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import encode


def options(*words: str) -> Namespace:
    """The arguments of the command."""
    parser = ArgumentParser()
    VALIDATE.configure(parser)
    return parser.parse_args(words)


def write(
    path: Path, discipline: str, *, faults: float = 0.0, claim: str = "", sessions: int = 3,
    length: int = 120, seed: int = 2,
) -> str:  # fmt: skip
    """Write a random trace of a discipline, which may claim another; return the file's name."""
    world = trace_world(discipline, sessions)
    header, events = random_trace(world, Random(seed), faults, length)
    header["discipline"] = claim or discipline
    path.write_bytes(encode([header, *events]))
    return str(path)
