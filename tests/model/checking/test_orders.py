"""The orders of the steps: what they are claimed to lose is data, and a difference is a finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leo.commands.main import main
from leo_model.checking import orders as asking
from leo_model.checking.orders import (
    DISCIPLINES,
    ORDERS,
    Order,
    differences,
    load_orders,
    write_orders,
)
from leo_model.commands.orders import ORDER_RESULTS
from leo_model.errors import ClaimsError
from leo_model.files import spec_folder
from leo_model.tlc.job import TlcJob, TlcResult, Verdict

BLIND = ("recall", "generate", "snapshot", "observe")


def changed(orders: list[Order], title: str, *, falls: bool) -> list[Order]:
    """The orders, with one verdict on the blind one under a lock changed."""

    def change(order: Order) -> Order:
        old = order.falls["asyncio-lock"]
        new = old | {title} if falls else old - {title}
        return replace(order, falls=order.falls | {"asyncio-lock": new})

    return [change(order) if order.program == BLIND else order for order in orders]


@pytest.fixture
def tlc(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Order]], None]:
    """Put something in the place of TLC that finds what it is told to find."""

    def finds(orders: list[Order]) -> None:
        def run_many(jobs: list[TlcJob], **_: object) -> list[TlcResult]:
            found = [order.falls[name] for order in orders for name, _ in DISCIPLINES]
            return [
                TlcResult(
                    job.name,
                    Verdict.OK,
                    complete=True,
                    output=tuple(f'<<"falls", {{"{title}"}}, 7>>' for title in sorted(fallen)),
                )
                for job, fallen in zip(jobs, found, strict=True)
            ]

        monkeypatch.setattr(asking, "run_many", run_many)

    return finds


def asked(build: Path) -> int:
    return main(["orders", "--build", str(build)])


def test_what_is_as_claimed_ends_well(
    tmp_path: Path, tlc: Callable[[list[Order]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is printed within 80 columns, the results are kept, and the exit code is 0."""
    tlc(load_orders())
    assert asked(tmp_path) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "72 runs of TLC; 0 not as claimed."
    assert max(map(len, said)) <= 80
    results = json.loads((tmp_path / ORDER_RESULTS).read_text())
    assert len(results["orders"]) == len(ORDERS) and results["findings"] == []


@pytest.mark.parametrize(
    ("title", "falls", "said"),
    [
        ("Serializable", True, "claimed to hold, and TLC says: it falls"),
        ("ReadsOwnObservation", False, "claimed to fall, and TLC says: it holds"),
    ],
)
def test_a_difference_is_a_finding(
    tmp_path: Path,
    tlc: Callable[[list[Order]], None],
    capsys: pytest.CaptureFixture[str],
    title: str,
    falls: bool,
    said: str,
) -> None:
    """One property of one order under one discipline, in either direction: it is named on the
    screen and in the results, and the exit code is 1."""
    tlc(changed(load_orders(), title, falls=falls))
    assert asked(tmp_path) == 1
    named = f"{' '.join(BLIND)} / asyncio-lock / {title}: {said}"
    assert capsys.readouterr().out.endswith(f"; 1 not as claimed.\nNOT AS CLAIMED  {named}\n")
    assert json.loads((tmp_path / ORDER_RESULTS).read_text())["findings"] == [named]


def test_an_interrupted_run_leaves_no_result(
    tmp_path: Path, tlc: Callable[[list[Order]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier run found is not taken for the result of one that did not end."""
    tlc(load_orders())
    assert asked(tmp_path) == 0

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "run_many", interrupted)
    assert asked(tmp_path) == 130
    assert not (tmp_path / ORDER_RESULTS).exists()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """`--record` writes the file as it is in the specification."""
    orders = load_orders()
    write_orders(orders, tmp_path / "orders.json")
    assert (tmp_path / "orders.json").read_text() == (spec_folder() / "orders.json").read_text()
    assert differences(load_orders(tmp_path / "orders.json"), orders) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(spec="field/9"),
        lambda data: data.update(orders=7),
        lambda data: data["orders"].pop(),
        lambda data: data["orders"].append(data["orders"][0]),
        lambda data: data["orders"].reverse(),
        lambda data: data["orders"][3].update(program=7),
        lambda data: data["orders"][3].pop("falls"),
        lambda data: data["orders"][3]["falls"].pop("sequential"),
        lambda data: data["orders"][3]["falls"].update(sequential=["Durabel"]),
        lambda data: data["orders"][3]["falls"].update(sequential=[["Durable"]]),
    ],
)
def test_a_wrong_file_of_orders_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    """Every order and every discipline has its line, with properties that are asked."""
    data = json.loads((spec_folder() / "orders.json").read_text())
    change(data)
    path = tmp_path / "orders.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ClaimsError, match=str(path)):
        load_orders(path)
