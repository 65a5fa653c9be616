"""The scripted observer, and an observer and a field in conversation."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.commands.converse import Turn, _keep, converse_themes, open_transcript, summary_table
from leo.commands.main import main
from leo.errors import CallerError
from leo.field.metrics import Scores, score_turn
from leo.observers import THEMES, TURNS, Exchange, ScriptedObserver
from leo.observers.themes import FILLERS, SENTENCES
from leo_model.traces.workload import prompt

PLACES = st.tuples(st.sampled_from(sorted(THEMES)), st.integers(0, TURNS - 1))


@given(PLACES, st.integers(14, 130), st.integers(0, 99))
def test_messages_have_the_length_asked_for(
    place: tuple[str, int], words: int, variant: int
) -> None:
    """Exactly so many words, the prompt first, no sentence twice; equal arguments, equal words."""
    said = ScriptedObserver(words, variant).say(*place)
    assert len(said.split()) == words
    rest = said.removeprefix(THEMES[place[0]][place[1]])
    assert rest != said
    known = [*SENTENCES[place[0]], *FILLERS]
    assert all(rest.count(sentence) <= 1 for sentence in known)
    assert said == ScriptedObserver(words, variant).say(*place)


def test_variants_differ_and_replies_change_nothing() -> None:
    """Another variant says something else; what was answered is not listened to."""
    one, other = ScriptedObserver(71, 1), ScriptedObserver(71, 2)
    theme = "silent_speaking"
    assert one.say(theme, 0) != other.say(theme, 0)
    assert one.say(theme, 1, [Exchange("a", "b")]) == one.say(theme, 1)
    assert ScriptedObserver().say(theme, 3) == THEMES[theme][3]


def test_five_themes_of_four_different_turns() -> None:
    """Twenty different prompts, and a session of a workload hears the same ones."""
    texts = [text for theme in THEMES.values() for text in theme]
    assert len(THEMES) == 5 and len(set(texts)) == len(texts) == 20
    assert [prompt(0, turn) for turn in range(20)] == texts


@pytest.mark.parametrize(
    ("theme", "turn", "words", "named"),
    [
        ("weather", 0, None, "'weather'; its themes are being_nothing"),
        ("broken_whole", 4, None, "on turn 4"),
        ("broken_whole", -1, None, "on turn -1"),
        ("broken_whole", 0, 3, "in 3 words: choose from 14 to"),
        ("broken_whole", 0, 999, "in 999 words: choose from 14 to"),
    ],
)
def test_refusals_name_what_there_is(theme: str, turn: int, words: int | None, named: str) -> None:
    """A theme, a turn or a length that there is not."""
    with pytest.raises(CallerError) as caught:
        ScriptedObserver(words).say(theme, turn)
    assert named in str(caught.value)


class Echo:
    """A field that repeats the prompt, and notes who spoke."""

    def __init__(self) -> None:
        self.sessions: list[str] = []

    def speak(self, prompt: str, session: str = "s1") -> str:
        self.sessions.append(session)
        return prompt


def test_conversation_has_a_session_per_theme_and_measures_each_turn() -> None:
    """Themes in their order, each in its own session; a turn's scores are those of its reply."""
    field = Echo()
    turns = list(converse_themes(ScriptedObserver(19), field, 2))
    names = list(THEMES)[:2]
    assert field.sessions == [name for name in names for _ in range(TURNS)]
    assert [(turn.theme, turn.turn) for turn in turns] == [(n, k) for n in names for k in range(4)]
    assert {turn.scores for turn in turns} == {Scores(1.0, 1.0)}


def test_the_window_of_the_metric_ends_with_the_theme() -> None:
    """A message of another theme is not one of the three before."""

    class Said:
        def say(self, theme: str, turn: int, so_far: Any = ()) -> str:
            assert len(so_far) == turn
            return f"{theme} {turn}"

    class Parrot:
        def speak(self, prompt: str, session: str = "s1") -> str:
            return "being_nothing"

    found = [turn.scores[1] for turn in converse_themes(Said(), Parrot(), 2)]
    assert found == [1.0] * 4 + [0.0] * 4


def test_a_summary_has_both_definitions() -> None:
    """One line each, by its own name and numbers."""
    said = "stone stone here", "a stone"
    table = summary_table([Turn("t", 0, *said[::-1], score_turn(said[0], [said[1]]))])
    [_, _, *lines] = map(str.split, table.splitlines())
    assert [line[:2] for line in lines] == [
        ["token_ratio_current", "0.667"],
        ["type_ratio_current_plus_3", "0.500"],
    ]


def test_command_keeps_the_same_transcript_for_the_same_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Header and eight turns; equal seeds give equal transcripts, another seed another one."""
    monkeypatch.chdir(tmp_path)
    texts = []
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        out = tmp_path / f"{name}.ndjson"
        given = ["--themes", "2", "--words", "19", "--seed", seed, "--out", str(out)]
        # The modules ask the time, and so what they say is not a matter of the seed alone.
        fixed = ["--modules", "none", "--discipline", "sequential"]
        assert main(["converse", "--field", f"{name}.sqlite3", *fixed, *given]) == 0
        texts.append(out.read_text("utf-8").splitlines())
    header, *turns = (json.loads(line) for line in texts[0])
    assert header["kind"] == "transcript" and header["words"] == 19 and len(turns) == 8
    assert texts[0] == texts[1] and texts[0][1:] != texts[2][1:]
    shown = capsys.readouterr().out
    assert "## being and nothing" in shown and "type_ratio_current_plus_3" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_the_seed_of_a_transcript_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that chance gave, too: what the header says is what the observer spoke by."""
    monkeypatch.chdir(tmp_path)
    fixed = ["--themes", "1", "--words", "19", "--modules", "none", "--discipline", "sequential"]
    assert main(["converse", *fixed, "--field", "a", "--out", "a.ndjson"]) == 0
    header = json.loads(Path("a.ndjson").read_text("utf-8").partition("\n")[0])
    seed = ["--seed", str(header["seed"])]
    assert main(["converse", *fixed, *seed, "--field", "b", "--out", "b.ndjson"]) == 0
    assert Path("a.ndjson").read_text("utf-8") == Path("b.ndjson").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--observer", "http"], "needs --url and --model"),
        (["--url", "http://localhost"], "belong to --observer http"),
        (["--words", "3"], "in 3 words"),
        (["--words", "13", "--out", "t.ndjson"], "in 13 words"),
        (["--words", "20", "--field", ".", "--out", "t.ndjson"], "a folder"),
        (["--out", "missing/t.ndjson"], "cannot be begun"),
        # The field's own name, which would make the field a transcript.
        (["--out", "leo.sqlite3"], "leo.sqlite3"),
        (["--out", "./leo.sqlite3"], "leo.sqlite3"),
    ],
)
def test_what_is_wrong_is_said_and_leaves_nothing_in_the_way(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    named: str,
) -> None:
    """One paragraph, exit code 2; no transcript that would refuse the next try, and no field."""
    monkeypatch.chdir(tmp_path)
    assert main(["converse", *given]) == 2
    error = capsys.readouterr().err
    assert error.startswith("leo: error: ") and named in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_follows_a_reply_comes_before_the_next_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the last reply of a theme, too: the next theme's first is not beside it."""
    said: list[tuple[str, str]] = []

    class Settling(Echo):
        def speak(self, prompt: str, session: str = "s1") -> str:
            said.append(("speak", session))
            return prompt

        def settle(self, session: str = "s1") -> None:
            said.append(("settle", session))

    monkeypatch.setattr("leo.commands.converse.opened", lambda *given: nullcontext(Settling()))
    assert main(["converse", "--themes", "2"]) == 0
    themes = [theme for theme in list(THEMES)[:2] for _ in range(TURNS)]
    assert said == [(act, theme) for theme in themes for act in ("speak", "settle")]


def test_a_transcript_replaces_nothing(tmp_path: Path) -> None:
    """A file that exists is refused and left alone."""
    path = tmp_path / "t.ndjson"
    path.write_text("mine")
    with pytest.raises(CallerError, match="not to replace a file"):
        open_transcript(path)
    assert path.read_text() == "mine"


def test_a_transcript_on_a_full_disk_is_an_error_of_one_paragraph(tmp_path: Path) -> None:
    """What cannot be written is said with the file's name."""

    class Full(io.StringIO):
        name = "t.ndjson"

        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(CallerError, match=r"t\.ndjson: the transcript cannot be written"):
        _keep(Full(), {})
