"""What `leo --help` says of each command, as data: printing it imports no command."""

from __future__ import annotations

from typing import Final, NamedTuple


class Help(NamedTuple):
    """`what` is one line without a full stop, `example` a command line that works."""

    what: str
    example: str


HELP: Final = {
    "ask": Help(
        "ask TLC what is not a claim, at a bound of your own",
        "leo ask discipline=bare sessions=2 turns=1 faults=Cancel",
    ),
    "chat": Help(
        "talk with Leo; the field grows with every line and stays in a file",
        "leo chat --field leo.sqlite3",
    ),
    "check": Help(
        "model-check the claims with TLC and compare the verdicts",
        "leo check asyncio-lock --property AllOrNothing",
    ),
    "cite": Help("say how to cite this version", "leo cite --format bibtex"),
    "completion": Help(
        "print what bash or zsh needs to complete commands and options",
        "leo completion bash > ~/.local/share/bash-completion/completions/leo",
    ),
    "converse": Help(
        "let an observer talk with Leo, and measure every turn",
        "leo converse --themes 1 --words 19 --field leo.sqlite3",
    ),
    "cover": Help(
        "take the organism along every edge of the specification's graph",
        "leo cover asyncio-lock --sessions 2 --turns 1",
    ),
    "experiment": Help(
        "run an experiment: rows, statistics, plots, one report", "leo experiment all --quick"
    ),
    "explore": Help(
        "execute every schedule of your calls, or of replies",
        "leo explore asyncio-lock --sessions 2 --turns 1 --faults Cancel",
    ),
    "field": Help(
        "list, check, back up and restore fields; as JSON lines and back",
        "leo field check leo.sqlite3",
    ),
    "live": Help(
        "watch replies happen, action by action, in a page on this machine",
        "leo live --discipline asyncio-lock",
    ),
    "mutants": Help("does every mutant of the specification change a claim?", "leo mutants"),
    "noop": Help("does the lock change the state graph of one session?", "leo noop"),
    "observe": Help("grow a field from text files", "leo observe book.txt --field leo.sqlite3"),
    "orders": Help("which of the 24 orders of the steps lose what?", "leo orders"),
    "paper": Help("write LaTeX fragments and figures from the results", "leo paper"),
    "prove": Help(
        "prove the theorems and show that their mutants do not prove", "leo prove 1 2 --mutants"
    ),
    "record": Help(
        "run a workload on the real organism and record its trace",
        "leo record --discipline bare --sessions 3 --turns 4 --out out",
    ),
    "replay": Help(
        "carry out a schedule again, or every counterexample of the claims",
        "leo replay leo1.bare.2x1.7.0.a5b4a3.erp4lv1",
    ),
    "site": Help("write pages to step through the counterexamples, from the results", "leo site"),
    "validate": Help(
        "check recorded traces against the specification", "leo validate run.ndjson --engine both"
    ),
    "verify": Help(
        "check every claim, record traces and validate them, on one screen", "leo verify"
    ),
}

EXIT_CODES: Final = {
    0: "as expected; so is a fall that is claimed: it is shown, and is no finding",
    1: "a finding: a fall that nobody claimed, or anything else not as expected",
    2: "the command could not run, or could not decide",
    130: "interrupted by Ctrl-C",
    141: "the reader of the output left before the end",
    143: "terminated",
}
