"""`spec/Theorems.tla` says no more than is so: TLC decides each theorem at small constants.

A theorem speaks of all constants that its hypotheses admit.  So it is searched in worlds of which
many are outside them: one instance and two, the paper's order of the steps and another, with faults
and without.  A theorem whose hypotheses are too weak admits a world in which it is false.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from leo_model.checking.plan import Bound, Run, config
from leo_model.disciplines import DISCIPLINES
from leo_model.files import spec_folder
from leo_model.machine.steps import PAPER_PROGRAM
from leo_model.tlc.driver import run, run_many
from leo_model.tlc.job import TlcJob, TlcResult, Verdict
from leo_model.tlc.messages import printed

TEXT = (spec_folder() / "Theorems.tla").read_text("utf-8")
# Generates before it observes.
OTHER = ("recall", "generate", "observe", "snapshot")
WEAK, STRONG = "WeakSpec", "StrongSpec"
_THEOREM = re.compile(
    r"THEOREM (\w+) ==(?P<given>.*?)=> \((?P<spec>Spec[^=]*?) => (?P<goal>.*?)\)\n+"
    r"(?=\(\*|THEOREM|=)",
    re.DOTALL,
)
_GOAL = re.compile(r"\[\]\((.*?)\)(\s*/\\ Refines)?", re.DOTALL)
SPECS = {
    "Spec": "Spec",
    "Spec /\\ WeakFairness": WEAK,
    "Spec /\\ WeakFairness /\\ StrongFairness": STRONG,
}


class Theorem(NamedTuple):
    """A line of the module: hypotheses, the specification that is meant, what follows."""

    name: str
    given: str
    spec: str
    goal: str

    @property
    def admits(self) -> str:
        return f"{self.name}Admits"

    def asked(self) -> list[tuple[str, str, str]]:
        """As TLC can check it, where the hypotheses are constants: kind, name and definition."""
        if self.spec != "Spec":
            assert self.goal == "Answered"
            always = f"\\A s \\in Sessions : ({self.admits} /\\ InFlight(s)) ~> ~InFlight(s)"
            return [("PROPERTY", f"{self.name}Serves", always)]
        found = _GOAL.fullmatch(self.goal)
        assert found is not None, f"{self.name}: {self.goal}"
        asked = [("INVARIANT", f"{self.name}Always", f"{self.admits} => ({found[1]})")]
        if found[2]:
            step = f"[][{self.admits} => Atomic!Next]_(Atomic!vars)"
            whole = f"({self.admits} => Atomic!Init) /\\ {step}"
            asked.append(("PROPERTY", f"{self.name}Refines", whole))
        return asked


def theorems(text: str = TEXT) -> list[Theorem]:
    found = [
        Theorem(m[1], m["given"].strip(), SPECS[m["spec"]], m["goal"].strip())
        for m in _THEOREM.finditer(text)
    ]
    assert [t.name for t in found] == re.findall(r"^THEOREM (\w+)", text, re.MULTILINE)
    return found


class World(NamedTuple):
    """Constants: how many sessions the two instances have, and the rest."""

    discipline: str
    homes: tuple[int, int] = (2, 0)
    program: tuple[str, ...] = PAPER_PROGRAM
    faults: tuple[str, ...] = ()
    spec: str = "Spec"


def question(world: World, folder: Path, text: str = TEXT) -> TlcJob:
    """Ask all theorems of one world.  An assumption is false where it is of none of them."""
    asked = [t for t in theorems(text) if t.spec == world.spec]
    goals = [goal for theorem in asked for goal in theorem.asked()]
    pairs = ", ".join(f'<<"{t.name}", {t.admits}>>' for t in asked)
    steps = ", ".join(f'"{step}"' for step in world.program)
    module = [
        "---- MODULE Asked ----",
        "EXTENDS MCField, Theorems",
        f"TheProgram == <<{steps}>>",
        *(f"{t.admits} == {' '.join(t.given.split())}" for t in asked),
        *(f"{name} == {' '.join(what.split())}" for _, name, what in goals),
        f"Admitting == {{pair[1] : pair \\in {{pair \\in {{{pairs}}} : pair[2]}}}}",
        "ASSUME Admitting # {} /\\ PrintT(<<Admitting>>)",
        "====",
    ]
    first, second = world.homes
    names = [f"s{k + 1}" for k in range(first + second)]
    turns = 0 if world.spec != "Spec" else 2 if len(names) == 1 else 1
    bound = Bound(len(names), turns)
    told = config(Run(world.discipline, "theorems", bound, world.faults, (), spec=world.spec))
    told = re.sub(r"First = .*", f"First = {{{', '.join(names[:first])}}}", told)
    told = re.sub(r"Second = .*", f"Second = {{{', '.join(names[first:])}}}", told)
    told = told.replace("PaperProgram", "TheProgram")
    told += "".join(f"{kind} {name}\n" for kind, name, _ in goals)
    (folder / "Theorems.tla").write_text(text, "utf-8")
    title = f"{world.discipline}.{first}{second}.{'-'.join(world.program)}.{world.spec}"
    title += ".faults" if world.faults else ""
    return TlcJob(title, "\n".join(module), told, library=(folder, spec_folder()), deadlock=False)


def admitted(result: TlcResult) -> set[str]:
    """The theorems of whose hypotheses the world is, all of them true in it; none if it is of no
    theorem.
    """
    if result.verdict is Verdict.ASSUMPTION:
        return set()
    said = f"{result.job}: {result.property or ''} {result.reason}"
    assert result.verdict is Verdict.OK and result.complete, said
    (value,) = printed(result.output)
    assert isinstance(value, tuple) and isinstance(value[0], frozenset)
    return set(map(str, value[0]))


# A referee's counterexamples to the module as it was: two instances, each with a lock of its own,
# and an order in which a reply generates before it observes.
REFEREES = (
    (World("asyncio-lock", (1, 1)), " /\\ Cardinality(Instances) = 1", "LockIsolatesAlways"),
    (
        World("shielded-unit-of-work", program=OTHER),
        "ASSUME ThePapersOrder == Program = PaperProgram\n",
        "ShieldedUnitIsAtomicAlways",
    ),
)


@pytest.mark.parametrize(("world", "hypothesis", "name"), REFEREES, ids=["instances", "order"])
def test_no_theorem_admits_what_refutes_it(
    world: World, hypothesis: str, name: str, tmp_path: Path
) -> None:
    """Of this world no theorem speaks; without the hypothesis one does, and TLC finds it false."""
    assert admitted(run(question(world, tmp_path), work=tmp_path)) == set()
    weaker = TEXT.replace(hypothesis, "")
    assert weaker != TEXT
    assert run(question(world, tmp_path, weaker), work=tmp_path).fell(name)


def worlds() -> Iterator[World]:
    for name, rules in DISCIPLINES.items():
        if rules.published:
            continue
        homes = ((2, 0), (1, 1), *(((1, 0),) if name == "sequential" else ()))
        for sessions, faults in product(homes, dict.fromkeys([(), rules.possible_faults])):
            for spec in ("Spec", WEAK, STRONG):
                yield World(name, sessions, PAPER_PROGRAM, faults, spec)
        yield World(name, (2, 0), OTHER)


@pytest.mark.long
def test_every_theorem_holds_wherever_it_says(tmp_path: Path) -> None:
    """And each speaks of some of these worlds."""
    jobs = [question(world, tmp_path) for world in worlds()]
    met = set().union(*map(admitted, run_many(jobs, work=tmp_path)))
    assert met == {theorem.name for theorem in theorems()}
