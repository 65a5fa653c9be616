"""Prompts for workloads: those of the scripted observer, dealt out to sessions."""

from leo.observers.themes import THEMES, TURNS


def prompt(session: int, turn: int) -> str:
    """Return the prompt of a session's turn, both counted from 0.

    Sessions walk through the themes in the same order, each from another beginning.
    """
    themes = list(THEMES.values())
    return themes[(session + turn // TURNS) % len(themes)][turn % TURNS]
