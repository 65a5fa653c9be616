"""The modules of the organism: each one file with its role, its reads and writes declared as data,
tables of its own, and pure functions.

`registry` has them in their order, `chorus` asks them, `rows` reads and writes what they keep.
"""

from leo.modules.dream import Dream
from leo.modules.emotion import Emotion
from leo.modules.flowtracker import FlowTracker
from leo.modules.gameengine import GameEngine
from leo.modules.mathbrain import AsyncMathBrain, MathBrain
from leo.modules.metaleo import MetaLeo
from leo.modules.overthinking import Overthinking
from leo.modules.ragbrain import AsyncRAGBrain, RAGBrain
from leo.modules.registry import MODULES
from leo.modules.santaklaus import AsyncSantaKlaus, SantaKlaus
from leo.modules.school import School
from leo.modules.trauma import Trauma
from leo.reply.chorus import Chorus
from leo.reply.module import Module

__all__ = [
    "MODULES",
    "AsyncMathBrain",
    "AsyncRAGBrain",
    "AsyncSantaKlaus",
    "Chorus",
    "Dream",
    "Emotion",
    "FlowTracker",
    "GameEngine",
    "MathBrain",
    "MetaLeo",
    "Module",
    "Overthinking",
    "RAGBrain",
    "SantaKlaus",
    "School",
    "Trauma",
]
