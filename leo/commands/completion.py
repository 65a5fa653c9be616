"""`leo completion`: what a shell needs to complete commands, options and disciplines."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from leo.commands import main as commands
from leo.commands.main import Command
from leo.disciplines import DISCIPLINES
from leo.errors import CommandError

# zsh reads the same script after `autoload -U bashcompinit && bashcompinit`.
SCRIPT = """\
_leo() {{
    local words
    case "$COMP_CWORD:${{COMP_WORDS[1]}}" in
        1:*) words="{names}" ;;
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _leo leo
"""


def _words(parser: argparse.ArgumentParser) -> Iterator[str]:
    """What can follow a command: options, their choices, the actions below it, disciplines."""
    for action in parser._actions:
        yield from (option for option in action.option_strings if option.startswith("--"))
        yield from map(str, action.choices or ())
        if action.dest == "discipline":
            yield from DISCIPLINES
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _words(below)


def script() -> str:
    """The script for bash, made from the parsers of all commands that can be loaded."""
    entries, cases = commands._entries(), []
    for name, entry in entries.items():
        parser = argparse.ArgumentParser(prog=f"leo {name}")
        try:
            commands._load(entry).configure(parser)
        except CommandError:
            continue
        cases.append(f'        *:{name}) words="{" ".join(sorted(set(_words(parser))))}" ;;')
    return SCRIPT.format(names=" ".join(entries), cases="\n".join(cases))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh"), help="one script for both")


def run(arguments: argparse.Namespace) -> int:
    print(script(), end="")
    return 0


COMMAND = Command(configure, run)
