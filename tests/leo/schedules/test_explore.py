"""`leo.explore`: every schedule of somebody else's object, and the shortest that breaks it."""

from __future__ import annotations

import asyncio
import json
import linecache
import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import leo
from leo import explore
from leo.commands.main import main
from leo.errors import LeoError
from leo.schedules.engine.system import EngineError

GUIDE = Path(leo.__file__).parent / "schedules" / "GUIDE.md"
pytest_plugins = ["pytester"]


class Account:
    """What the tests explore; `log` tells what happened."""

    def __init__(self) -> None:
        self.balance = 10
        self.lock = asyncio.Lock()
        self.event = asyncio.Event()
        self.other = 0

    async def withdraw(self, amount: int) -> int:
        before = self.balance
        await asyncio.sleep(0)
        self.balance = before - amount
        return self.balance

    async def locked(self, amount: int) -> int:
        async with self.lock:
            return await self.withdraw(amount)

    async def note(self) -> None:
        await asyncio.sleep(0)
        self.other += 1

    async def both(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.locked(1))
            group.create_task(self.locked(2))

    async def wait(self) -> None:
        await self.event.wait()

    async def patient(self, seconds: float) -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(seconds)

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")


def nothing_lost(account: Account) -> bool:
    return account.balance == 7


def one(account: Account) -> Any:
    return account.withdraw(1)


def two(account: Account) -> Any:
    return account.withdraw(2)


def test_lost_update_shortest_and_as_a_table() -> None:
    """The table shows the shortest schedule that loses an update, at most 80 columns wide."""
    found = explore(Account, {"ada": one, "bob": two}, at_end=nothing_lost, cancellations=0)

    assert found.broken is not None
    assert found.broken.schedule == "ada bob*2 ada"
    assert "✗ at the end" in found.broken.table
    assert re.search(r"test_explore\.py:\d+ withdraw", found.broken.table)
    assert max(map(len, str(found).splitlines())) <= 80


def test_without_a_switch_nothing_is_lost() -> None:
    """With a lock all schedules are executed and none is broken: only then does it hold."""
    locked = [lambda account: account.locked(1), lambda account: account.locked(2)]
    found = explore(Account, locked, at_end=nothing_lost, cancellations=0)

    assert found.holds
    assert found.sentence.startswith("complete: ")


def test_cancellation_strikes_at_every_suspension() -> None:
    """A lock does not help against a cancellation: one is found by default, and none with 0."""
    locked = [lambda account: account.locked(1), lambda account: account.locked(2)]
    found = explore(Account, locked, at_end=nothing_lost)

    assert found.broken is not None
    assert "~" in found.broken.schedule
    # Cancelled before it begins, in the middle of waiting, when its wait is over, or not at all.
    alone = explore(Account, [one], prune=False)
    assert (alone.schedules, alone.holds) == (3, True)


def test_schedule_is_executed_again() -> None:
    """The schedule of a result gives the same table; another one may break nothing."""
    calls = {"ada": one, "bob": two}
    found = explore(Account, calls, at_end=nothing_lost, cancellations=0)
    assert found.broken is not None
    again = explore(Account, calls, at_end=nothing_lost, schedule=found.broken.schedule)
    other = explore(Account, calls, at_end=nothing_lost, schedule="ada ada bob bob")

    assert again.broken == found.broken
    assert other.broken is None
    assert not other.holds


def test_limit_is_not_a_pass() -> None:
    """A search that was cut off found nothing, and does not hold."""
    found = explore(Account, [one, two], at_end=lambda account: True, limit=5)

    assert (found.schedules, found.complete, found.holds) == (5, False, False)
    assert "not complete: 5 schedules, nothing found" in str(found)


def test_a_limit_that_is_just_enough_is_complete() -> None:
    """Six schedules with a limit of six are all there are; five are not."""
    for limit in (5, 6):
        found = explore(
            Account, [one, two], at_end=lambda account: True,
            cancellations=0, limit=limit, prune=False,
        )  # fmt: skip
        assert found.holds == (limit == 6)


def test_invariant_sees_every_state_between_steps() -> None:
    """What is wrong for a moment is found, with an assertion, a text or False."""

    def asserted(account: Account) -> None:
        assert account.balance >= 8, "too little"

    def told(account: Account) -> str | None:
        return "too little" if account.balance < 8 else None

    for rule in (asserted, told):
        found = explore(Account, [one, two], invariant=rule, cancellations=0)
        assert found.broken is not None
        assert found.broken.witness == "too little"


def test_deadlock_is_found() -> None:
    """A call that waits for what nobody does waits for ever; a cancellation is no excuse."""
    found = explore(Account, {"ada": lambda account: account.wait()})

    assert found.broken is not None
    assert found.broken.title == "waits for ever"
    assert re.search(r"ada waits at test_explore\.py:\d+ wait", found.broken.witness)


def test_exceptions_break_unless_expected() -> None:
    """A call that raises breaks the object; one that is expected to raise does not."""
    calls = {"ada": lambda account: account.fail()}
    found = explore(Account, calls, cancellations=0)

    assert found.broken is not None
    assert found.broken.witness.startswith("ada raises ValueError: no (at test_explore.py:")
    assert explore(Account, calls, raises=[ValueError], cancellations=0).holds


def test_time_passes_only_when_it_is_chosen() -> None:
    """Sleeps and timeouts end in the order of their times, and nobody waits for it."""
    quick = explore(Account, [lambda account: account.patient(0.5)], raises=[TimeoutError])
    slow = explore(Account, [lambda account: account.patient(1000)], cancellations=0)
    in_time = explore(Account, [lambda account: account.patient(0.5)], schedule="t1 clock t1")

    assert quick.holds
    assert in_time.broken is None
    assert slow.broken is not None
    assert slow.broken.witness.startswith("t1 raises TimeoutError (at test_explore.py:")
    assert "│ 1 s" in slow.broken.table


def test_tasks_of_a_call_are_scheduled_too() -> None:
    """The tasks of a TaskGroup meet in every order, each in a lane of its own."""
    calls = {"ada": lambda account: account.both()}
    found = explore(Account, calls, at_end=lambda account: account.balance == 8, cancellations=0)

    assert found.broken is not None
    assert "ada.1" in found.broken.table
    assert explore(Account, calls, at_end=nothing_lost, cancellations=0).holds


@pytest.mark.parametrize("cancellations", [0, 1])
def test_declared_sets_reduce_and_find_the_same(cancellations: int) -> None:
    """With declared sets there are fewer schedules, and the same things are broken."""
    calls = {
        "ada": one,
        "bob": two,
        "eve": lambda account: account.note(),
    }
    sets = {"withdraw": "balance", "note": "other"}
    whole = explore(Account, calls, at_end=nothing_lost, cancellations=cancellations)
    fewer = explore(Account, calls, at_end=nothing_lost, cancellations=cancellations, writes=sets)

    assert fewer.broken is not None
    assert whole.broken is not None
    assert fewer.broken.title == whole.broken.title
    every = explore(Account, calls, at_end=bool, cancellations=cancellations, prune=False)
    classes = explore(Account, calls, at_end=bool, cancellations=cancellations, writes=sets)
    assert every.holds
    assert classes.holds
    assert classes.schedules < every.schedules / 2


def test_declared_sets_shorten_the_schedule() -> None:
    """Steps that what is broken does not depend on are left out of the table."""
    found = explore(
        Account,
        {"eve": lambda account: account.note(), "ada": one},
        invariant=lambda account: account.balance == 10,
        writes={"withdraw": "balance", "note": "other"},
        reads={},
        cancellations=0,
    )

    assert found.broken is not None
    assert found.broken.schedule == "ada*2"


def test_undeclared_method_is_an_error() -> None:
    """A declared method called where another one's sets were announced is refused, not missed."""

    class Hidden(Account):
        def peek(self) -> int:
            return self.balance

        async def look(self) -> int:
            await asyncio.sleep(0)
            return self.peek()

    with pytest.raises(EngineError, match="touched balance"):
        explore(
            Hidden,
            [one, lambda account: account.look()],
            reads={"peek": "balance", "look": "nothing"},
            writes={"withdraw": "balance"},
        )


@pytest.mark.parametrize(
    ("calls", "options", "said"),
    [
        ([], {}, "there are no calls to explore"),
        ({"a b": one}, {}, "a call cannot be named 'a b'"),
        ({"clock": one}, {}, "a call cannot be named 'clock'"),
        ([one], {"limit": 0}, "limit=0"),
        ([one], {"schedule": "t2"}, "step 1 of the schedule is t2"),
        ([one], {"schedule": "t1 t1 t1"}, "step 3 of the schedule is t1"),
    ],
)
def test_questions_without_an_answer(calls: Any, options: dict[str, Any], said: str) -> None:
    """What cannot be explored is refused with what was expected."""
    with pytest.raises(LeoError, match=said):
        explore(Account, calls, **options)


def test_a_call_that_does_not_end_is_an_error() -> None:
    """A call that goes on for ever when it is cancelled stops the exploration with its name."""

    class Stubborn:
        async def run(self) -> None:
            while True:
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    continue

    with pytest.raises(LeoError, match="t1: cancelled at the end of a schedule, and not over"):
        explore(Stubborn, [lambda it: it.run()], schedule="t1")


def test_the_guide_does_what_it_says() -> None:
    """Every block of the guide runs, and prints the block below it."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.S | re.M)
    names: dict[str, Any] = {"__name__": "guide"}
    printed, checked = "", 0
    for number, (language, text) in enumerate(blocks):
        if language == "text":
            assert text == printed
            checked += 1
            continue
        file, out = f"guide-{number}", StringIO()
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        with redirect_stdout(out):
            exec(compile(text, file, "exec"), names)
        printed = out.getvalue()

    assert checked == 1


PLUGIN = """
import asyncio

import pytest


class Counter:
    def __init__(self):
        self.value = 0

    async def add(self):
        before = self.value
        await asyncio.sleep(0)
        self.value = before + 1


calls = [lambda counter: counter.add()] * 2


def test_loses(explore_schedules):
    explore_schedules(Counter, calls, at_end=lambda c: c.value == 2, cancellations=0)


@pytest.mark.schedules(limit=2)
def test_cut_off(explore_schedules):
    explore_schedules(Counter, calls, at_end=lambda c: c.value >= 1)


def test_holds(explore_schedules):
    explore_schedules(Counter, calls, at_end=lambda c: c.value >= 1, cancellations=0)
"""


def test_fixture(pytester: pytest.Pytester) -> None:
    """The fixture fails a test with the table, and one whose search was cut off."""
    pytester.makepyfile(test_it=PLUGIN)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist")

    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*✗ at the end*",
            "FAILED*it is false (at the end)",
            "FAILED*not complete: 2 s*",
        ]
    )


def test_what_a_pass_leaves_out_is_in_the_report(pytester: pytest.Pytester) -> None:
    """What was not asked: in a section. What could not be compared: in the summary, else quiet."""
    pytester.makepyfile(
        """
        import asyncio, hashlib
        HASH = hashlib.sha256()

        class Box:
            async def add(self):
                await asyncio.sleep(0)

        class Hashed(Box):
            async def hash(self):
                HASH.update(b"a")

        def test_quiet(explore_schedules):
            explore_schedules(Box, [Box.add, Box.add], cancellations=0)

        def test_hash(explore_schedules):
            explore_schedules(Hashed, [Hashed.add, Hashed.hash])

        def test_refused(explore_schedules):
            explore_schedules(Box, [Box.add], clock="never")
        """
    )
    options = ("-p", "no:cacheprovider", "-p", "no:xdist", "--junitxml=it.xml", "-rPf")
    result = pytester.runpytest_inprocess(*options)

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["not asked:*cancellations", "*test_hash: HASH*", "FAILED*test_refused*"]
    )
    assert "test_quiet: " not in result.stdout.str()
    assert 'name="schedules"' in (pytester.path / "it.xml").read_text(encoding="utf-8")


def test_fixture_beside_modules_of_the_same_names(pytester: pytest.Pytester) -> None:
    """An application's own model.py, models.py, leo_model.py and conftest.py are what its tests
    import; the plugin loads nothing of leo until the fixture is asked for.
    """
    names = ("model", "models", "leo_model")
    pytester.makeconftest("mine = True")
    for name in names:
        pytester.makepyfile(**{name: f"mine = {name!r}"})
    pytester.makepyfile(
        test_mine="""
        import sys

        def test_mine():
            assert not {name for name in sys.modules if name.startswith("leo.schedules.")} - {
                "leo.schedules.pytest_plugin"
            }
            import conftest, leo_model, model, models
            assert (model.mine, models.mine, leo_model.mine) == ("model", "models", "leo_model")

        def test_fixture(explore_schedules):
            async def call(it):
                pass
            explore_schedules(object, [call])
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist")

    result.assert_outcomes(passed=2)


SCENARIOS = """
import asyncio
from leo.schedules import scenario

class Box:
    def __init__(self):
        self.n = 0
    async def add(self):
        n = self.n
        await asyncio.sleep(0)
        self.n = n + 1

def racy():
    return scenario(Box, [lambda box: box.add()] * 2, cancellations=0)

@scenario(calls=[lambda box: box.add()])
def alone():
    return Box()

nothing = 7
"""


def test_scenarios_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`leo explore module:scenario`: exit codes, the sentence first, the schedule again."""
    (tmp_path / "boxes_of_somebody.py").write_text(SCENARIOS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["explore", "boxes_of_somebody:alone"]) == 0
    assert main(["explore", "boxes_of_somebody:alone", "--limit", "1"]) == 2
    capsys.readouterr()
    assert main(["explore", "boxes_of_somebody:racy"]) == 1
    first, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("not atomic: ")
    assert main(["explore", "boxes_of_somebody:racy", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["broken"]["schedule"] == "t1 t2*2 t1"
    words = ["explore", "boxes_of_somebody:racy", "--schedule"]
    assert main([*words, "t1 t2*2 t1"]) == 1
    assert main([*words, "t1*2 t2*2"]) == 0
    capsys.readouterr()
    for wrong in ("boxes_of_somebody:nothing", "boxes_of_somebody:none", "no_module:x", ":x"):
        assert main(["explore", wrong]) == 2
        assert "expected" in capsys.readouterr().err
    assert main(["explore", "boxes_of_somebody:rcy"]) == 2
    assert "did you mean racy?" in capsys.readouterr().err
