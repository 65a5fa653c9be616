"""`leo orders`: which of the 24 orders of the four steps lose what?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo_model.checking.check import spec_hash
from leo_model.checking.orders import (
    DISCIPLINES,
    ORDERS,
    check_orders,
    differences,
    load_orders,
    orders_json,
    orders_text,
    summary,
    write_orders,
)
from leo_model.commands.options import add_build, add_json
from leo_model.files import made_from, make_folder, sealed, spec_folder, write_json

# What the paper and the pages read of the orders, below the folder of everything that is built.
ORDER_RESULTS = Path("check/orders.json")


def run(args: Namespace) -> int:
    """Print the table of the 24 orders of the four steps; 1 when one is not as claimed."""
    path = spec_folder() / "orders.json"
    expected = None if args.record else load_orders(path)
    results = args.build / ORDER_RESULTS
    make_folder(results.parent)
    # An interrupted run must not leave an old result that looks like its own.
    results.unlink(missing_ok=True)
    with Bar("orders", len(ORDERS) * len(DISCIPLINES)) as bar:
        orders = check_orders(
            work=args.build / "orders", parallel=args.jobs,
            done=lambda result: bar.step(result.job),
        )  # fmt: skip
    if args.record:
        write_orders(orders, path)
    findings = differences(load_orders(path) if expected is None else expected, orders)
    told = {
        "spec": spec_hash(),
        "made_from": made_from(ORDER_RESULTS.name),
        "orders": orders_json(orders),
        "summary": summary(orders),
        "findings": findings,
    }
    write_json(results, sealed(told))
    if args.json:
        screen.show_json(told)
        return 1 if findings else 0
    print(orders_text(orders), end="")
    print(f"{len(ORDERS) * len(DISCIPLINES)} runs of TLC; {len(findings)} not as claimed.")
    for finding in findings:
        print(f"NOT AS CLAIMED  {finding}")
    return 1 if findings else 0


def configure(parser: ArgumentParser) -> None:
    add_build(parser)
    add_json(parser)
    parser.add_argument("--record", action="store_true", help="write what was found as claimed")


COMMAND = Command(configure, run)
