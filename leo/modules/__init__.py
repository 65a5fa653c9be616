"""The modules of the organism, one file each: declared reads and writes, tables, pure functions.

`leo.reply.chorus` asks them; `leo.store.rows` reads and writes their rows. The core imports none of
them: the caller who opens a field passes them. A reply asks them in the order of `MODULES`: the
trauma level and the theme words are known before anything is recalled, the regulator sees the voice
that the others agreed on, and School asks last.

These parts of the published programs were left out, by the organism's sections: the hint made of
word pieces (it needs a trained model), the stock phrases for technical answers, one's own reply
observed at the end (a write after Generate is in no program of the specification), a temperature
that follows the entropy (8.5), words of the prompt pasted into the reply (8.6, 8.7: they raise
external_vocab; `Resonance` has their role), first impressions from word lists (8.8), the
documentation as a first text (4), School's entities and relations (15d).
"""

from typing import Any, Final

from leo.modules.bias import Bias
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
from leo.modules.resonance import Resonance, content_words
from leo.modules.santaklaus import SantaKlaus
from leo.modules.school import School
from leo.modules.trauma import Trauma
from leo.reply.chorus import Chorus
from leo.reply.module import Module

__all__ = [
    "MODULES", "AsyncMathBrain", "AsyncRAGBrain", "AsyncSantaKlaus", "Chorus", "Dream",
    "Emotion", "FlowState", "FlowTracker", "GameEngine", "MathBrain", "MetaLeo", "Module",
    "Overthinking", "RAGBrain", "Resonance", "SantaKlaus", "School", "Trauma", "bias",
    "content_words", "dream", "flowtracker", "mathbrain", "mathstate", "metaleo", "multileo",
    "overthinking", "ragbrain", "resonance", "school", "trauma", "unspoken_state",
]  # fmt: skip

MODULES: Final[tuple[Module[Any], ...]] = (
    Emotion(),
    Bias(),
    Trauma(),
    FlowTracker(),
    SantaKlaus(),
    MetaLeo(),
    RAGBrain(),
    GameEngine(),
    MathBrain(),
    Dream(),
    Overthinking(),
    Resonance(),
    School(),
)
