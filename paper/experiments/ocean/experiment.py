"""The ocean as an experiment: each learner on the same streams, struck by the same faults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Config, Experiment, Key, Lab, Option, Row, seed_of
from paper.experiments.ocean.histories import (
    FAULTS,
    NONE,
    SETTLED,
    VOCABULARY,
    Seen,
    Stream,
    apart,
    compared,
    gain,
    histories,
    seen,
    stream_of,
)
from paper.experiments.ocean.learners import Counts, Field, Learner, Text
from paper.experiments.ocean.report import FIELD, plot, summarise

# The observation that is struck, counted from 0.
MOMENT: Final = 4
LAGS: Final = (0, 1, 2, 4, 8, 16, 32)
# A transformer that is to learn a text as well as the field does may look at it this many times.
MOST: Final = 128
# The corpus is heard once for each, at this share of the first rate; the stream at the last one.
PASSES: Final = (1.0, 0.3, 0.1)
DIGITS: Final = 6


def cells(config: Config) -> list[Key]:
    """By learner and seed."""
    learners = (FIELD, *config["sizes"])
    return [(learner, seed) for learner in learners for seed in range(config["seeds"])]


def measure(config: Config, key: Key, lab: Lab) -> list[Row]:
    """What was learned, how far each fault moves contexts by their counts, and what follows."""
    name, seed = str(key[0]), int(key[1])
    # The learner is no part of it: all of them hear the same.
    chance = seed_of(config["seed"], "ocean", seed)
    stream = stream_of(chance, MOMENT, max(LAGS))
    field = Field(len(VOCABULARY))
    counts: Counts = _taught(field, {}, (*stream.heard, *stream.before))
    target = gain(field, counts, field.observe(counts, stream.messages[0]), stream.touched)
    rows: list[Row] = []
    if name == FIELD:
        learned = {"setting": "counts", "parameters": 0, "steps": 1}
        rows += struck(field, counts, stream, counts, chance, learned)
    else:
        rows += _transformers(name, stream, counts, target, chance)
    return [{"learner": name, "seed": seed, **row} for row in rows]


def _transformers(
    name: str, stream: Stream, counts: Counts, target: float, chance: int
) -> list[Row]:
    """Both settings: one step per observation, and as many as the field's gain takes."""
    module = _library()

    def learner(share: float, repeats: int = 1) -> Any:
        return module.Transformer(module.SIZES[name], len(VOCABULARY), share=share, repeats=repeats)

    state = learner(1.0).begin(chance)
    for share in PASSES:
        state = _taught(learner(share), state, stream.heard)
    last = PASSES[-1]
    state = _taught(learner(last), state, stream.before)
    matched = _steps(learner(last), state, stream, target)
    size, rows = module.parameters(state), []
    for setting, steps in (("one step", 1), ("matched", matched)):
        learned = {"setting": setting, "parameters": size, "steps": steps}
        rows += struck(learner(last, steps), state, stream, counts, chance, learned)
    return rows


def _library() -> Any:
    """Loaded late: the field can be measured without JAX."""
    try:
        from paper.experiments.ocean import transformer  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExperimentError(
            f"the transformers of the ocean need {error.name}, which is not installed; install it "
            "in a checkout: pip install --require-hashes -r requirements-ocean.lock"
        ) from None
    return transformer


def _taught(learner: Learner, state: Any, texts: Iterable[Text]) -> Any:
    for text in texts:
        state = learner.observe(state, text)
    return state


def _steps(once: Learner, before: Any, stream: Stream, target: float) -> int:
    """The number of steps, at most MOST, whose gain is closest to that of the field."""
    state, gains = before, []
    for _ in range(MOST):
        state = once.observe(state, stream.messages[0])
        gains.append(gain(once, before, state, stream.touched))
        if gains[-1] >= target:
            break
    return 1 + min(range(len(gains)), key=lambda n: abs(gains[n] - target))


def struck(
    learner: Learner, state: Any, stream: Stream, counts: Counts, chance: int, learned: Row
) -> list[Row]:
    """The rows of a learner in one setting, which `learned` describes."""

    def looks(fault: str) -> dict[int, Seen]:
        states = histories(learner, state, stream.messages, fault, chance)
        return {
            lag: seen(learner, now, stream, lag, chance)
            for lag, now in enumerate(states)
            if lag in LAGS
        }

    setting = {"setting": learned["setting"]}
    after = learner.observe(state, stream.messages[0])
    known = [learner.shares(state, [prefix])[0, token] for prefix, token in stream.probes]
    gained = gain(learner, state, after, stream.touched)
    rows: list[Row] = [
        {
            "kind": "learned",
            **learned,
            "gain": _short(gained),
            "known": _short(sum(known) / len(known)),
        }
    ]
    right = looks(NONE)
    classes = [_class(counts, prefix) for prefix, _ in stream.touched]
    for fault in FAULTS:
        wrong = looks(fault)
        lag = SETTLED[fault]
        moved = apart(right[lag].touched, wrong[lag].touched)
        for size in sorted(set(classes)):
            mine = [float(d) for d, c in zip(moved, classes, strict=True) if c == size]
            row = {"class": size, "contexts": len(mine), "mean": _short(sum(mine) / len(mine))}
            rows.append({"kind": "gap", **setting, "fault": fault, **row})
        for lag in LAGS:
            figures = compared(right[lag], wrong[lag])
            row = {name: _short(value) for name, value in figures.items()}
            rows.append({"kind": "lag", **setting, "fault": fault, "lag": lag, **row})
    return rows


def _class(counts: Counts, prefix: tuple[int, ...]) -> int:
    """0, 1, 2 to 3, 4 to 7, ...: how often the last two tokens were seen, by powers of two."""
    return sum(counts.get(prefix[-2:], {}).values()).bit_length()


def _short(value: float) -> float:
    return round(float(value), DIGITS)


EXPERIMENT = Experiment(
    name="ocean",
    options=(
        Option("seeds", "how many streams", default=20, quick=3, least=2),
        Option(
            "sizes",
            "the transformers, by their parameters",
            default=("3k", "33k", "330k"),
            quick=("3k",),
            choices=("3k", "33k", "330k"),
        ),
    ),
    cells=cells,
    measure=measure,
    summarise=summarise,
    plot=plot,
)
