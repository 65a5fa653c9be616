"""What the rows of the lock isolation test say: exactness, defects, effects on the metric."""

from __future__ import annotations

from collections.abc import Sequence

from paper.experiments.arms import ARMS, LABELS
from paper.experiments.experiment import Config, Row
from paper.experiments.lock_isolation.alone import REORDERED
from paper.experiments.lock_isolation.measures import (
    CROWDS,
    DETECTED,
    FIRST,
    METRICS,
    Effect,
    Exact,
    effects_of,
    exact_of,
    has_surplus,
    rates_of,
    reordered_shift,
)
from paper.experiments.lock_isolation.tables import (
    defect_table,
    effect_table,
    exact_table,
    level_table,
    plot,
)
from paper.experiments.summary import Summary, chance, number

__all__ = ["plot", "summarise"]


def summarise(config: Config, rows: Sequence[Row], timings: Sequence[Row]) -> Summary:
    exact, effects = exact_of(rows), effects_of(config, rows)
    same = [one for one in exact if one.arm != REORDERED]
    [other] = [one for one in exact if one.arm == REORDERED]
    compared = sum(one.replies for one in same)
    different = sum(one.different + one.stores_different for one in same)
    shift = reordered_shift(config, rows)
    found = [effect for effect in effects if effect.p < DETECTED]
    surplus = sorted(
        {
            f"{row['arm']} in ({row['workload']}): {row['surplus']}"
            for row in rows
            if has_surplus(row)
        }
    )
    defects = [row for row in rows if row["kind"] == "defects"]
    validated = sum(row["replies"] for row in defects)
    unexpected = []
    if different:
        unexpected.append(
            f"in (a), {different} replies or stores differ from those of the arm {FIRST!r}: "
            "the arms do not execute one program, or the theorem lock no-op does not hold of it"
        )
    if not other.different:
        unexpected.append(
            "in (a), the reordered program gives the same replies: the comparison cannot see a "
            "difference that is there"
        )
    if surplus:
        unexpected.append(f"properties fell that the claims hold: {'; '.join(surplus)}")
    return Summary(
        title="The lock isolation test",
        question=(
            "Executed with and without a lock, does the same program say the same, and where "
            "replies overlap, what breaks, and does external_vocab notice?"
        ),
        answer=(
            _alone_answer(same)
            + " "
            + _crowd_answer(defects)
            + f" On external_vocab this has {_effect_answer(config, found, len(effects))}."
        ),
        findings=(
            f"The comparison {'can' if other.different else 'CANNOT'} see a difference: with "
            f"generate before observe, {other.different:,} of {other.replies:,} replies differ, "
            f"and the token ratio by {number(shift)}.",
            f"{validated:,} replies of overlapping sessions were validated against the "
            "specification, event by event; all of their traces are behaviours of it.",
            *_defect_findings(defects),
            *(_effect_sentence(effect) for effect in found),
        ),
        tables=(
            exact_table(exact),
            defect_table(defects),
            effect_table(effects),
            level_table(config, rows),
        ),
        facts={
            "sequential replies": compared,
            "sequential differences": different,
            "reordered replies": other.replies,
            "reordered differences": other.different,
            "reordered shift": shift,
            "validated replies": validated,
            "comparisons": len(effects),
            "effects detected": len(found),
        },
        limits=(
            "The schedules of (b) to (d) are random, every session equally likely to go on: more "
            "overlap than an event loop with idle clients has. How often a defect happens in a "
            "service depends on its load; that it happens does not.",
            "No detectable effect means none in so many seeds with this metric, which compares "
            "words and cannot tell a torn field from a whole one.",
            "(d) leaves out the synchronous arms: a call on a thread cannot be cancelled.",
            "The synchronous arm without a lock runs its sessions in threads, under the GIL.",
        ),
        unexpected=tuple(unexpected),
    )


def _alone_answer(same: Sequence[Exact]) -> str:
    """What (a) found: whether the execution changes a sequential session."""
    replies, stores = sum(one.replies for one in same), sum(one.stores for one in same)
    different = sum(one.different for one in same)
    others = sum(one.stores_different for one in same)
    compared = (
        f"{replies:,} replies and {stores:,} stores of {len(ARMS) - 1} arms, with all modules and "
        "without, were compared with those of the synchronous arm"
    )
    if different or others:
        return (
            f"In a sequential session the execution changes something: {compared}, and "
            f"{different:,} replies and {others:,} stores differ. By the theorem lock no-op (leo "
            "prove, leo noop) a lock alone cannot do that."
        )
    return (
        f"In a sequential session the lock changes nothing: {compared}, and every one of them has "
        "the same bytes. That is what the theorem lock no-op says of it (leo prove, leo check "
        "--noop)."
    )


def _crowd_answer(defects: Sequence[Row]) -> str:
    rates = {place: rate["Serializable"] for place, rate in rates_of(defects).items()}
    free = [rate for (_, arm), rate in rates.items() if arm in ("sync", "async")]
    locked = [rate for (_, arm), rate in rates.items() if arm not in ("sync", "async")]
    return (
        f"Where replies overlap, {min(free):.0f} to {max(free):.0f} of 1,000 replies without a "
        f"lock are on a cycle of dependencies, with a lock {max(locked):.0f}."
    )


def _effect_answer(config: Config, found: Sequence[Effect], comparisons: int) -> str:
    # All differences of one sign: no permutation of the signs is rarer than that.
    least = min(1.0, comparisons * 2.0 ** (1 - config["seeds"]))
    if least > DETECTED:
        return (
            f"an effect that {config['seeds']} seeds cannot tell from none, whatever its size: the "
            f"smallest corrected p of {comparisons} comparisons is {chance(least)}; run it in full"
        )
    if not found:
        return f"no detectable effect in any of {comparisons} comparisons (Holm, 5 %)"
    largest = max(abs(effect.compared.difference.value) for effect in found)
    return (
        f"a detectable effect in {len(found)} of {comparisons} comparisons (Holm, 5 %), at most "
        f"{largest:.3f}"
    )


def _effect_sentence(effect: Effect) -> str:
    return (
        f"In {CROWDS[effect.workload]}, {LABELS[effect.arm]}: the {METRICS[effect.metric]} differs "
        f"from that under asyncio.Lock by {number(effect.compared.difference)}, "
        f"p {chance(effect.p)} corrected, Cliff's delta of pairs {effect.compared.cliff:.2f}."
    )


def _defect_findings(defects: Sequence[Row]) -> list[str]:
    rates = rates_of(defects)
    half = {place: rate["AllOrNothing"] for place, rate in rates.items() if place[0] == "d"}
    return [
        f"With cancellations, {rate:.0f} of 1,000 replies under {LABELS[arm]} end half-applied."
        for (_, arm), rate in half.items()
    ]
