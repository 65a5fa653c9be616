"""The entry point of the process `leo`. It installs signal handlers before it loads anything."""

from __future__ import annotations

import atexit
import os
import sys
from contextlib import suppress

from leo.commands import ending


class _Quiet:
    """What breaks because a signal ends the command is no news."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        return kind is not None and ending.ended_by(None, broken=True) is not None


def main() -> int | None:
    """Run `leo.commands.main.main`; after a signal, say so in one line."""
    code: int | str | None = None
    with _Quiet():
        try:
            ending.install()
            from leo.commands.main import main as command  # noqa: PLC0415

            code = command()
        except SystemExit as end:
            code = end.code
        except KeyboardInterrupt:
            code = 130
    signal = ending.ended_by(code if isinstance(code, int) else None)
    if signal is not None:
        ending.end_all()
        print(f"leo: {ending.WORDS[signal]}", file=sys.stderr, flush=True)
        # An interrupt that went through the `exec` of a text (the making of a dataclass) would make
        # the interpreter end by SIGINT in spite of the code.
        atexit._run_exitfuncs()
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(128 + signal)
    return code if isinstance(code, int) or code is None else 1
