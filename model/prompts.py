"""Prompts for workloads: our own, on the paper's five paradox themes, four turns each."""

THEMES: dict[str, tuple[str, str, str, str]] = {
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


def prompt(session: int, turn: int) -> str:
    """Return the prompt of a session's turn, both counted from 0.

    Sessions walk through the themes in the same order, each from another beginning.
    """
    themes = list(THEMES.values())
    return themes[(session + turn // 4) % len(themes)][turn % 4]
