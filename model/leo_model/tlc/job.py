"""The input of a run of TLC (`TlcJob`), and its result (`TlcResult`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from leo_model.errors import JobError
from leo_model.tlc.dot import Graph
from leo_model.tlc.messages import Trace


class Verdict(StrEnum):
    """What a run showed. ERROR: nothing was shown; `TlcResult.reason` says why."""

    OK = "ok"
    INVARIANT = "invariant"
    ACTION_PROPERTY = "action_property"
    TEMPORAL = "temporal"
    DEADLOCK = "deadlock"
    ASSUMPTION = "assumption"
    ERROR = "error"


@dataclass(frozen=True)
class TlcJob:
    """One run of TLC.

    name: for folders and messages (letters, digits, dot, dash, underscore).
    root: the root module, as a file, or as the text of a generated one.
    config: the text of the configuration. library: folders whose modules the root may extend.
    deadlock: is a state without successor a violation? dump: read the whole state graph (small
    models). dfid: depth-first up to this depth. timeout: seconds of wall clock until the run is
    killed. heap_mb: largest heap, mebibytes. long: JVM options for a run of many seconds instead of
    a short one. keep: keep the run's folder even when all is well. goes_on: a violation does not
    end the search; the result has a counterexample of each, and its verdict says only that the
    search came to its end.
    """

    name: str
    root: Path | str
    config: str
    library: tuple[Path, ...] = ()
    workers: int = 1
    deadlock: bool = True
    dfid: int | None = None
    dump: bool = False
    coverage: bool = False
    timeout: float = 600.0
    heap_mb: int = 1024
    long: bool = False
    keep: bool = False
    goes_on: bool = False

    def module(self) -> str:
        """The name of the root module. Raises JobError when the text has no module header."""
        if isinstance(self.root, Path):
            return self.root.stem
        found = _MODULE.search(self.root)
        if found is None:
            raise JobError(
                f"job {self.name}: the root module's text has no line `---- MODULE Name ----`"
            )
        return found[1]


@dataclass(frozen=True)
class TlcResult:
    """The answer of one run.

    property: the name from the configuration of what fell ("deadlock" and the assumption's place
    for those), None when nothing did or it cannot be told. distinct, generated, left, depth: None
    when TLC did not say; left is the number of states still to be explored. complete: all reachable
    states were seen. traces: of a job that goes on, the counterexample of each violation, in the
    order in which they were met. output: the lines printed by PrintT. coverage: action -> (distinct
    states it found, times taken). exit_code: None when the run was killed. folder: the run's folder
    if it was kept. seconds: as TLC reports them, start of the JVM left out.
    """

    job: str
    verdict: Verdict
    property: str | None = None
    reason: str = ""
    trace: Trace = field(default_factory=Trace)
    traces: tuple[Trace, ...] = ()
    distinct: int | None = None
    generated: int | None = None
    left: int | None = None
    depth: int | None = None
    complete: bool = False
    seconds: float = 0.0
    exit_code: int | None = None
    version: str = ""
    output: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    graph: Graph | None = None
    folder: Path | None = None

    def fell(self, name: str) -> bool:
        """Was exactly the property `name` violated? The fall of another one is not the fall of this
        one.
        """
        return self.verdict not in (Verdict.OK, Verdict.ERROR) and self.property == name


_MODULE = re.compile(r"^-{4,}\s*MODULE\s+(\w+)\s*-{4,}", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_COMMENT = re.compile(r"\\\*[^\n]*|\(\*.*?\*\)", re.DOTALL)
# Each section's words and its one name here.
_SINGULAR = {
    name: name
    for name in ("SPECIFICATION", "INIT", "NEXT", "VIEW", "SYMMETRY", "TYPE", "TYPE_CONSTRAINT")
}
_PLURAL = ("CONSTANT", "INVARIANT", "CONSTRAINT", "ACTION_CONSTRAINT", "PROPERTY")
_SECTIONS = {
    **_SINGULAR,
    **{name: name for name in _PLURAL},
    **{f"{name}S": name for name in _PLURAL},
    "PROPERTIES": "PROPERTY",
}


def config_sections(config: str) -> dict[str, list[str]]:
    """The words of each section of a configuration, sections by their singular name."""
    sections: dict[str, list[str]] = {}
    words: list[str] = []
    for word in re.findall(r'"[^"]*"|\w+|[^\s\w]+', _COMMENT.sub(" ", config)):
        if word in _SECTIONS:
            words = sections.setdefault(_SECTIONS[word], [])
        else:
            words.append(word)
    return sections


def check_job(job: TlcJob) -> None:
    """Refuse what TLC would answer wrongly. Raises JobError.

    Depth-first search skips liveness without a word, and which properties are liveness is not known
    before the run: no properties at all there.
    """
    job.module()
    sections = config_sections(job.config)
    if not _NAME.fullmatch(job.name):
        raise JobError(
            f"job {job.name!r}: a name has letters, digits, dots, dashes and underscores only"
        )
    if job.dfid is not None and sections.get("PROPERTY"):
        raise JobError(
            f"job {job.name}: depth-first search silently skips liveness properties: drop dfid, or "
            f"the properties ({', '.join(sections['PROPERTY'])})"
        )
    if job.dump and job.workers > 1:
        raise JobError(
            f"job {job.name}: a state graph needs one worker, {job.workers} were asked for"
        )
    if job.workers < 1 or job.timeout <= 0:
        raise JobError(
            f"job {job.name}: needs at least 1 worker and a positive timeout, "
            f"got {job.workers} and {job.timeout}"
        )
