"""`/why --steps`, `/field` and `/discipline` in a conversation with all modules."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

from leo import MODULES
from leo.actions import Action
from leo.commands.conversation import converse
from leo.commands.speakers import SyncSpeaker
from leo.commands.why import Account
from tests.leo.support import sync_field


def test_why_tells_what_a_reply_did(tmp_path: Path) -> None:
    """`/why --steps`: its actions with versions, the objects of its steps, the rows that it left;
    `/field` has its pulse; a reply that failed has its actions only.
    """
    out, notices, account = io.StringIO(), io.StringIO(), Account()
    failures: list[ZeroDivisionError] = []

    def gate(session: str, action: Action) -> None:
        if failures and action is Action.Generate:
            raise failures.pop()

    with sync_field(tmp_path / "field", account, gate=gate, modules=MODULES) as field:
        lines = iter(
            ["/why --steps", "/field", "hello there", "/why --steps", "/field", "/discipline"]
        )
        converse(SyncSpeaker(field, account), lines, out, notices, 80)
        told = out.getvalue().splitlines()
        assert told[0] == "Leo has not said anything yet." and "pulse    none yet" in told
        assert "reply    s1.1" in told and "  Recall        reads snapshots 0" in told
        assert "  Return        returned" in told and "after    s1~ring0.1" in "\n".join(told)
        assert "step     recall: reads modules, snapshots; writes -" in told
        # What the modules keep is named once, however many steps touch it.
        assert "\n".join(told).count("metaleo") == 1
        assert any("episodes (1)" in line for line in told if line.startswith("kept"))
        assert max(map(len, told)) <= 80
        assert len([line for line in told if line.startswith("pulse    0.")]) == 2
        assert told[-1].startswith("sequential (D0): on sync")
        failures.append(ZeroDivisionError("no voice"))
        out.truncate(0)
        converse(SyncSpeaker(field, account), iter(["and now?", "/why --steps"]), out, notices)
    assert "ZeroDivisionError: no voice" in notices.getvalue()
    assert "  Raise         raised" in out.getvalue() and "kept" not in out.getvalue()


def test_why_tells_what_came_of_the_likest_episodes(tmp_path: Path) -> None:
    """The quality of the replies so far, and how far they were: nothing for the first reply, nor
    without modules.
    """
    out, account, qualities = io.StringIO(), Account(), []
    with sync_field(tmp_path / "field", account, modules=MODULES) as field:
        for prompt in ("hello there", "Rain over the sea?", "and now?"):
            converse(SyncSpeaker(field, account), iter([prompt, "/why --steps"]), out, out)
            assert field.latest is not None and field.latest.quality is not None
            qualities.append(field.latest.quality.overall)
    first, second, _ = qualities
    told = [line for line in out.getvalue().splitlines() if line.startswith("like ")]
    shown = [(1, first, first), (2, (first + second) / 2, max(first, second))]
    for line, (count, mean, best) in zip(told, shown, strict=True):
        assert line.startswith(f"like     episodes: {count}, 0.")
        assert line.endswith(f" away on average; quality {mean:.2f}, at best {best:.2f}")
        assert len(line) <= 80
    with sync_field(tmp_path / "field", account) as field:
        field.reply("hello")
        assert "\nlike " not in SyncSpeaker(field, account).why()


def test_field_tells_what_comes_and_goes_and_what_hurts(tmp_path: Path) -> None:
    """As the last reply found it in the store: a theme that rises, one that fades, each with its
    strengths in a day's last turns; a word that was turned against Leo. Before a reply, and
    without modules, there is nothing to tell.
    """
    rows = (
        "INSERT INTO flow_turns VALUES (1, -36000.0), (2, -6000.0), (3, -2400.0)",
        "INSERT INTO flow_strengths VALUES (2, 'rain', 3.0), (3, 'sea', 2.0)",
        "INSERT INTO trauma_words VALUES ('silence', 1.0, 1000.0)",
    )
    out = io.StringIO()
    sync_field(tmp_path / "field", modules=MODULES).close()
    with closing(sqlite3.connect(tmp_path / "field", isolation_level=None)) as conn:
        for row in rows:
            conn.execute(row)
    told = [
        "rising   sea (+2.0 an hour: 0 0 2)",
        "fading   rain (-3.0 an hour: 0 3 0)",
        "wounds   silence (1.00)",
    ]
    with sync_field(tmp_path / "field", modules=MODULES) as field:
        assert SyncSpeaker(field).memory() == []
        converse(SyncSpeaker(field), iter(["hello", "/field"]), out, out)
    assert sorted(out.getvalue().splitlines()[-3:]) == sorted(told)
    with sync_field(tmp_path / "field") as field:
        field.reply("hello")
        assert SyncSpeaker(field).memory() == []
