"""The organism: one program of steps, many disciplines, a real SQLite store."""

from leo.actions import Action
from leo.afield import AsyncLeoField
from leo.disciplines import DISCIPLINES, Discipline
from leo.errors import LeoError
from leo.field import LeoField
from leo.recorder import NdjsonRecorder
from leo.trace import NO_TRACE, Tracer

__version__ = "0.1.0"

__all__ = [
    "DISCIPLINES",
    "NO_TRACE",
    "Action",
    "AsyncLeoField",
    "Discipline",
    "LeoError",
    "LeoField",
    "NdjsonRecorder",
    "Tracer",
    "__version__",
]
