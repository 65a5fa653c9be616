"""The public names of the package: the organism, and the tools for anybody's asynchronous code.

Each name is loaded on first use. So `import leo` costs next to nothing, and using a field loads no
module, observer or command.
"""

from __future__ import annotations

from importlib import import_module

# Not the one of `typing`, whose import costs more than everything else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from leo.actions import Action
    from leo.disciplines import DISCIPLINES, Discipline
    from leo.errors import LeoError
    from leo.front.tasks import AsyncLeoField
    from leo.front.threads import LeoField
    from leo.modules import MODULES
    from leo.schedules.exploration import Exploration, explore
    from leo.trace.events import NO_TRACE, Tracer
    from leo.trace.recorder import NdjsonRecorder
    from leo.units.recording import instrument

__version__ = "0.1.0"

__all__ = [
    "DISCIPLINES",
    "MODULES",
    "NO_TRACE",
    "Action",
    "AsyncLeoField",
    "Discipline",
    "Exploration",
    "LeoError",
    "LeoField",
    "NdjsonRecorder",
    "Tracer",
    "__version__",
    "explore",
    "instrument",
]

# Name -> the module that has it.
_HOME = {
    "DISCIPLINES": "leo.disciplines",
    "NO_TRACE": "leo.trace.events",
    "MODULES": "leo.modules",
    "Action": "leo.actions",
    "AsyncLeoField": "leo.front.tasks",
    "Discipline": "leo.disciplines",
    "Exploration": "leo.schedules.exploration",
    "LeoError": "leo.errors",
    "LeoField": "leo.front.threads",
    "NdjsonRecorder": "leo.trace.recorder",
    "Tracer": "leo.trace.events",
    "explore": "leo.schedules.exploration",
    "instrument": "leo.units.recording",
}


def __getattr__(name: str) -> Any:
    """Load a public name. Raises AttributeError for any other."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
