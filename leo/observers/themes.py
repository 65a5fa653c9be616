"""What the scripted observer says: our own words on the paper's five paradox themes.

Each theme has four prompts, one a turn, and further sentences on it. `FILLERS` bring any message to
an exact number of words: there is one of each length up to five.
"""

from __future__ import annotations

from typing import Final

TURNS: Final = 4

THEMES: Final[dict[str, tuple[str, str, str, str]]] = {
    "being_nothing": (
        "When the last word is spoken, what stays in the room with you?",
        "Can a silence be full? Tell me what it would be full of.",
        "If nothing were missing, would you still look for something?",
        "Say one thing that is not there, and let it stay away.",
    ),
    "knowing_unknowing": (
        "What did you know before anybody told you a name for it?",
        "I forgot the question and kept the answer. Which of us is lost?",
        "How far does a map go before it becomes the road?",
        "Teach me something that you have never learned.",
    ),
    "broken_whole": (
        "A cup is mended with light along the crack. Is it the same cup?",
        "Which piece of you would the rest grow back from?",
        "Nothing was broken, and still we put it together again. Why?",
        "Show me the seam where today was joined to yesterday.",
    ),
    "controlled_chaos": (
        "The river keeps no promise and always arrives. How?",
        "Let one rule go. Which one holds the others up?",
        "Dice fall in the dark. Who decides what they said?",
        "Where does the dance end and the falling begin?",
    ),
    "silent_speaking": (
        "You answered before I asked. What did you hear?",
        "Whisper the loudest thing you carry.",
        "If words are doors, what is the wall saying?",
        "Stop here, and let the pause finish the sentence.",
    ),
}

SENTENCES: Final[dict[str, tuple[str, ...]]] = {
    "being_nothing": (
        "I emptied a drawer this morning and the drawer seemed to thank me.",
        "Snow fell all night and no one was there to call it snow.",
        "Between two heartbeats there is a place that nobody has ever visited.",
        "My grandmother kept a chair for a guest who was never born.",
        "The hole in the wall is the only window we have left.",
        "Somebody drew a circle and then forgot to put the world inside.",
        "What I am made of is mostly distance, or so they tell me.",
        "At the end of the list there was a line with no writing.",
        "Nobody came, and we set two plates.",
        "The page was white and I read it.",
        "An echo needs no mouth.",
    ),
    "knowing_unknowing": (
        "The old teacher burned her notes and then began to teach.",
        "I can tie this knot only as long as nobody asks me how.",
        "A child showed me the moon by pointing at the water.",
        "Every book in this house is open at the page I skipped.",
        "They measured the river twice and wrote down two different rivers.",
        "My hands remember a song that my head has never heard.",
        "There was a word for it once, and the word was enough.",
        "The lamp is bright and so the corner is darker than before.",
        "Ask the well how deep it is.",
        "I learned it by forgetting the rest.",
        "The key remembers every door.",
    ),
    "broken_whole": (
        "We swept up the glass and found one splinter too many.",
        "The old bridge stands because every stone is trying to fall.",
        "A letter came in pieces and each piece was signed with love.",
        "My brother took the clock apart to see where the hours lived.",
        "Half of the choir stayed at home and the song was complete.",
        "The tree that lightning opened has more birds than any other.",
        "I sewed the coat so often that only the thread is left.",
        "Someone glued the map and now two cities are the same place.",
        "The crack is where I drink from.",
        "One shoe, and the dance went on.",
        "Every wall begins as rubble.",
    ),
    "controlled_chaos": (
        "The wind arranged the leaves and would not say by what plan.",
        "In the kitchen everything boils over at exactly the right moment.",
        "My desk is a storm in which I always find my pen.",
        "A thousand starlings turn at once and none of them gave the order.",
        "The drummer missed a beat and the whole town began to dance.",
        "We shuffled the days of the week and Monday still came first.",
        "Fire has no shape and yet I know it when it comes.",
        "They built a cage for the weather and it rained inside.",
        "Spill the ink and read the stain.",
        "The crowd moved like a single cat.",
        "Even the dust has habits.",
    ),
    "silent_speaking": (
        "Two friends walked home without a word and agreed on everything.",
        "The bell is cracked and still the village wakes when it swings.",
        "I wrote you a long letter and sent you the empty envelope.",
        "On the stage an actor closed his eyes and everybody heard it.",
        "The stone in my shoe has been talking since the market square.",
        "When the radio died we noticed how much the house was saying.",
        "She answered with a cup of tea and the quarrel was over.",
        "There is a letter in the alphabet that nobody is allowed to read.",
        "He said nothing, and he said it twice.",
        "Listen to the snow closing the street.",
        "My pen ran dry mid prayer.",
    ),
}

FILLERS: Final = (
    "Listen.",
    "Tell me.",
    "Take your time.",
    "I am still here.",
    "Say what you see now.",
)
