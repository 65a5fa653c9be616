"""The organism: one program of steps, many disciplines, a real SQLite store."""

from leo.actions import Action
from leo.afield import AsyncLeoField
from leo.disciplines import DISCIPLINES, Discipline
from leo.errors import LeoError
from leo.field import LeoField
from leo.organs import (
    ORGANS,
    AsyncMathBrain,
    AsyncRAGBrain,
    AsyncSantaKlaus,
    Dream,
    FlowTracker,
    GameEngine,
    MathBrain,
    MetaLeo,
    Overthinking,
    RAGBrain,
    SantaKlaus,
    School,
    Trauma,
)
from leo.recorder import NdjsonRecorder
from leo.trace import NO_TRACE, Tracer

__version__ = "0.1.0"

__all__ = [
    "DISCIPLINES",
    "NO_TRACE",
    "ORGANS",
    "Action",
    "AsyncLeoField",
    "AsyncMathBrain",
    "AsyncRAGBrain",
    "AsyncSantaKlaus",
    "Discipline",
    "Dream",
    "FlowTracker",
    "GameEngine",
    "LeoError",
    "LeoField",
    "MathBrain",
    "MetaLeo",
    "NdjsonRecorder",
    "Overthinking",
    "RAGBrain",
    "SantaKlaus",
    "School",
    "Tracer",
    "Trauma",
    "__version__",
]
