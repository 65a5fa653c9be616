"""The modules of the organism: each one file with its role, its reads and writes declared as data,
tables of its own, and pure functions.

`registry` has them in their order, `leo.reply.chorus` asks them, `leo.store.rows` reads and writes
what they keep. The core imports none of them: the caller who opens a field hands them in.
"""

from leo.modules.dream import Dream
from leo.modules.emotion import Emotion
from leo.modules.faces import AsyncMathBrain, AsyncRAGBrain, AsyncSantaKlaus
from leo.modules.flowtracker import FlowState, FlowTracker
from leo.modules.gameengine import GameEngine
from leo.modules.mathbrain import MathBrain
from leo.modules.mathstate import unspoken_state
from leo.modules.metaleo import MetaLeo
from leo.modules.overthinking import Overthinking
from leo.modules.ragbrain import RAGBrain
from leo.modules.registry import MODULES
from leo.modules.resonance import Resonance, content_words
from leo.modules.santaklaus import SantaKlaus
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
    "FlowState",
    "FlowTracker",
    "GameEngine",
    "MathBrain",
    "MetaLeo",
    "Module",
    "Overthinking",
    "RAGBrain",
    "Resonance",
    "SantaKlaus",
    "School",
    "Trauma",
    "bias",
    "content_words",
    "dream",
    "flowtracker",
    "mathbrain",
    "mathstate",
    "metaleo",
    "multileo",
    "overthinking",
    "ragbrain",
    "resonance",
    "trauma",
    "unspoken_state",
]
