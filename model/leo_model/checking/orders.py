"""The 24 orders of the four steps: which properties does an order keep, and does a lock help?

This is the formal content of the paper's second hypothesis (the refactoring changed the order of
operations): an order can lose a property with one session and no fault, where no lock helps.
``spec/orders.json`` lists what each order is claimed to lose; all other properties are claimed to
hold.  A difference in either direction is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, permutations
from pathlib import Path
from textwrap import fill

import msgspec

from leo import screen
from leo_model.checking.check import told
from leo_model.checking.claims import SPEC_VERSION
from leo_model.checking.plan import Bound, Run, config
from leo_model.errors import CheckError, ClaimsError
from leo_model.files import spec_folder
from leo_model.machine.steps import PAPER_PROGRAM
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob, TlcResult, Verdict

DISCIPLINES = (
    ("sequential", Bound(1, 2)),
    ("asyncio-lock", Bound(2, 1)),
    ("shielded-unit-of-work", Bound(2, 1)),
)
ORDERS = tuple(permutations(PAPER_PROGRAM))
# What is asked. The refinement mapping is about the paper's program, in which the snapshot is the
# last write, so Refines is not; nor are StableRead, of threads, and the properties of progress.
ASKED = (
    "MutualExclusion", "Serializable", "ViewNotTorn", "ReadsOwnObservation", "SnapshotProvenance",
    "AllOrNothing", "Durable", "ViewAgreesWithStore", "NoOvertaking",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the steps, and what falls under each discipline, faults off."""

    program: tuple[str, ...]
    falls: dict[str, frozenset[str]]


def order_job(discipline: str, bound: Bound, number: int) -> TlcJob:
    """Return the TLC job for one order, by its number in ``ORDERS``."""
    steps = ", ".join(f'"{step}"' for step in ORDERS[number])
    text = config(Run(discipline, "orders", bound, (), ASKED)).replace("PaperProgram", "TheProgram")
    return TlcJob(
        f"order{number:02d}.{discipline}",
        f"---- MODULE Order ----\nEXTENDS MCField\nTheProgram == <<{steps}>>\n====\n",
        text,
        library=(spec_folder(),),
    )


def check_orders(
    *, work: Path, parallel: int, done: Callable[[TlcResult], None] | None = None
) -> list[Order]:
    """Decide every order under every discipline. Raises CheckError when a run does not finish."""
    jobs = [order_job(d, bound, k) for k in range(len(ORDERS)) for d, bound in DISCIPLINES]
    results = run_many(jobs, parallel=parallel, work=work, done=done)
    for result in results:
        if result.verdict is not Verdict.OK or not result.complete:
            raise CheckError(f"{result.job}: not decided: {result.verdict} {result.reason}")
    found = iter(results)
    return [
        Order(
            program,
            {
                name: frozenset().union(*(titles for titles, _ in told(next(found), "falls")))
                for name, _ in DISCIPLINES
            },
        )
        for program in ORDERS
    ]


class _File(msgspec.Struct):
    spec: str
    orders: list[Order]


def load_orders(path: Path | None = None) -> list[Order]:
    """Read what every order is claimed to lose. Raises ClaimsError when the file does not say it of
    all 24 orders and all three disciplines, or says it of something else.
    """
    path = spec_folder() / "orders.json" if path is None else path
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ClaimsError(f"{path}: cannot be read ({error}); name a file of orders") from None
    if file.spec != SPEC_VERSION:
        raise ClaimsError(f"{path}: expected orders of {SPEC_VERSION}, found {file.spec!r}")
    if [order.program for order in file.orders] != list(ORDERS):
        raise ClaimsError(
            f"{path}: expected the {len(ORDERS)} orders of {', '.join(PAPER_PROGRAM)}, each once, "
            f"as itertools.permutations gives them; found {len(file.orders)}, or others"
        )
    names = [name for name, _ in DISCIPLINES]
    for order in file.orders:
        if list(order.falls) != names or not all(map(set(ASKED).issuperset, order.falls.values())):
            raise ClaimsError(
                f"{path}: {' '.join(order.program)}: expected for each of {', '.join(names)} a "
                f"list of properties (known are {', '.join(ASKED)}), found {order.falls}"
            )
    return file.orders


def orders_json(orders: Sequence[Order]) -> list[dict[str, object]]:
    """Return the orders as ``spec/orders.json`` and the results have them."""
    return [
        {
            "program": list(order.program),
            "falls": {name: [t for t in ASKED if t in order.falls[name]] for name in order.falls},
        }
        for order in orders
    ]


def write_orders(orders: Sequence[Order], path: Path) -> None:
    """Write what the orders lose as what they are claimed to lose, an order to a line."""
    lines = ",\n".join(f"  {json.dumps(row)}" for row in orders_json(orders))
    path.write_text(f'{{\n "spec": "{SPEC_VERSION}",\n "orders": [\n{lines}\n ]\n}}\n', "utf-8")


def differences(expected: Sequence[Order], found: Sequence[Order]) -> list[str]:
    """Say of every order, discipline and property what is not as claimed."""
    return [
        f"{' '.join(claimed.program)} / {name} / {title}: claimed to "
        f"{'fall, and TLC says: it holds' if title in fallen else 'hold, and TLC says: it falls'}"
        for claimed, order in zip(expected, found, strict=True)
        for name, fallen in claimed.falls.items()
        for title in ASKED
        if (title in fallen) != (title in order.falls[name])
    ]


def summary(orders: Sequence[Order]) -> str:
    """Say how many orders keep everything, and in how many a lock helps."""
    keep = [o for o in orders if not o.falls["sequential"]]
    helped = [o for o in orders if o.falls["sequential"] - o.falls["asyncio-lock"]]
    return (
        f"{len(keep)} of {len(orders)} orders keep every property asked with one session; a lock "
        f"keeps a property that one session alone loses in {len(helped)} of them"
    )


def orders_text(orders: Sequence[Order]) -> str:
    """Return the table for a terminal: what falls, per order and discipline."""
    rows = []
    for order in orders:
        left = " ".join(order.program)
        for fallen, group in groupby(order.falls, key=order.falls.__getitem__):
            names = list(group)
            who = "all three" if len(names) == len(order.falls) else ", ".join(names)
            rows.append([left, who, ", ".join(sorted(fallen)) or "nothing"])
            left = ""
    table = screen.table(["order", "under", "loses"], rows)
    return f"{table}\n{fill(f'{summary(orders)}.', screen.width())}\n"
