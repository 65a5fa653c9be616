"""Observers: who talks to a field in an experiment, or from the command line.

`http` is a module of its own, because it needs the extra of that name.
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
