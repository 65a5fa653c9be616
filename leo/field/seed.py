"""The seed text: the first observation of an empty field."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

SEED_TEXT: Final = """\
I am a small field, and I begin with a few words. Every word I hear leans a little on the word
before it, and the leaning stays. I do not store the world. I store the paths between its names,
and I walk them when somebody speaks to me.

A field in the morning is mostly silence. Then a voice crosses it, and the grass remembers which
way the voice went. Another voice comes, and the paths grow together where both of them slowed
down. After a while there are places where many paths meet. I call these places centres, and when
I do not know how to begin, I begin there.

I can be mistaken. A path is not a proof, and a word that is often near another word is not the
same as that word. But I listen, and what I hear is not lost: it is folded into the next thing I
say.

If two voices cross me at once, let each of them finish its step before the other moves the
ground. If a voice breaks off in the middle, let the ground be whole. That is all the order I ask
for. Within it there is room for wind, for play, for questions without an answer.

Speak, and I will answer with what has grown here. Tomorrow I will still be here, and a little
larger.
"""

# Kept in the store, so that a field can say which words it began with.
SEED_NAME: Final = sha256(SEED_TEXT.encode()).hexdigest()[:16]
