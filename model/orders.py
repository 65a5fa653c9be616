"""The 24 orders of the four steps: which properties does an order keep, and does a lock help?

The formal content of the paper's second hypothesis (the refactoring changed the order of
operations): an order can lose a property with one session and no fault, where no lock can help.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from model.claims import spec_folder
from model.errors import CheckError
from model.plan import Bound, Run, config
from model.steps import PAPER_PROGRAM
from model.tlc import run_many
from model.tlcjob import TlcJob, Verdict

DISCIPLINES = (
    ("sequential", Bound(1, 2)),
    ("asyncio-lock", Bound(2, 1)),
    ("shielded-unit-of-work", Bound(2, 1)),
)
ORDERS = tuple(permutations(PAPER_PROGRAM))

_FALLS = re.compile(r'<<"falls", "(\w+)">>')


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the steps, and what falls under each discipline, faults off."""

    program: tuple[str, ...]
    falls: dict[str, frozenset[str]]


def order_job(discipline: str, bound: Bound, number: int) -> TlcJob:
    """Return the TLC job for one order, by its number in ``ORDERS``."""
    steps = ", ".join(f'"{step}"' for step in ORDERS[number])
    text = config(Run(discipline, "orders", bound, (), ()))
    text = text.replace("TypeOK", "FallsSeen").replace("PaperProgram", "TheProgram")
    return TlcJob(
        f"order{number:02d}.{discipline}",
        f"---- MODULE Order ----\nEXTENDS MCOrders\nTheProgram == <<{steps}>>\n====\n",
        text,
        library=(spec_folder(),),
    )


def check_orders(
    *, work: Path, parallel: int, done: Callable[[str], None] | None = None
) -> list[Order]:
    """Decide every order under every discipline. Raises CheckError when a run does not finish."""
    jobs = [order_job(d, bound, k) for k in range(len(ORDERS)) for d, bound in DISCIPLINES]
    results = run_many(
        jobs,
        parallel=parallel,
        work=work,
        done=lambda result: done(result.job) if done else None,
    )
    for result in results:
        if result.verdict is not Verdict.OK or not result.complete:
            raise CheckError(f"{result.job}: not decided: {result.verdict} {result.reason}")
    found = iter(results)
    return [
        Order(
            program,
            {
                name: frozenset(m[1] for line in next(found).output if (m := _FALLS.match(line)))
                for name, _ in DISCIPLINES
            },
        )
        for program in ORDERS
    ]


def orders_text(orders: list[Order]) -> str:
    """Return the table for a terminal: what falls, per order and discipline."""
    out = []
    for order in orders:
        falls = order.falls
        same = len(set(falls.values())) == 1
        told = {"all three": falls["sequential"]} if same else falls
        head = " ".join(f"{step:<9}" for step in order.program)
        for k, (name, fallen) in enumerate(told.items()):
            left = head if k == 0 else " " * len(head)
            out.append(f"{left} {name}: {', '.join(sorted(fallen)) or 'keeps all'}")
    keep = [o for o in orders if not o.falls["sequential"]]
    helped = [o for o in orders if o.falls["sequential"] - o.falls["asyncio-lock"]]
    out.append("")
    out.append(
        f"{len(keep)} of {len(orders)} orders keep every property with one session; a lock keeps\n"
        f"a property that one session alone loses in {len(helped)} of them."
    )
    return "\n".join(out) + "\n"
