"""The lock isolation test: one program, one observer, one metric, and only the execution differs.

The program is this organism's. The two published programs are arms of their own: with one session,
with their lock and without it; with several, as they were published.

(a) One sequential session: the replies of all arms of a program have the same bytes, by the theorem
*lock no-op*. (b) 3, 5 and 10 sessions at a time. (c) One session while two others write in the
background, as overthinking and dream do: they are prompted with what it said. (d) Five sessions
whose calls are cancelled now and then. In (b) to (d) the schedule is random and seeded, every event
is validated, and the question is what breaks, and whether the metric notices.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Final, NamedTuple

from leo.disciplines import DISCIPLINES
from leo.field.seed import SEED_TEXT
from leo.modules.overthinking import Overthinking
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo_model.organism.case import Case
from paper.experiments.arms import (
    ARMS,
    Arm,
    Heard,
    Talk,
    concerned,
    digest,
    say_in_turn,
    scores_of,
    surplus,
    talk,
)
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.lock_isolation.alone import CHOICES, REORDERED, talk_alone
from paper.experiments.lock_isolation.published import IDS, PUBLISHED, UNLOCKED, talk_published
from paper.experiments.lock_isolation.report import plot, summarise


class Workload(NamedTuple):
    """Sessions at a time, whether all but the first are background writers, cancellation."""

    sessions: int
    background: bool = False
    cancel: float = 0.0


ALONE: Final = "a"
# The programs of several sessions: this organism's core, or a published one as it was.
PUBLISHED_AS: Final = "published"
LOCKED: Final = "async-lock"
# About one reply in five is cancelled: there are some eleven choices in a reply.
CANCEL: Final = 0.02
WORKLOADS: Final = {
    "b3": Workload(3),
    "b5": Workload(5),
    "b10": Workload(10),
    "c": Workload(3, background=True),
    "d": Workload(5, cancel=CANCEL),
}
ARM_OF: Final = {arm.name: arm for arm in ARMS}
METRICS: Final = ("tokens", "types")


def cells(config: Config) -> list[Key]:
    """(a) by program, arm and seed; then the other workloads by arm and seed."""
    seeds = range(config["seeds"])
    found: list[Key] = []
    for program in CHOICES:
        arms = [arm.name for arm in ARMS] + ([REORDERED] if program == "core" else [])
        found += [(ALONE, program, arm, seed) for arm in arms for seed in seeds]
    found += [
        (ALONE, program, arm, seed)
        for program in PUBLISHED
        for arm in (UNLOCKED, LOCKED)
        for seed in seeds
    ]
    for name, workload in WORKLOADS.items():
        # A call on a thread cannot be cancelled.
        arms = [
            arm.name
            for arm in ARMS
            if not workload.cancel or DISCIPLINES[arm.many].runtime == "asyncio"
        ]
        found += [(name, "core", arm, seed) for arm in arms for seed in seeds]
        if not workload.background:
            # Their own writers, `observe` and `refresh`, are among the sessions.
            found += [(name, PUBLISHED_AS, arm, seed) for arm in IDS for seed in seeds]
    return found


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """The rows of one conversation, or of one crowd."""
    name, program, arm, seed = (str(key[0]), str(key[1]), str(key[2]), int(key[3]))
    place: dict[str, object] = {"workload": name, "program": program, "arm": arm, "seed": seed}
    # The arm is no part of the seeds: what chance decides is the same for all arms.
    chance = seed_of(config["seed"], "lock-isolation", seed)
    if name == ALONE:
        rows = _alone(config, program, arm, chance, lab)
    elif program == PUBLISHED_AS:
        rows = _published(config, name, arm, chance, lab)
    else:
        rows = _crowd(config, name, ARM_OF[arm], chance)
    return [{**place, **row} for row in rows]


def _script(config: Config, chance: int, session: int) -> list[Heard]:
    observer = ScriptedObserver(config["words"], seed_of(chance, session) % 1_000_003)
    return [say_in_turn(observer, session, turn) for turn in range(config["themes"] * TURNS)]


def _alone(config: Config, program: str, arm: str, chance: int, lab: Lab) -> list[Row]:
    heard = _script(config, chance, 0)
    discipline = ARM_OF[arm].alone if arm in ARM_OF else arm
    messages = [one.message for one in heard]
    path = lab.folder / "field.sqlite3"
    replies, store, defects = talk_alone(discipline, program, chance, messages, path)
    rows: list[Row] = []
    for one, reply, scores in zip(heard, replies, scores_of(heard, replies), strict=True):
        assert scores is not None, "every reply of a sequential session returns"
        rows.append(
            {
                "kind": "reply",
                "theme": one.theme,
                "turn": one.turn + 1,
                **dict(zip(METRICS, scores, strict=True)),
                "words": len(reply.split()),
                "reply": digest(reply),
            }
        )
    return [*rows, {"kind": "store", "store": store, **concerned(defects)}]


def _published(config: Config, name: str, arm: str, chance: int, lab: Lab) -> list[Row]:
    """What a published program loses; its replies do not depend on what is said to it."""
    sessions, _, cancel = WORKLOADS[name]
    scripts = [_script(config, chance, session) for session in range(sessions)]
    talked = talk_published(
        arm, sessions, config["themes"] * TURNS, lambda s, t: scripts[s][t].message,
        seed_of(chance, "schedule", name), lab.folder / "field.sqlite3", cancel,
    )  # fmt: skip
    return [_defects(arm, talked)]


def _defects(discipline: str, talked: Talk) -> Row:
    return {
        "kind": "defects",
        "discipline": discipline,
        "replies": talked.calls,
        "returned": talked.outcomes["returned"],
        "surplus": " ".join(surplus(discipline, talked)),
        **talked.defects,
    }


def _crowd(config: Config, name: str, arm: Arm, chance: int) -> list[Row]:
    workload = WORKLOADS[name]
    turns = config["themes"] * TURNS
    talkers = 1 if workload.background else workload.sessions
    scripts = [_script(config, chance, session) for session in range(talkers)]

    def say(session: int, turn: int, answers: Mapping[str, str]) -> str:
        if session < talkers:
            return scripts[session][turn].message
        return _background(session - talkers, turn, answers, scripts[0])

    faults = ("Cancel",) if workload.cancel else ()
    case = Case(arm.many, workload.sessions, turns, faults, chance)
    # The schedule alone decides which defects happen, not the words: two workloads of as many
    # sessions would have the same ones under one schedule.
    talked = talk(case, say, seed_of(chance, "schedule", name), workload.cancel)
    rows = [_defects(arm.many, talked)]
    by_theme: dict[str, list[tuple[float, float]]] = {theme: [] for theme in THEMES}
    for session, script in enumerate(scripts):
        replies = [talked.replies.get(f"s{session + 1}.{turn + 1}") for turn in range(turns)]
        for one, scores in zip(script, scores_of(script, replies), strict=True):
            if scores is not None:
                by_theme[one.theme].append(scores)
    for theme, values in by_theme.items():
        if values:
            means = (fmean(one[place] for one in values) for place in range(len(METRICS)))
            found = dict(zip(METRICS, means, strict=True))
            rows.append({"kind": "metric", "theme": theme, "turns": len(values), **found})
    return rows


def _background(writer: int, turn: int, answers: Mapping[str, str], script: list[Heard]) -> str:
    """What a background writer is prompted with: the last exchange that has ended, as the first
    ring of overthinking is, or a sentence of the seed text and the last words, as a dream is.
    """
    done = [n for n in range(len(script)) if f"s1.{n + 1}" in answers]
    last = answers[f"s1.{done[-1] + 1}"] if done else ""
    if writer == 0:
        return f"{script[done[-1]].message} {last}" if done else SEED_SENTENCES[0]
    return f"{SEED_SENTENCES[turn % len(SEED_SENTENCES)]} {last}".strip()


SEED_SENTENCES: Final = Overthinking(SEED_TEXT).sentences

EXPERIMENT = Experiment(
    name="lock-isolation",
    options=(
        Option("seeds", "how many seeds", default=30, quick=3, least=2),
        Option("themes", "how many of the themes, four turns each", default=5, quick=2, least=1),
        Option("words", "the length of the observer's messages", default=19, least=14),
    ),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
