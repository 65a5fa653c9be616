"""What searches of single properties came to: it holds, it falls, or it says nothing.

A property that never had an occasion to fail holds of every program. ``MCOccasions`` says what each
one's occasion is and prints it when TLC meets it, here as in the searches of the claims.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leo_model.checking.check import fell, occasions_met, said
from leo_model.checking.claims import spec_folder
from leo_model.checking.plan import LONGEST, Run, job
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError
from leo_model.progress import Bar
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob, TlcResult, Verdict

# Their occasions are in the store, and the VIEW of a search for one of them alone may take a state
# with the occasion for one without: before it is called missing it is looked for without VIEW. The
# occasions of the others are in what their own VIEW keeps (control, registers, snapshots).
HIDDEN_BY_VIEW = ("Serializable", "AllOrNothing", "ViewAgreesWithStore")
VACUOUS = "says nothing here: its occasion was never met"
UNMET = "Unmet"


@dataclass(frozen=True, slots=True)
class Answer:
    """The search of one property, and the second one for its occasion where that was needed."""

    run: Run
    result: TlcResult
    occasion: TlcResult | None = None

    @property
    def title(self) -> str:
        return self.run.titles[0]

    @property
    def undecided(self) -> str | None:
        """Why it is not known whether the property holds; None when it holds, or is what fell."""
        if self.result.verdict is not Verdict.OK and not fell(self.result, self.title):
            return self.result.reason or said(self.result)
        occasion = self.occasion
        if occasion is None or occasion.verdict is Verdict.OK or occasion.fell(UNMET):
            return None
        return f"its occasion: {occasion.reason or said(occasion)}"

    @property
    def vacuous(self) -> bool:
        """It holds, and no state is one in which it could have failed."""
        return self.doubtful and (self.occasion is None or self.occasion.verdict is Verdict.OK)

    @property
    def doubtful(self) -> bool:
        """It holds, and its own search, if it looked for the occasion, did not meet it."""
        holds = self.result.verdict is Verdict.OK
        return holds and self.run.occasions and self.title not in occasions_met(self.result)

    def __str__(self) -> str:
        if self.undecided:
            return f"not decided: {self.undecided}"
        return VACUOUS if self.vacuous else said(self.result)


def answered(runs: Sequence[Run], work: Path, parallel: int) -> list[Answer]:
    """Search, each run for its one property; raises what TLC's driver raises."""
    results = _search([_job(run) for run in runs], work, parallel, "model checking")
    answers = [Answer(run, result) for run, result in zip(runs, results, strict=True)]
    doubtful = [a for a in answers if a.doubtful and a.title in HIDDEN_BY_VIEW]
    again = _search([occasion_job(a.run) for a in doubtful], work, parallel, "occasions")
    met = {a.title: result for a, result in zip(doubtful, again, strict=True)}
    return [replace(a, occasion=met.get(a.title)) for a in answers]


def _search(searches: list[TlcJob], work: Path, parallel: int, what: str) -> list[TlcResult]:
    if not searches:
        return []
    bar = Bar(len(searches), what)
    results = run_many(
        searches, parallel=parallel, work=work, done=lambda result: bar.step(result.job)
    )
    bar.finish()
    return results


def _job(run: Run) -> TlcJob:
    # How often each action was taken is for the comparison of the claims, and costs time.
    return replace(job(run), name=f"new.{run.titles[0]}.{run.spec}", coverage=False)


def occasion_job(run: Run) -> TlcJob:
    """Return a search without VIEW for a property's occasion, which ends when it is met."""
    title = run.titles[0]
    root = "MCPublished" if DISCIPLINES[run.discipline].published else "MCOccasions"
    module = (
        f"---- MODULE Met ----\nEXTENDS {root}\n"
        f"{UNMET} == OccasionsSeen /\\ ~TLCGet({_register(title)})\n====\n"
    )
    text = job(replace(run, history=True)).config.replace(f"    {title}\n", "")
    return TlcJob(
        f"new.{title}.occasion",
        module,
        text.replace("OccasionsSeen", UNMET),
        library=(spec_folder(),),
        deadlock=False,
        timeout=LONGEST,
    )


def _register(title: str) -> int:
    """The number under which ``MCOccasions`` remembers that a property's occasion was met."""
    text = (spec_folder() / "Occasions.tla").read_text("utf-8")
    found = re.search(rf'Seen\((\d+), "{title}"', text)
    if found is None:
        raise CheckError(f"Occasions.tla has no occasion of {title}; add one there")
    return int(found[1])
