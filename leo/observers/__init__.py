"""Observers: the partners who talk to a field in an experiment, or from the command line.

Only `http` needs the extra of that name, so it is not loaded here.
"""

from leo.observers.scripted import Exchange, Observer, ScriptedObserver
from leo.observers.themes import FILLERS, SENTENCES, THEMES, TURNS

__all__ = [
    "FILLERS",
    "SENTENCES",
    "THEMES",
    "TURNS",
    "Exchange",
    "Observer",
    "ScriptedObserver",
    "http",
]
