"""An ahead-of-time cache of the classes of TLC: a run starts in 0.65 s instead of 1.0 s (JDK 25).

The cache is a by-product of one run of TLC on our own specification, so that it has the classes
that our runs load; it holds classes of the jar and nothing of the specification. It is keyed by the
runtime and the jar, and the JVM checks both again: a cache that does not fit is left aside, the run
is then only slower. It is written under another name and renamed, so that two processes may make it
at once.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from leo_model.checking.claims import spec_folder
from leo_model.tlc.java import Runtime, environment

# Class-ahead-of-time caches in one step (-XX:AOTCacheOutput) came with JDK 25.
_OLDEST = 25
_SECONDS = 120

# One reply each of two sessions on one store, with every kind of check that a claim asks for: the
# classes that this search loads are the classes that our runs load.
_TRAINING = """SPECIFICATION StrongSpec
CONSTANTS
    Discipline = "shared-store-immediate"
    First = {s1}
    Second = {s2}
    Sessions <- MCSessions
    Instances <- MCInstances
    InstanceOf <- MCInstanceOf
    Program <- PaperProgram
    Turns = 1
    Starts <- FromZero
    Faults = {"Cancel", "Raise", "Crash", "Busy"}
    Checked = {"Serializable", "Refines"}
VIEW EssentialState
INVARIANTS TypeOK Serializable OccasionsSeen
PROPERTIES Refines Answered
"""


def cache_path(runtime: Runtime, folder: Path) -> Path:
    """Where the cache of this runtime and jar is kept under `folder`."""
    release = runtime.java.resolve().parent.parent / "release"
    jar = runtime.jar.stat()
    parts = (
        str(runtime.java.resolve()),
        release.read_text("utf-8", errors="replace") if release.is_file() else "",
        f"{runtime.jar} {jar.st_size} {jar.st_mtime_ns}",
        _TRAINING,
    )
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return folder / f"tlc-{key}.aot"


def with_cache(runtime: Runtime, folder: Path, *, make: bool = True) -> Runtime:
    """`runtime` with its cache from `folder`; made first (3 to 4 s) if it is not there and `make`.

    Returns `runtime` as it was when there is none: too old a Java, a training run that failed, no
    room.
    """
    if runtime.major < _OLDEST:
        return runtime
    # TLC is started in other folders: a relative path would name nothing there, and the JVM would
    # pass over the missing cache without a word.
    path = cache_path(runtime, folder.resolve())
    if not path.is_file() and not (make and _train(runtime, path)):
        return runtime
    return replace(runtime, cache=path)


def _train(runtime: Runtime, path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="training-", dir=path.parent))
    try:
        for module in spec_folder().glob("*.tla"):
            shutil.copy(module, work)
        (work / "training.cfg").write_text(_TRAINING, "utf-8")
        fresh = work / "fresh.aot"
        command = runtime.command(
            "tlc2.TLC", work, heap_mb=512, full=False, flags=[f"-XX:AOTCacheOutput={fresh}"]
        )
        options = ["-tool", "-metadir", str(work / "states"), "-dump", "dot,actionlabels"]
        try:
            done = subprocess.run(
                [
                    *command,
                    *options,
                    str(work / "graph.dot"),
                    "-coverage",
                    "1",
                    "-config",
                    "training.cfg",
                    "MCOccasions",
                ],
                cwd=work,
                env=environment(os.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (subprocess.TimeoutExpired, OSError):
            return False
        # A cache of a run that went wrong would be valid and poor: it is not kept.
        if done.returncode != 0 or not fresh.is_file():
            return False
        fresh.replace(path)
        return True
    finally:
        shutil.rmtree(work, ignore_errors=True)
