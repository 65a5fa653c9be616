"""The modules of the organism: each one file with its role, its reads and writes declared as data,
tables of its own, and pure functions.

`registry` has them in their order, `chorus` asks them, `rows` reads and writes what they keep.
"""

from leo.organs.chorus import Chorus
from leo.organs.dream import Dream
from leo.organs.emotion import Emotion
from leo.organs.flowtracker import FlowTracker
from leo.organs.gameengine import GameEngine
from leo.organs.mathbrain import AsyncMathBrain, MathBrain
from leo.organs.metaleo import MetaLeo
from leo.organs.organ import Organ
from leo.organs.overthinking import Overthinking
from leo.organs.ragbrain import AsyncRAGBrain, RAGBrain
from leo.organs.registry import ORGANS
from leo.organs.santaklaus import AsyncSantaKlaus, SantaKlaus
from leo.organs.school import School
from leo.organs.trauma import Trauma

__all__ = [
    "ORGANS",
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
    "Organ",
    "Overthinking",
    "RAGBrain",
    "SantaKlaus",
    "School",
    "Trauma",
]
