"""What `leo verify` says of the traces that it records is what it records."""

from __future__ import annotations

from dataclasses import replace

from leo_model.commands.verify import CONVERSATION, WORKLOADS, recorded
from leo_model.disciplines import DISCIPLINES
from leo_model.traces.workload import Workload


def test_sizes_and_cancellations_are_those_of_the_workloads() -> None:
    """Each size is named, the one session of `sequential` among them, and who is never
    cancelled: threads and the sequential organism cannot be.
    """
    said = " ".join(recorded(WORKLOADS).split())
    assert "bare and asyncio-lock 5 sessions x 20 turns" in said
    assert "sequential 1 session x 6 turns" in said
    assert "the others 4 sessions x 6 turns" in said
    never = said.partition("(never under ")[2].partition(")")[0].split(", ")
    assert set(never) == {
        CONVERSATION.discipline,
        *(name for name, rules in DISCIPLINES.items() if "Cancel" not in rules.possible_faults),
    }
    assert {"sequential", "gil", "threading-lock"} <= set(never)


def test_other_workloads_are_said_otherwise() -> None:
    """Another size is another sentence, and so is a workload without cancellations."""
    other = [replace(w, turns=w.turns + 1, cancel=0.0) for w in WORKLOADS]
    said = " ".join(recorded(other).split())
    assert "5 sessions x 21 turns" in said and "x 20" not in said
    assert all(w.discipline in said.partition("(never under ")[2] for w in WORKLOADS)
    alone = " ".join(recorded([Workload("bare", 2, 3, cancel=0.1)]).split())
    assert "all 2 sessions x 3 turns; replies cancelled at random; judged" in alone
