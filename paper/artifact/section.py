"""Section 8.6 of the paper, sentence by sentence and subsection by subsection.

Every sentence has two verdicts: whether it is true, and how that is known. Both are functions of
the results; no verdict says more than its evidence. The evidence is in `templates/evidence.j2`, the
replacement paragraphs are in `templates/section.j2`; every figure in them comes from the results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, HOLDS
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.properties import PROPERTIES
from paper.artifact.results import EXPERIMENTS, Results
from paper.artifact.tex import plain_environment

TRUE = "holds"
ONLY_IF = "holds only if"
FALSE = "does not hold"
IN_MODEL = "holds in a model; open of the rewriting"
MIXED = "differs by fault and setting"
OPEN = "open"
DONE = "carried out"
NOT_SHOWN = "not shown by these results"
ARGUMENT = "argument"
NO_RESULT = "no result is kept here"

LOCK = "asyncio-lock"
WHOLE = "shielded-unit-of-work"
# The published programs: P1, P2 (one refresh() without the lock) and P3.
DECEMBER = "published-december"
REFRESHED = "published-december-refresh"
FEBRUARY = "published-february"
_D4 = DISCIPLINES[LOCK].number

Judged = Callable[[Results], str]
_BOUNDS = re.compile(r"\.(\d+x\d+(?:_\d+x\d+)*)\.")

SUBSECTIONS: Mapping[str, str] = {
    "8.6.1": "Background",
    "8.6.2": "Metrics Comparison",
    "8.6.3": "Three Hypotheses",
    "8.6.4": "Technical Analysis",
    "8.6.5": "Architectural Insight",
    "8.6.6": "Implementation",
    "8.6.7": "Validation Status",
    "8.6.8": "Theoretical Implication",
    "8.6.9": "Future Work",
    "8.6.10": "Conclusion",
}

# The tests that were pending in 8.6.7.
TESTS: Mapping[str, str] = {
    "lock-isolation": "the lock isolation test",
    "concurrent": "the test of concurrent sessions",
    "long-run": "the test of long-term stability (by an injected clock)",
}


@dataclass(frozen=True)
class Sentence:
    """A sentence of the section in our words. `name` is the block of its evidence."""

    name: str
    place: str
    claim: str
    truth: Judged
    known: Judged
    command: str


def kind(truth: str) -> str:
    """One word for a verdict, for a page's colours and shapes."""
    starts = {f"{TRUE} only": "partly", MIXED: "partly", IN_MODEL: "partly", TRUE: "true",
              FALSE: "false", DONE: "done", OPEN: "open"}  # fmt: skip
    return next((word for start, word in starts.items() if truth.startswith(start)), "unknown")


def _if(verdict: str, condition: Callable[[Results], bool]) -> Judged:
    """The verdict, if the results bear it out."""
    return lambda results: verdict if condition(results) else NOT_SHOWN


def _verdicts(results: Results, discipline: str, titles: Sequence[str]) -> set[str]:
    return {results.verdict(discipline, title)["verdict"] for title in titles}


def _falls(results: Results, discipline: str, *titles: str) -> bool:
    return _verdicts(results, discipline, titles) <= {FALLS, FALLS_WITH_FAULTS}


def _kept(discipline: str, *titles: str) -> Judged:
    return lambda r: TRUE if _verdicts(r, discipline, titles) == {HOLDS} else FALSE


def _in_order(results: Results) -> str:
    """Whether the lock orders replies, here and in the programs as published."""
    rows = (LOCK, DECEMBER, REFRESHED, FEBRUARY)
    return TRUE if all(_kept(row, *_ORDERED)(results) == TRUE for row in rows) else FALSE


def _apart(results: Results) -> str:
    """Whether the lock keeps replies apart, and one refresh() that does not take it undoes that."""
    kept = _kept(LOCK, *_APART)(results)
    return f"{ONLY_IF} everything takes it" if (
        kept == TRUE and _falls(results, REFRESHED, "ViewNotTorn")
    ) else kept  # fmt: skip


def _lost(verdict: str, discipline: str, *titles: str) -> Judged:
    """The verdict, if all of the properties fall."""
    return _if(verdict, lambda results: _falls(results, discipline, *titles))


def _decided(discipline: str, *titles: str) -> Judged:
    """How verdicts on a discipline are known: the theorems that decide these very cells, the
    counterexamples with their lengths, and for the rest the bounds of the search.
    """

    def known(results: Results) -> str:
        theorems: set[int] = set()
        lengths: dict[str, int] = {}
        bounds: set[str] = set()
        for title in titles:
            # A theorem without faults decides less than the cell says.
            about = [
                theorem["number"]
                for theorem in results.theorems
                for cell in theorem["cells"]
                if (cell["discipline"], cell["property"]) == (discipline, title) and cell["faults"]
            ]
            if length := results.steps(discipline, title):
                lengths[f"`{discipline}.{title}`"] = length
            elif about:
                theorems.add(min(about))
            else:
                bounds |= _bounds(results, discipline, title)
        parts = []
        if theorems:
            numbers = ", ".join(map(str, sorted(theorems)))
            several = "s" if len(theorems) > 1 else ""
            parts.append(f"theorem{several} {numbers} (any number of sessions)")
        if lengths:
            several = "s" if len(lengths) > 1 else ""
            steps = " to ".join(map(str, sorted({min(lengths.values()), max(lengths.values())})))
            parts.append(f"counterexample{several} of {steps} steps ({', '.join(lengths)})")
        if bounds:
            parts.append(f"bounded check (sessions × calls: {', '.join(sorted(bounds))})")
        return "; ".join(parts)

    return known


def _bounds(results: Results, discipline: str, title: str) -> set[str]:
    """The bounds of the searches that looked for the property."""
    found: set[str] = set()
    for name, run in results.runs.items():
        match = _BOUNDS.search(name)
        if match and name.startswith(f"{discipline}.") and title in run["titles"]:
            found |= {bound.replace("x", " × ") for bound in match[1].split("_")}
    return found


def _theorem(title: str) -> Judged:
    return lambda results: f"theorem {results.theorem(title)['number']}"


def _experiment(name: str) -> Judged:
    """The experiment with its size. Empty when it has no result."""

    def known(results: Results) -> str:
        if name not in results.experiments:
            return ""
        config, facts = results.experiments[name]["stamp"]["config"], _facts(results, name)
        size = f" ({config['seeds']:,} seeds)" if "seeds" in config else ""
        if "conversations" in facts and "turns" in facts:
            size = f" ({facts['turns']:,} turns in {len(facts['conversations'])} conversations)"
        return f"experiment {name}{size}"

    return known


def _recomputed(results: Results) -> str:
    return f"recomputed from the {_facts(results, 'published')['turns']} published turns"


def _exchanged(results: Results) -> str:
    return f"{_recomputed(results)}; four means transcribed"


def _all(*parts: Judged) -> Judged:
    return lambda results: "; ".join(filter(None, (part(results) for part in parts)))


def _facts(results: Results, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = results.experiments[name]["facts"]
    return found


def _lengths_differ(results: Results) -> bool:
    """The observers of the two arms do not overlap in the length of their messages."""
    return not _facts(results, "published")["lengths_overlap"]


def _two_metrics(results: Results) -> bool:
    """The printed values differ by something else than the same turns measured by one metric."""
    printed, tokens = (
        _facts(results, "published")[name]["value"] for name in ("printed", "tokens")
    )
    return bool(abs(printed - tokens) > 0.0005)


def _not_the_lock(results: Results) -> bool:
    """The lock's share of the difference cannot be told from none; that of the messages can."""
    if "confound" not in results.experiments:
        return _two_metrics(results) and _lengths_differ(results)
    lock, length = (_facts(results, "confound")[name] for name in ("share_lock", "share_length"))
    return bool(lock["low"] <= 0.0 <= lock["high"] and not length["low"] <= 0.0 <= length["high"])


def _no_op(results: Results) -> bool:
    """It is proved, and the experiment, if it was run, found no reply that the lock changed."""
    results.theorem("Lock no-op")
    found = results.experiments.get("lock-isolation")
    return found is None or bool(found["facts"]["sequential_differences"] == 0)


def _no_op_in_words(results: Results) -> str:
    """What is known of the lock and one session: of the model by proof, of the programs by runs."""
    said = f"a lock that is taken once provably changes nothing in the model of the listing ({_D4})"
    facts = results.experiments.get("lock-isolation", {"facts": {}})["facts"]
    if facts.get("published_differences") != 0:
        return said
    ran = f"{facts['published_replies']:,} replies of the published programs"
    return f"{said}, and changed none of {ran}, rebuilt and run"


def _alone(results: Results, discipline: str) -> list[str]:
    """The properties that one session loses without a fault, but for `Refines`, which follows."""
    falls = [title for title in PROPERTIES if title != "Refines"
             and results.verdict(discipline, title)["verdict"] == FALLS]  # fmt: skip
    several = {c["property"] for c in results.counterexamples
               if c["discipline"] == discipline and c["sessions"] > 1}  # fmt: skip
    return [title for title in falls if title not in several]


def _orders(results: Results) -> str:
    """Whether some orders of the steps lose, to one session alone, what others keep."""
    if not results.orders:
        return OPEN
    return IN_MODEL if {not order["falls"]["sequential"] for order in results.orders} == {
        True, False
    } else NOT_SHOWN  # fmt: skip


def _crystal(results: Results) -> str:
    """A defect moves deep contexts less than shallow ones, and none beyond its bound; and replies
    are no more alike at the end than at once.
    """
    results.theorem("One stale observation")
    if "perturbation" not in results.experiments:
        return f"{FALSE} of counts"
    facts = _facts(results, "perturbation")
    if facts["crossed"]:
        return NOT_SHOWN
    deep = facts["deep"]
    fades = deep is None or deep["mean"] < facts["shallow"]["mean"]
    stays = facts["differ_later"] >= facts["differ_at_once"]
    if fades:
        return f"{TRUE} only of replies, not of counts" if stays else FALSE
    return TRUE if stays else f"{TRUE} only of counts, not of replies"


def _ocean(results: Results) -> str:
    if "ocean" not in results.experiments:
        return OPEN
    verdicts = _facts(results, "ocean")["verdicts"]
    said = {one["verdict"] for settings in verdicts.values() for one in settings.values()}
    whole = {"less": f"{ONLY_IF} the model is small", "more": f"{FALSE} of small models"}
    return whole.get(said.pop(), OPEN) if len(said) == 1 else MIXED


def _reproduced(results: Results) -> str:
    """Whether each asynchronous run is below each synchronous one."""
    means = {
        arm: [run["mean"] for run in runs]
        for arm, runs in _facts(results, "published")["by_run"].items()
    }
    return f"{TRUE}, and does not say why" if max(means["async"]) < min(means["sync"]) else FALSE


def _whole(results: Results) -> str:
    if "long-run" not in results.experiments:
        return OPEN
    facts = _facts(results, "long-run")
    whole = not facts["failed"] and min(facts["reachable"], facts["trauma_stable"]) > 0.99
    return f"{TRUE} of the reference organism" if whole else NOT_SHOWN


def _done(name: str) -> Judged:
    def judge(results: Results) -> str:
        if name not in results.experiments:
            return OPEN
        return f"{DONE}, not as expected" if results.experiments[name]["unexpected"] else DONE

    return judge


def _needs(results: Results) -> str:
    sufficient = _kept(WHOLE, "Refines")(results) == TRUE
    return f"{ONLY_IF} it is said of this program" if (
        sufficient and _falls(results, LOCK, "Refines")
    ) else NOT_SHOWN  # fmt: skip


_PLAIN = ("MutualExclusion", "Serializable", "StableRead", "ViewNotTorn")
_APART = ("MutualExclusion", "ViewNotTorn", "ReadsOwnObservation", "SnapshotProvenance")
_ATOMIC = ("AllOrNothing", "Refines")
_COHERENT = ("AllOrNothing", "ViewAgreesWithStore", "Refines")
_ORDERED = ("MutualExclusion", "NoOvertaking")
_FEBRUARY = ("Serializable", "ReadsOwnObservation", "SnapshotProvenance", "ViewAgreesWithStore")

SENTENCES = (
    Sentence("improvement", "8.6.1", "moving reply() to asyncio improved coherence by 47 %",
             _if(FALSE, _not_the_lock), _all(_exchanged, _experiment("confound")),
             "leo experiment confound"),
    Sentence("one-difference", "8.6.2", "the arms differ in the execution model only",
             _if(FALSE, _lengths_differ), _recomputed, "leo experiment published"),
    Sentence("one-metric", "8.6.2", "one metric, external_vocab, was compared",
             _if(FALSE, _two_metrics), _recomputed, "leo experiment published"),
    Sentence("isolation", "8.6.2", "a threading.Lock on synchronous code isolates its effect",
             _if(TRUE, _no_op), _all(_theorem("Lock no-op"), _experiment("lock-isolation")),
             "leo experiment lock-isolation"),
    Sentence("h1-order", "8.6.3", "H1: the lock enforces the order that synchronous code assumed",
             _in_order, _decided(LOCK, *_ORDERED), "leo check asyncio-lock P1 P2 P3"),
    Sentence("h1-explains", "8.6.3",
             "H1: and so it explains a difference between two sequential runs",
             _if(FALSE, _no_op), _all(_theorem("Lock no-op"), _experiment("lock-isolation")),
             "leo noop"),
    Sentence("h2", "8.6.3", "H2: the order of operations matters", _orders,
             lambda r: f"bounded check of {len(r.orders)} orders" if r.orders else ARGUMENT,
             "leo orders"),
    Sentence("h3", "8.6.3", "H3: a biased baseline can be dismissed",
             _if(FALSE, _lengths_differ), _recomputed, "leo experiment published"),
    Sentence("gil", "8.6.4", "the GIL does not make several operations atomic",
             _lost(TRUE, "gil", *_PLAIN), _decided("gil", *_PLAIN), "leo check gil"),
    Sentence("lock-atomic", "8.6.4", "asyncio.Lock makes the operations of one reply atomic",
             _lost(FALSE, LOCK, *_ATOMIC),
             _all(_decided(LOCK, *_ATOMIC), _decided(DECEMBER, "AllOrNothing")),
             "leo check asyncio-lock P1"),
    Sentence("listing", "8.6.4", "the listing of the asynchronous reply() answers",
             _lost(f"{ONLY_IF} async_observe takes no lock", "reentrant", "DeadlockFree",
                   "Answered"),
             _decided("reentrant", "DeadlockFree", "Answered"), "leo noop"),
    Sentence("lock-apart", "8.6.4", "asyncio.Lock keeps replies apart",
             _apart, _all(_decided(LOCK, *_APART), _decided(REFRESHED, "ViewNotTorn")),
             "leo check asyncio-lock P2"),
    Sentence("await", "8.6.4", "await makes the boundaries of operations explicit",
             _lost(f"{ONLY_IF} a lock spans them", "bare", "MutualExclusion", "Serializable"),
             _decided("bare", "MutualExclusion", "Serializable"), "leo check bare"),
    Sentence("crystal", "8.6.5", "a defect goes on into the output for ever (the crystal)",
             _crystal, _all(_theorem("One stale observation"), _experiment("perturbation")),
             "leo experiment perturbation"),
    Sentence("ocean", "8.6.5", "transformers tolerate execution noise (the ocean)", _ocean,
             lambda r: _experiment("ocean")(r) if "ocean" in r.experiments else ARGUMENT,
             "leo experiment ocean"),
    Sentence("atomicity", "8.6.5", "explicit atomicity keeps an organism coherent",
             _kept(WHOLE, *_COHERENT), _decided(WHOLE, *_COHERENT), "leo prove"),
    Sentence("one-instance", "8.6.6", "one instance: one reply after the other",
             _kept(LOCK, "MutualExclusion", "NoOvertaking", "Answered"),
             _decided(LOCK, "MutualExclusion", "NoOvertaking", "Answered"),
             "leo check asyncio-lock"),
    Sentence("instances", "8.6.6", "several instances, each with its own lock, run in parallel",
             _lost(f"{ONLY_IF} each has a store of its own", "shared-store", "Serializable"),
             _decided("shared-store", "Serializable", "ViewNotTorn"), "leo check D10"),
    Sentence("transactions", "8.6.6", "on a shared database, transactions isolate",
             _lost(f"{ONLY_IF} they hold the store from their first read on",
                   "shared-store-unit-of-work", "Serializable"),
             _all(_decided("shared-store-unit-of-work", "Serializable"),
                  _decided("shared-store-immediate", "Serializable")), "leo check D10 D11 D12"),
    Sentence("measured-class", "8.6.6", "AsyncLeoField: all field operations are atomic",
             _lost(FALSE, DECEMBER, *_ATOMIC), _decided(DECEMBER, *_ATOMIC), "leo check P1"),
    Sentence("published-class", "8.6.6",
             "not in the section: a later program, of February 2026, keeps its field coherent",
             _lost(FALSE, FEBRUARY, *_FEBRUARY),
             _all(_decided(FEBRUARY, *_FEBRUARY), _experiment("lock-isolation")), "leo check P3"),
    Sentence("controlled", "8.6.7", "the comparison was controlled",
             _if(FALSE, _lengths_differ), _recomputed, "leo experiment published"),
    Sentence("reproduced", "8.6.7", "a second run reproduced the result", _reproduced, _recomputed,
             "leo experiment published"),
    Sentence("integrity", "8.6.7", "bootstrap and trauma patterns are stable", _whole,
             _experiment("long-run"), "leo experiment long-run"),
    Sentence("isolation-test", "8.6.7", "the lock isolation test is pending",
             _done("lock-isolation"), _experiment("lock-isolation"),
             "leo experiment lock-isolation"),
    Sentence("concurrent", "8.6.7", "a test of concurrent sessions is pending", _done("concurrent"),
             _experiment("concurrent"), "leo experiment concurrent"),
    Sentence("long-term", "8.6.7", "a test of long-term stability is pending", _done("long-run"),
             _experiment("long-run"), "leo experiment long-run"),
    Sentence("principle", "8.6.8", "organisms of this kind need explicit atomicity", _needs,
             _all(_decided(WHOLE, "Refines"), _decided(LOCK, "Refines")), "make verify"),
    Sentence("formalization", "8.6.9", "a mathematical model of such execution is future work",
             _if(DONE, lambda r: bool(r.runs and r.theorems)),
             lambda r: f"{len(r.theorems)} theorems; {len(r.runs)} bounded checks", "make verify"),
    Sentence("conclusion", "8.6.10",
             "the 47 % show that field organisms are sensitive to how they are executed",
             _if(FALSE, lambda r: _two_metrics(r) and _no_op(r)),
             _all(_recomputed, _theorem("Lock no-op")), "leo experiment published"),
)  # fmt: skip


def context(results: Results) -> dict[str, Any]:
    """What the templates of the section may quote: the facts of the experiments by name (those that
    were not run are none), verdicts, lengths of counterexamples, theorems and sizes.
    """
    words = {"holds": "holds", "falls": "falls", "falls-with-faults": "falls with faults only",
             "needs-strong-fairness": "holds under strong fairness"}  # fmt: skip

    def said(discipline: str, *titles: str) -> str:
        return series([f"{t} {words[results.verdict(discipline, t)['verdict']]}" for t in titles])

    def series(found: Sequence[str]) -> str:
        return ", ".join(found[:-1]) + (" and " if found[:-1] else "") + found[-1]

    falls = [order["falls"] for order in results.orders]
    return {
        **{
            name.replace("-", "_"): results.experiments.get(name, {}).get("facts")
            for name in EXPERIMENTS
        },
        "carried_out": [words for name, words in TESTS.items() if name in results.experiments],
        "pending": [words for name, words in TESTS.items() if name not in results.experiments],
        "said": said,
        "series": series,
        # What a sentence says in the place of a result that is missing.
        "missing": lambda name: f"No full result of `leo experiment {name}` is kept here.",
        "steps": lambda d, t: results.steps(d, t) or "no",
        "theorem": results.theorem,
        "december": DECEMBER,
        "refreshed": REFRESHED,
        "february": FEBRUARY,
        "lock": LOCK,
        "whole": WHOLE,
        "orders": len(falls),
        "orders_kept": sum(not fallen["sequential"] for fallen in falls),
        "orders_helped": sum(bool(set(f["sequential"]) - set(f[LOCK])) for f in falls),
        "numbers": results.numbers,
        "no_op": _no_op_in_words(results),
        "alone": lambda discipline: _alone(results, discipline),
    }


def blocks(template: str, results: Results) -> dict[str, str]:
    """Every block of a template as one paragraph, by name."""
    words = plain_environment().get_template(template)
    around = words.new_context(context(results))
    return {name: " ".join("".join(part(around)).split()) for name, part in words.blocks.items()}


def evidence(results: Results) -> list[tuple[Sentence, str, str, str]]:
    """Every sentence with its two verdicts and its evidence, in the order of the section."""
    told = blocks("evidence.j2", results)
    return [
        (s, s.truth(results), s.known(results) or NO_RESULT, told[s.name.replace("-", "_")])
        for s in SENTENCES
    ]
