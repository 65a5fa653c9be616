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


def write(path: Path, discipline: str, *, faults: float = 0.0, claim: str = "") -> str:
    """Write a random trace of a discipline, which may claim another; return the file's name."""
    header, events = random_trace(trace_world(discipline, 3), Random(2), faults, 120)
    header["discipline"] = claim or discipline
    path.write_bytes(encode([header, *events]))
    return str(path)
