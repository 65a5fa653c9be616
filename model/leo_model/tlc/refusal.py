"""What SANY and TLC find wrong in modules and configurations, as one paragraph."""

import re
from collections.abc import Sequence
from pathlib import Path

from leo_model.tlc.errors import ConfigError, SpecError
from leo_model.tlc.job import TlcJob
from leo_model.tlc.messages import ERROR_SEVERITIES, Code, Stream

# What TLC finds wrong in a configuration, by itself or inside a message 1000.
_CONFIG_CODES = frozenset([*range(2222, 2244), 2146, 2280, 2281, *range(5001, 5013)])
_OF_MODULE = re.compile(r"of module (\w+)")


def raise_refusal(job: TlcJob, stream: Stream) -> None:
    """Raise SpecError or ConfigError when TLC refused the modules or the configuration before any
    search.
    """
    for message in stream.messages:
        if message.code == Code.PARSING_FAILED:
            raise SpecError(f"job {job.name}: SANY refuses the specification: {_sany(stream.sany)}")
        if message.severity in ERROR_SEVERITIES and _CONFIG_CODES.intersection(
            (message.code, *message.inner)
        ):
            raise ConfigError(
                f"job {job.name}: TLC refuses the configuration: {last_paragraph(message.text)}"
            )


def _sany(lines: Sequence[str]) -> str:
    """SANY's complaint in one paragraph: its files, lines and words, without its headings and stack
    traces.
    """
    parsed = [
        line.removeprefix("Parsing file ") for line in lines if line.startswith("Parsing file ")
    ]
    kept: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith(("Residual stack trace", "Fatal errors while parsing")):
            break
        if text and not text.startswith(
            ("Parsing file", "Semantic processing", "***", "SANY finished")
        ):
            kept.append(text)
    if not kept:
        start = next((i for i, line in enumerate(lines) if "Abort messages" in line), -1)
        kept = [
            text
            for text in map(str.strip, lines[start + 1 :])
            if text and text not in ("Unknown location", "SANY finished.")
        ]
    return f"{' '.join(kept)}{_where(' '.join(kept), parsed)}"


def _where(text: str, parsed: Sequence[str]) -> str:
    """The file that SANY complains of: the one of the module it names, else the last it opened."""
    named = _OF_MODULE.search(text)
    files = [path for path in parsed if named is None or Path(path).stem == named[1]]
    return f" (in {files[-1]})" if files else ""


def last_paragraph(text: str) -> str:
    """The text without the preamble that TLC writes before the message inside an exception."""
    _, marker, rest = text.partition("The exception was a ")
    return " ".join((rest if marker else text).split())
