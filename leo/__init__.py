"""The public names of the package: the organism, and the tools for anybody's asynchronous code.

Each name is loaded on first use. So `import leo` costs next to nothing, and using a field loads no
module, observer or command.
"""

from __future__ import annotations

from leo.door import door

# Not the one of `typing`, whose import costs more than everything else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    # One name after the other: that is what is exported.
    # isort: off
    from leo.actions import Action as Action
    from leo.disciplines import DISCIPLINES as DISCIPLINES, Discipline as Discipline
    from leo.errors import LeoError as LeoError
    from leo.front.tasks import AsyncLeoField as AsyncLeoField
    from leo.front.threads import LeoField as LeoField
    from leo.modules import MODULES as MODULES
    from leo.schedules.exploration import Exploration as Exploration, explore as explore
    from leo.trace.events import NO_TRACE as NO_TRACE, Tracer as Tracer
    from leo.trace.recorder import NdjsonRecorder as NdjsonRecorder
    from leo.units.recording import instrument as instrument

__version__ = "0.1.0"

__getattr__, __dir__ = door(
    __name__,
    {
        "actions": "Action",
        "disciplines": "DISCIPLINES Discipline",
        "errors": "LeoError",
        "front.tasks": "AsyncLeoField",
        "front.threads": "LeoField",
        "modules": "MODULES",
        "schedules.exploration": "Exploration explore",
        "trace.events": "NO_TRACE Tracer",
        "trace.recorder": "NdjsonRecorder",
        "units.recording": "instrument",
    },
)
