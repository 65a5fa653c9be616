"""`leo experiment reanalyse`: transcripts in both formats, whole, awkward and foreign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.commands.main import main
from paper.experiments.errors import TranscriptError
from paper.experiments.experiment import Row
from paper.experiments.reanalyse.experiment import EXPERIMENT
from paper.experiments.reanalyse.pairs import Corpus, pair, share_of_messages, shuffled, truncated
from paper.experiments.reanalyse.transcripts import parse, read_transcript
from tests.paper.experiments.transcripts_made import async_text, sync_text, talks

AWKWARD_SYNC = """\
﻿# Report

### being_nothing

#### Turn 1

**Observer:** What stays,
when “nothing” is said?

And who hears it?

**Leo:** Nothing stays.
Leo: said nobody.

*Metrics: external_vocab=0.333, semantic=n/a*

Notes between the turns are no part of either.

#### Turn 2 (late)
**Observer:** Say it again.
**Leo:** ...

*Metrics: external_vocab=*

#### Turn 3
**Observer:** Nobody answered this one.

#### Turn 4
**Leo:** I was not asked.

---

### A second theme
#### Turn 1
**Observer:** One word, please.
**Leo:** silence
*Metrics: external_vocab=0.000*
"""


def rows_of(files: list[Path], seed: int = 7) -> list[dict[str, Any]]:
    """The rows of an analysis, without the runner."""
    assert EXPERIMENT.prepare is not None
    config = EXPERIMENT.prepare({"seed": seed, "quick": False}, files)
    found: list[Row] = []
    for key in EXPERIMENT.cells(config):
        found += EXPERIMENT.measure(config, key, None)  # type: ignore[arg-type]
    return [dict(row) for row in found]


def corpus(tmp_path: Path, long: int, short: int, shares: tuple[float, float]) -> Corpus:
    """Two arms with messages of two lengths and replies of two kinds."""
    one, other = tmp_path / "one.md", tmp_path / "other.md"
    one.write_text(sync_text(talks(1, long, shares[0])))
    other.write_text(async_text(talks(2, short, shares[1])))
    return Corpus.of([row for row in rows_of([one, other]) if "arm" in row])


@pytest.mark.parametrize("form", ["sync", "async"])
def test_a_transcript_is_read_back(form: str) -> None:
    """What was written in a format is found: themes, turns, texts, printed values, definition."""
    made = talks(3, 12)
    found = parse((sync_text if form == "sync" else async_text)(made))
    assert found.format == form
    assert found.problems == []
    assert [(t.message, t.reply) for t in found.talks] == [pair for talk in made for pair in talk]
    assert {talk.section for talk in found.talks} == set(range(1, 6))
    for talk in found.talks:
        own = talk.scores.token_ratio_current
        score = own if form == "sync" else talk.scores.type_ratio_current_plus_3
        assert talk.printed == pytest.approx(score, abs=0.0005)


def test_awkward_cases() -> None:
    """Messages of several lines, curly quotes, notes, a missing metric, dots, one word, a turn
    without a reply, a turn without a message.
    """
    found = parse(AWKWARD_SYNC.removeprefix("\ufeff"))
    first, second, third = found.talks
    assert first.message == "What stays, when “nothing” is said? And who hears it?"
    assert first.reply == "Nothing stays. Leo: said nobody."
    assert (first.printed, second.printed, third.printed) == (0.333, None, 0.0)
    assert (first.flag, second.flag, third.flag) == ("", "substitute", "fallback")
    assert (first.section, third.section, third.theme) == (1, 2, "A second theme")
    assert len(found.problems) == 3
    quoted = "#### Turn 1\n**Observer:** Who?\n**Leo:** It said\n**Observer:** nobody\n**Leo:** no"
    assert parse(quoted).talks[0].reply == "It said **Observer:** nobody **Leo:** no"
    assert "turn 2: no printed value" in found.problems[0]
    assert "turn 3: no reply" in found.problems[1]
    assert "turn 4: no words of the observer" in found.problems[2]


def test_previous_messages_are_those_of_the_conversation() -> None:
    """The asynchronous definition looks back over turns, not over the beginning of a section, and
    not further than three messages.
    """
    talk = [("alpha words", "gamma gamma"), ("beta words", "alpha beta"), ("delta", "alpha delta")]
    late = [("one x y", "r"), ("two", "r"), ("three", "r"), ("four", "r"), ("five", "one five")]
    found = parse(async_text([talk, [("other", "alpha other")], late])).talks
    assert [t.scores.type_ratio_current_plus_3 for t in found[:4]] == [0.0, 1.0, 1.0, 0.5]
    assert found[-1].scores.type_ratio_current_plus_3 == 0.5


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text is a transcript, or an error that says what was expected."""
    for whole in (
        text,
        f"#### Turn 1\n{text}",
        f"### 1. a\n**Turn 2** x\nObserver: {text}\nLeo: b",
    ):
        try:
            found = parse(whole)
        except TranscriptError as error:
            assert "turn" in str(error)
        else:
            assert found.talks
            assert all(0 <= score <= 1 for talk in found.talks for score in talk.scores)


def test_files_that_are_no_transcripts_say_why(tmp_path: Path) -> None:
    """Missing, empty, binary, a folder, foreign, mixed: the error names the file and the reason."""
    cases: dict[str, tuple[bytes | None, str]] = {
        "missing.md": (None, "cannot be read"),
        "empty.md": (b" \n", "empty"),
        "binary.md": (b"\xff\xfe\x00", "not UTF-8"),
        "foreign.md": (b"# Shopping\n- bread\n", "no turns"),
        "mixed.md": (b"#### Turn 1\n**Turn 1** x\n", "both formats"),
        "hollow.md": (b"#### Turn 1\n", "no whole turn"),
    }
    for name, (data, reason) in cases.items():
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(TranscriptError, match=reason) as error:
            read_transcript(path)
        assert name in str(error.value)
    with pytest.raises(TranscriptError, match="cannot be read"):
        read_transcript(tmp_path)


def test_length_alone_goes_to_the_messages(tmp_path: Path) -> None:
    """Replies of one kind, messages of 40 and of 5 words: the messages have the difference, and
    none is left when they are cut to one length.
    """
    made = corpus(tmp_path, 40, 5, (0.5, 0.5))
    share = share_of_messages(pair(made, 1))
    most, cut = truncated(made, "tokens", 1)
    assert share is None or share > 0.9
    assert abs(pair(made, 1).replies.value) < 0.15 < 0.5 < abs(pair(made, 1).messages.value)
    assert most == 5
    assert not cut.difference.excludes(0.0)


def test_replies_alone_go_to_the_replies(tmp_path: Path) -> None:
    """Messages of one length, replies of two kinds: the replies have the difference, and it is
    still there when messages are cut.
    """
    made = corpus(tmp_path, 12, 12, (0.8, 0.3))
    found = pair(made, 1)
    assert found.replies.high < 0
    assert abs(found.messages.value) < 0.2 < abs(found.replies.value)
    assert truncated(made, "tokens", 1)[1].difference.high < 0


def test_the_shuffled_null_is_beaten_by_echoes_only(tmp_path: Path) -> None:
    """Replies that repeat their message share more with it than with others; random ones do not."""
    random = corpus(tmp_path, 8, 8, (0.5, 0.5))
    echoes = [[(message, message) for message, _ in talk] for talk in talks(5, 6)]
    path = tmp_path / "echo.md"
    path.write_text(sync_text(echoes))
    echoing = Corpus.of([row for row in rows_of([path]) if "arm" in row])
    assert shuffled(echoing, "sync", 1).p < 0.01
    assert shuffled(random, "sync", 1).p > 0.05


def test_cross_pairing_by_hand(tmp_path: Path) -> None:
    """Two turns an arm, all sixteen pairs counted by hand."""
    one, other = tmp_path / "one.md", tmp_path / "other.md"
    one.write_text(sync_text([[("aaa bbb", "aaa ccc")], [("ccc", "ddd")]]))
    other.write_text(async_text([[("aaa", "aaa aaa")], [("ddd", "bbb ddd")]]))
    made = Corpus.of([row for row in rows_of([one, other]) if "arm" in row])
    means = {names: found.value for names, found in pair(made, 1).means.items()}
    assert means == {
        ("sync", "sync"): pytest.approx((0.5 + 0.5 + 0 + 0) / 4),
        ("sync", "async"): pytest.approx((0.5 + 0 + 0 + 1) / 4),
        ("async", "sync"): pytest.approx((1 + 0 + 0.5 + 0) / 4),
        ("async", "async"): pytest.approx((1 + 0 + 0 + 0.5) / 4),
    }


def test_the_command_goes_on_without_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One readable file in each format and two that are not: the analysis is of the readable, the
    others are named; the verdict says that two metrics were printed.
    """
    one, other, foreign = (tmp_path / name for name in ("one.md", "other.md", "foreign.md"))
    one.write_text(sync_text(talks(1, 40)))
    other.write_text(async_text(talks(2, 6)))
    foreign.write_text("nothing of the kind")
    build = ["--build", str(tmp_path / "build")]
    names = [str(path) for path in (one, foreign, other, tmp_path / "missing.md")]
    assert main(["experiment", "reanalyse", *build, *names]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "two different metrics" in out
    assert "foreign.md: no turns" in out
    assert "missing.md: cannot be read" in out
    facts = json.loads((tmp_path / "build/reanalyse/summary.json").read_text())["facts"]
    assert facts["turns"] == {"sync": 20, "async": 20}
    assert facts["reproduced"]["sync"]["tokens"] == 20 > facts["reproduced"]["sync"]["types"]
    assert facts["reproduced"]["async"]["types"] == 20 > facts["reproduced"]["async"]["tokens"]


def test_one_arm_is_measured_and_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one arm only, and no printed values, the verdict says so."""
    path = tmp_path / "one.md"
    path.write_text(sync_text(talks(1, 10), printed=False))
    assert main(["experiment", "reanalyse", "--build", str(tmp_path), str(path)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "print no values" in out
    assert "cannot be compared" in out


def test_nothing_readable_ends_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When no file is a transcript the command ends 2 and says why for each, in one paragraph."""
    names = [str(tmp_path / name) for name in ("a.md", "b.md")]
    assert main(["experiment", "reanalyse", "--build", str(tmp_path), *names]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert all(name in error for name in names)
