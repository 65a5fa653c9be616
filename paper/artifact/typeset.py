"""The modules of the specification, typeset by the TLA+ tools (`tla2tex`), which run LaTeX."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from leo_model.files import spec_folder
from leo_model.tlc.java import find, run
from paper.artifact.errors import ArtifactError

MODULES = (
    "Disciplines", "Dsg", "Field", "Properties", "AtomicReply", "Forget", "MCField", "TraceField",
)  # fmt: skip
_SECONDS = 60
# LaTeX puts the date into a PDF, and a mark made from it.
_REPRODUCIBLE = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}


def typeset(out: Path, done: Callable[[str], None]) -> str:
    """Write modules/NAME.tex and .pdf below `out`; return the LaTeX that shows them all.

    Raises ArtifactError when there is no LaTeX, or when it refuses a module.
    """
    if shutil.which("pdflatex") is None:
        raise ArtifactError(
            "pdflatex is not there, and tla2tex asks it for the widths of the specification's "
            "lines: install a TeX (Debian: texlive-latex-recommended), or run `leo paper "
            "--no-modules`, which leaves the typeset modules out"
        )
    runtime = find()
    (out / "modules").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for module in MODULES:
            shutil.copy(spec_folder() / f"{module}.tla", work)
            start = runtime.command("tla2tex.TLA", work, heap_mb=512, full=False)
            tool = [*start, "-latexCommand", "pdflatex", "-shade", f"{module}.tla"]
            ended = run(tool, work, _SECONDS, _REPRODUCIBLE)
            if ended.returncode != 0 or not (work / f"{module}.pdf").is_file():
                raise ArtifactError(
                    f"tla2tex does not typeset {module}.tla: "
                    f"{' '.join((ended.stdout + ended.stderr).split())[-300:]}"
                )
            for ending in ("tex", "pdf"):
                shutil.copy(work / f"{module}.{ending}", out / "modules")
            done(module)
    # Our page numbers, in the place of those of each module.
    shown = r"pages=-,pagecommand={\thispagestyle{plain}},trim=0 42mm 0 0,clip,scale=.9"
    return "\n".join(rf"\includepdf[{shown}]{{modules/{module}.pdf}}" for module in MODULES) + "\n"
