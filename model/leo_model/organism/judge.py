"""What the validator says of a run: of its events, and of what is left behind."""

from __future__ import annotations

from collections.abc import Mapping

from leo_model.organism.recording import LineMaker, Recording
from leo_model.traces.native import Checker

NOT_A_BEHAVIOUR = "NotABehaviour"


def judge(
    recording: Recording, lines: LineMaker, final: Mapping[str, Mapping[str, int]]
) -> dict[str, str]:
    """Return what the validator says of the events: what is broken, and how.

    Events tell what the organism says that it did.  That it did nothing else is seen in the end:
    the versions in the store and in the views have to be those that the events lead to.
    """
    assert recording.header is not None, "written when the instances began"
    checker = Checker(recording.header)
    for event in recording.events:
        rejection = checker.feed(lines.line(event))
        if rejection is not None:
            where = f"event {event.seq}, {event.reply or event.instance} {event.action}"
            reasons = "; ".join(rejection.reasons)
            return _broken(checker) | {NOT_A_BEHAVIOUR: f"{where}: {reasons}"}
    for what, expected in _final(checker).items():
        if final.get(what, expected) != expected:
            said = f"in the end the {what} has {final[what]}, and the events lead to {expected}"
            return _broken(checker) | {NOT_A_BEHAVIOUR: said}
    return _broken(checker)


def _final(checker: Checker) -> dict[str, dict[str, int]]:
    """The versions that the specification's state has."""
    z = checker.state
    base = z.base
    found = {
        "store": {
            "ngrams": base.ngrams + len(z.store.ngrams),
            "snapshots": base.snapshots + len(z.store.snapshots),
        }
    }
    for instance, (bigrams, trigrams) in z.view.items():
        found[f"view of {instance}"] = {
            "view.bigrams": base.ngrams + len(bigrams),
            "view.trigrams": base.ngrams + len(trigrams),
        }
    return found


def _broken(checker: Checker) -> dict[str, str]:
    return {title: found.witness for title, found in checker.watch.violations.items()}
