"""The modules in their order.

The order is that of a reply. Each module finds what those before it found out: the trauma level and
the theme words are known before anything is recalled, the regulator hears the voice that the others
agreed on, and School asks last.

What the published programs had and this one has not, by the organism's sections. None of it is in
all of them, most of it in the last version only. To have one, add a module (README.md),
or, for 8.5 and 8.6, a rule to the walk.

- The hint made of word pieces: it needs a trained model of its own and was only pasted to short
  replies.
- The filter that replaced technical answers by one of six stock phrases: a reply that is no walk of
  the field tells nothing about the field.
- One's own reply observed once more at the end: a good reply is kept as a snapshot, and is observed
  again when it comes to mind; a write after Generate is in no program of the specification.
- A temperature that follows the entropy of the walk (8.5): it evens out what the experts, and the
  comparisons of temperatures, are there to tell apart.
- A word of the prompt pasted into the reply (8.6), and gravity towards the prompt's words (8.7):
  they feed the observer's words to external_vocab, the measure of how many of them a reply has.
  `Resonance` has their role, and pastes nothing.
- A first impression from lists of English words (8.8): how new a prompt is, is known by the field,
  and how it moves, by its emotion; the lists would know a language that the field has not heard.
- The documentation of modules and project as a beginning (4): a field would begin with other words
  whenever a sentence is corrected, and equal seeds would no longer give equal replies.
- School's entities and relations (15d): no step of a reply asked for them, and the last version
  gave them up; the sentence that says "the capital of" is in the note, and is observed when the
  prompt names the word.
"""

from __future__ import annotations

from typing import Any, Final

from leo.modules.bias import Bias
from leo.modules.dream import Dream
from leo.modules.emotion import Emotion
from leo.modules.flowtracker import FlowTracker
from leo.modules.gameengine import GameEngine
from leo.modules.mathbrain import MathBrain
from leo.modules.metaleo import MetaLeo
from leo.modules.overthinking import Overthinking
from leo.modules.ragbrain import RAGBrain
from leo.modules.resonance import Resonance
from leo.modules.santaklaus import SantaKlaus
from leo.modules.school import School
from leo.modules.trauma import Trauma
from leo.reply.module import Module

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
