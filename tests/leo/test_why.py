"""`/why`, `/field` and `/discipline` in a conversation with all modules."""

from __future__ import annotations

import io
from pathlib import Path

from leo import ORGANS
from leo.actions import Action
from leo.chat import _Sync, converse
from leo.why import Account
from tests.leo.support import sync_field


def test_why_tells_what_a_reply_did(tmp_path: Path) -> None:
    """`/why`: its actions with versions, the objects of its steps, the rows that it left; `/field`
    has its pulse; a reply that failed has its actions only.
    """
    out, notices, account = io.StringIO(), io.StringIO(), Account()
    failures: list[ZeroDivisionError] = []

    def gate(session: str, action: Action) -> None:
        if failures and action is Action.Generate:
            raise failures.pop()

    with sync_field(tmp_path / "field", account, gate=gate, modules=ORGANS) as field:
        lines = iter(["/why", "/field", "hello there", "/why", "/field", "/discipline"])
        converse(_Sync(field, account), lines, out, notices)
        told = out.getvalue().splitlines()
        assert told[0] == "Leo has not said anything yet." and "pulse    none yet" in told
        assert "reply    s1.1" in told and "  Recall        reads snapshots 0" in told
        assert "  Return        returned" in told and "after    s1~ring0.1" in "\n".join(told)
        assert any(line.startswith("step     recall: reads bias, dream, emotion") for line in told)
        assert any("episodes (1)" in line for line in told if line.startswith("kept"))
        assert len([line for line in told if line.startswith("pulse    0.")]) == 2
        assert told[-1].startswith("sequential (D0): on sync")
        failures.append(ZeroDivisionError("no voice"))
        out.truncate(0)
        converse(_Sync(field, account), iter(["and now?", "/why"]), out, notices)
    assert "ZeroDivisionError: no voice" in notices.getvalue()
    assert "  Raise         raised" in out.getvalue() and "kept" not in out.getvalue()
