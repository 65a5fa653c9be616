"""The reference engine: many traces of one discipline in one run of TLC.

A generated module holds the traces as constants; ``spec/TraceField.tla`` prints one verdict for
each. A trace without a verdict, or with two, is an error of ours and not a result.

Verdicts are cached by content (``VerdictCache``): same trace, specification and jar, same verdict.
A verdict is stored only after a whole run of TLC ended well and judged each of its traces exactly
once: one file for each trace, renamed into its place.  Each file is signed with a key of the
user's.  A file that is cut, changed or of another trace does not match its signature and counts as
absent, so the worst effect of the cache is to ask TLC again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from leo.progress import Bar
from leo.trace.events import Header
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import ModelError
from leo_model.files import cache_folder, secret, spec_folder
from leo_model.machine.state import Base
from leo_model.tlc import driver
from leo_model.tlc.java import find, with_cache
from leo_model.tlc.job import TlcJob, Verdict
from leo_model.tlc.messages import printed
from leo_model.tlc.value import Value, function, to_tla
from leo_model.traces.events import Line, Trace, call_of

# In every key: raise it when the meaning of a verdict changes.
EDITION: Final = "1"


class CacheError(ModelError):
    """The folder of the cache cannot be made or written."""


@dataclass(frozen=True, slots=True)
class TlcVerdict:
    """What TLC says about a trace: ``kind`` is "accepted", "guard" or "data".

    ``line`` is the one that is no step, None when the trace is accepted: a line of the file in what
    ``judge`` returns, the number of the event in a cache.  ``broken`` are the properties that fell
    up to there.
    """

    kind: str
    line: int | None
    broken: frozenset[str]

    @property
    def accepted(self) -> bool:
        return self.line is None


class VerdictCache:
    """A folder of verdicts for one specification and one jar of TLC.

    ``asked`` and ``found`` count the look-ups and the verdicts that were there.
    """

    def __init__(self, folder: Path, *, spec: Path, jar: Path, secret: bytes) -> None:
        """``spec`` is the folder of the modules, ``secret`` signs what is kept. Raises OSError when
        the modules or ``jar`` are not there.
        """
        self._secret = secret
        self.asked = 0
        self.found = 0
        self._folder = folder
        world = hashlib.sha256(EDITION.encode())
        for path in (*sorted(spec.glob("*.tla")), jar):
            world.update(b"\0" + path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
        self._world = world.digest()

    def key(self, module: str, config: str) -> str:
        """Return the key of a trace, given as the module and configuration that hold it alone."""
        parts = (self._world, module.encode(), config.encode())
        return hashlib.sha256(b"\0".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()

    def get(self, key: str) -> TlcVerdict | None:
        """Return the verdict that was kept, None when there is none that can be trusted."""
        self.asked += 1
        try:
            entry = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(entry, dict) or not self._signed(key, entry):
            return None
        self.found += 1
        return TlcVerdict(entry["kind"], entry["line"], frozenset(entry["broken"]))

    def put(self, key: str, verdict: TlcVerdict) -> None:
        """Keep a verdict. Raises CacheError when the folder cannot be written."""
        entry = {"kind": verdict.kind, "line": verdict.line, "broken": sorted(verdict.broken)}
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
                json.dump({**entry, "sum": self._sum(key, entry)}, file)
            os.replace(file.name, path)
        except OSError as error:
            raise CacheError(
                f"{path.parent}: the verdict of TLC cannot be kept ({error.strerror or error}); "
                "add --no-cache, or make it writable"
            ) from error

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"

    def _signed(self, key: str, entry: dict[str, object]) -> bool:
        found = entry.pop("sum", None)
        return isinstance(found, str) and hmac.compare_digest(found, self._sum(key, entry))

    def _sum(self, key: str, entry: object) -> str:
        text = json.dumps([key, entry], sort_keys=True)
        return hmac.new(self._secret, text.encode(), "sha256").hexdigest()


BATCH_EVENTS: Final = 10_000
CONFIG: Final = """\
INIT TraceInit
NEXT TraceNext
CONSTANTS
  Discipline = {discipline}
  Faults = {faults}
  Sessions = {sessions}
  Instances = {instances}
  InstanceOf <- TheInstanceOf
{program}  Asks <- TheAsks
  Traces <- TheTraces
  StartedAt <- TheStart
"""


class EngineError(ModelError):
    """TLC did not judge every trace of a batch: nothing can be said about it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A trace in memory, as TLC needs it whole: sessions are renamed by instance and appearance.

    ``numbers`` are the lines of the file that the events stand in. Traces are equal when TLC is
    given the same: names and places do not count.
    """

    name: str = field(compare=False)
    discipline: str
    instances: int
    sessions: tuple[int, ...]
    start: Base
    events: tuple[tuple[Value, ...], ...]
    numbers: tuple[int, ...] = field(compare=False)


class Recording:
    """Gathers the lines of one trace."""

    def __init__(self, name: str, header: Header) -> None:
        self._name = name
        self._header = header
        self._places = {instance: k + 1 for k, instance in enumerate(header.instances)}
        self._counts = dict.fromkeys(self._places, 0)
        self._names: dict[str, str] = {}
        self._events: list[tuple[Value, ...]] = []
        self._numbers: list[int] = []

    def add(self, line: Line) -> None:
        action = line.event.action.value
        self._numbers.append(line.number)
        self._events.append((action, self._actor(line), line.versions, line.turn))

    def _actor(self, line: Line) -> str:
        instance = line.event.instance
        if not line.turn:
            return f"i{self._places[instance]}"
        if line.actor not in self._names:
            self._counts[instance] += 1
            name = session_name(self._places[instance], self._counts[instance])
            published = DISCIPLINES[self._header.discipline].published
            call = call_of(line.actor) if published else "reply"
            self._names[line.actor] = name if call == "reply" else f"{name}~{call}"
        return self._names[line.actor]

    def recorded(self) -> Recorded:
        return Recorded(
            self._name,
            self._header.discipline,
            len(self._places),
            tuple(self._counts.values()),
            Base(**self._header.start),
            tuple(self._events),
            tuple(self._numbers),
        )


def record(trace: Trace) -> Recorded:
    """Read a whole trace. Raises TraceError when a line is not in the schema."""
    recording = Recording(trace.name, trace.header)
    for line in trace:
        recording.add(line)
    return recording.recorded()


def session_name(instance: int, number: int) -> str:
    return f"i{instance}s{number}"


def open_cache(folder: Path | None = None) -> VerdictCache:
    """Return the cache of TLC's verdicts, by default in the user's cache folder.

    Raises CheckError when that cannot be trusted, and the errors of ``leo_model.tlc.java`` without
    a jar.
    """
    folder = cache_folder() / "verdicts" if folder is None else folder
    return VerdictCache(folder, spec=spec_folder(), jar=find().jar, secret=secret())


def judge(
    traces: Sequence[Recorded], *, work: Path | None = None, cache: VerdictCache | None = None
) -> list[TlcVerdict]:
    """Judge traces by TLC, in as few runs as is sensible.

    ``work`` is the folder for the runs; None means a temporary one, removed when all went well.
    ``cache`` spares TLC the traces that it has judged before; None asks it about each.  Returns the
    verdicts in the order of the traces.  Raises EngineError when a run did not judge each of its
    traces exactly once, and the errors of ``leo_model.tlc.driver``.
    """
    if cache is None:
        return list(map(_in_the_file, _run(traces, work), traces))
    jobs = [make_job("trace", [trace]) for trace in traces]
    keys = [cache.key(job.root, job.config) for job in jobs if isinstance(job.root, str)]
    kept = {key: cache.get(key) for key in dict.fromkeys(keys)}
    verdicts = {key: verdict for key, verdict in kept.items() if verdict is not None}
    asked = {key: trace for key, trace in zip(keys, traces, strict=True) if key not in verdicts}
    if asked:
        for key, verdict in zip(asked, _run(list(asked.values()), work), strict=True):
            verdicts[key] = verdict
            cache.put(key, verdict)
    return [_in_the_file(verdicts[key], trace) for key, trace in zip(keys, traces, strict=True)]


def _in_the_file(verdict: TlcVerdict, trace: Recorded) -> TlcVerdict:
    """Name the line of the file: TLC counts the events from 1 and knows of no other lines."""
    if verdict.line is None:
        return verdict
    return replace(verdict, line=trace.numbers[verdict.line - 1])


def _run(traces: Sequence[Recorded], work: Path | None) -> list[TlcVerdict]:
    """Have TLC judge every trace."""
    batches = make_batches(traces)
    jobs = [
        make_job(f"trace-{k + 1}", [traces[place] for place in places])
        for k, places in enumerate(batches)
    ]
    folder = Path(tempfile.mkdtemp(prefix="leo-trace-")) if work is None else work
    runtime = with_cache(find(), cache_folder() / "java", make=False)
    with Bar("batches of traces judged by TLC", len(jobs)) as bar:
        results = driver.run_many(
            jobs, work=folder, runtime=runtime, done=lambda result: bar.step(result.job)
        )
    verdicts: dict[int, TlcVerdict] = {}
    for places, result in zip(batches, results, strict=True):
        if result.verdict is not Verdict.OK:
            raise EngineError(
                f"TLC judged no trace of the batch {result.job}: {result.verdict}: "
                f"{result.reason}; its files are in {result.folder or folder}"
            )
        found = read_verdicts(result.job, result.output, len(places))
        verdicts.update(zip(places, found, strict=True))
    if work is None:
        shutil.rmtree(folder)
    return [verdicts[place] for place in range(len(traces))]


def make_batches(traces: Sequence[Recorded]) -> list[list[int]]:
    """Deal the places of the traces out to runs: one discipline and number of instances in each.

    A run starts in a second or two and then takes a thousand events a second, so large ones are
    divided for two processors.
    """
    batches: list[list[int]] = []
    current: dict[tuple[str, int], tuple[list[int], int]] = {}
    for place, trace in enumerate(traces):
        key = (trace.discipline, trace.instances)
        batch, size = current.get(key, ([], BATCH_EVENTS))
        if size >= BATCH_EVENTS:
            batch, size = [], 0
            batches.append(batch)
        batch.append(place)
        current[key] = (batch, size + len(trace.events))
    return batches


def make_job(name: str, traces: Sequence[Recorded]) -> TlcJob:
    """Return the run that judges these traces, all of one discipline and number of instances."""
    first = traces[0]
    rules = DISCIPLINES[first.discipline]
    homes = {
        session_name(instance + 1, number + 1): f"i{instance + 1}"
        for instance in range(first.instances)
        for number in range(max(trace.sessions[instance] for trace in traces))
    }
    if rules.published:
        # Their sessions differ in what they call, so it matters which ones there are.
        actors = {str(event[1]) for trace in traces for event in trace.events if event[3]}
        homes = {actor: actor.partition("s")[0] for actor in sorted(actors)}
    asks = {name: call_of(name) if rules.published else "reply" for name in homes}
    # One event a line: before anything else TLC looks for PlusCal in the module, in time that is
    # quadratic in the length of a line.
    events = [",\n".join(map(to_tla, trace.events)) for trace in traces]
    body = "\n".join(f"T{k + 1} == <<\n{text}>>" for k, text in enumerate(events))
    numbers = ", ".join(f"T{k + 1}" for k in range(len(traces)))
    starts = ", ".join(
        f"[ngrams |-> {t.start.ngrams}, snapshots |-> {t.start.snapshots}]" for t in traces
    )
    module = (
        "---- MODULE TraceBatch ----\n"
        f"EXTENDS {'TracePublished' if rules.published else 'TraceField'}\n\n"
        f"{body}\nTheTraces == <<{numbers}>>\nTheStart == <<{starts}>>\n"
        f"TheInstanceOf == {to_tla(function(homes.items()))}\n"
        f"TheAsks == {to_tla(function(asks.items()))}\n====\n"
    )
    faults: Iterable[str] = rules.possible_faults
    config = CONFIG.format(
        discipline=to_tla(first.discipline),
        program="" if rules.published else "  Program <- PaperProgram\n",
        faults=to_tla(frozenset(faults)),
        sessions=to_tla(frozenset(homes)),
        instances=to_tla(frozenset(homes.values()) | {f"i{k + 1}" for k in range(first.instances)}),
    )
    size = sum(len(trace.events) for trace in traces)
    return TlcJob(
        name=name,
        root=module,
        config=config,
        library=(spec_folder(),),
        deadlock=False,
        heap_mb=1024,
        timeout=600.0,
        long=size > 20_000,
    )


def read_verdicts(job: str, output: Iterable[str], count: int) -> list[TlcVerdict]:
    """Read what TLC printed: one verdict for each of ``count`` traces, its line counted in events.

    Raises EngineError otherwise.
    """
    found: dict[int, TlcVerdict] = {}
    for value in printed(output):
        match value:
            case (str(kind), int(trace), int(line), frozenset() as broken) if trace not in found:
                at = None if kind == "accepted" else line
                found[trace] = TlcVerdict(kind, at, frozenset(map(str, broken)))
            case _:
                said = to_tla(value)[:200]
                raise EngineError(f"TLC said something unexpected in the batch {job}: {said}")
    if set(found) != set(range(1, count + 1)):
        silent = sorted(set(range(1, count + 1)) - set(found))[:10]
        raise EngineError(
            f"TLC gave a verdict on {len(found)} of the {count} traces of the batch {job} (none on "
            f"{silent}); run it again with the same files, and report it if it repeats"
        )
    return [found[k + 1] for k in range(count)]
