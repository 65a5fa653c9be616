"""Observers: who talks to a field in an experiment, or from the command line.

`leo.observers.http` needs the extra `http` and is imported by whoever asks for it only.
"""

from leo.observers.observer import Exchange, Observer
from leo.observers.scripted import ScriptedObserver
from leo.observers.themes import THEMES, TURNS

__all__ = ["THEMES", "TURNS", "Exchange", "Observer", "ScriptedObserver"]
