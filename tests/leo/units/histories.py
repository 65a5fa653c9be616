"""Histories of transactions as checkers of isolation are tried with, each with what is true of it.

Written from the definitions (Adya's thesis; Elle; Cerone, Bernardi, Gotsman for internal
consistency; Wing and Gong for linearizability), none taken from a checker's own tests.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

RU, RC, RA = "read-uncommitted", "read-committed", "read-atomic"
SI, SER, STRICT = "snapshot-isolation", "serializable", "strict-serializable"


@dataclass(frozen=True)
class Told:
    """A history, the strongest level that surely holds, the names that are found for sure, and the
    properties that stay undecided.
    """

    text: str
    level: str = STRICT
    names: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


def entry(kind: str, process: int | str | None, value: str, f: str = ":txn") -> str:
    who = "" if process is None else f", :process {process}"
    return f"{{:type :{kind}, :f {f}, :value {value}{who}}}\n"


def together(*values: str, ends: dict[int, str] | None = None) -> str:
    """Transactions that all begin before one ends; `ends` says which did not end well."""
    kinds = ends or {}
    begun = "".join(entry("invoke", k, value) for k, value in enumerate(values))
    return begun + "".join(
        entry(kinds.get(k, "ok"), k, value) for k, value in enumerate(values) if kinds.get(k) != ""
    )


def in_turn(*values: str, ends: dict[int, str] | None = None) -> str:
    """Each begins after the one before has ended."""
    kinds = ends or {}
    return "".join(
        entry("invoke", k, value)
        + (entry(kinds.get(k, "ok"), k, value) if kinds.get(k) != "" else "")
        for k, value in enumerate(values)
    )


def bare(*values: tuple[int | None, str]) -> str:
    """Transactions without their beginnings: only the order of each process is known."""
    return "".join(entry("ok", process, value) for process, value in values)


def register(*ops: str) -> str:
    """Operations on one register: `0 w 1` begins and ends at once, `(0 w 1` begins, `)0 w 1` ends,
    `!0 w 1` fails and `?0 w 1` ends nobody knows how.
    """
    verbs = {"r": ":read", "w": ":write", "c": ":cas"}
    marks = {"(": ["invoke"], ")": ["ok"], "!": ["fail"], "?": ["info"]}
    text = ""
    for op in ops:
        kinds = marks.get(op[0], ["invoke", "ok"])
        process, verb, value = op.lstrip("()!?").split(" ", 2)
        for kind in kinds:
            text += entry(kind, process, value, verbs[verb])
    return text


def lines(*units: dict[str, object]) -> str:
    return "".join(json.dumps({"unit": f"t{k}"} | unit) + "\n" for k, unit in enumerate(units))


def unit(*calls: str, **more: object) -> dict[str, object]:
    """Calls as `r x 0` and `w x 1`."""
    words = [call.split() for call in calls]
    told = [
        {"reads" if verb == "r" else "writes": {item: int(number)}} for verb, item, number in words
    ]
    return {"calls": told, **more}


G0, G1A, G1B = "G0 dirty write", "G1a aborted read", "G1b intermediate read"
G1C, SINGLE, LOST = "G1c circular information flow", "G-single read skew", "lost update"
FORK, SKEW = "G-nonadjacent long fork", "G2-item write skew"

LISTS = {
    "one after the other": Told(
        in_turn("[[:append x 1]]", "[[:r x [1]] [:append x 2]]", "[[:r x [1 2]]]")
    ),
    "two lists, each in another order": Told(
        together(
            "[[:append x 1] [:append y 2]]", "[[:append x 2] [:append y 1]]", "[[:r x [1 2]]]",
            "[[:r y [1 2]]]",
        ), "", (G0,),
    ),
    "three writers in a circle": Told(
        together(
            "[[:append x 1] [:append z 2]]", "[[:append x 2] [:append y 1]]",
            "[[:append y 2] [:append z 1]]",
            "[[:r x [1 2]] [:r y [1 2]] [:r z [1 2]]]",
        ), "", (G0,),
    ),
    "what failed was read": Told(
        in_turn("[[:append x 1]]", "[[:r x [1]]]", ends={0: "fail"}), RU, (G1A,)
    ),
    "what failed was appended to": Told(
        in_turn("[[:append x 1]]", "[[:append x 2]]", "[[:r x [1 2]]]", ends={0: "fail"}),
        RU, (G1A,),
    ),
    "what failed was not seen": Told(
        in_turn("[[:append x 1]]", "[[:r x nil] [:append x 2]]", "[[:r x [2]]]", ends={0: "fail"})
    ),
    "half of a transaction": Told(
        together("[[:append x 1] [:append x 2]]", "[[:r x [1]]]", "[[:r x [1 2]]]"), RU, (G1B,)
    ),
    "each saw the other": Told(
        together("[[:append x 1] [:r y [1]]]", "[[:append y 1] [:r x [1]]]"), RU, (G1C,)
    ),
    "three in a circle, each saw the one before": Told(
        together(
            "[[:append x 1] [:r z [1]]]", "[[:append y 1] [:r x [1]]]", "[[:append z 1] [:r y [1]]]"
        ), RU, (G1C,),
    ),
    "written over and read in a circle": Told(
        together(
            "[[:append x 1] [:append y 1]]", "[[:append x 2] [:r y nil]]", "[[:append z 1]]",
            "[[:r x [2 1]] [:r y [1]]]",
        ),
    ),
    "a fractured read": Told(
        together("[[:append x 1] [:append y 1]]", "[[:r x [1]] [:r y []]]", "[[:r y [1]]]"),
        RC, (SINGLE,),
    ),
    "an effect without its cause": Told(
        together("[[:append x 1]]", "[[:r x [1]] [:append y 1]]", "[[:r x []] [:r y [1]]]"),
        RA, (SINGLE,),
    ),
    "an effect without its cause, from afar": Told(
        together(
            "[[:append x 1]]", "[[:r x [1]] [:append y 1]]", "[[:r y [1]] [:append z 1]]",
            "[[:r z [1]] [:r x nil]]",
        ), RA, (SINGLE,),
    ),
    "two readers, two orders": Told(
        together(
            "[[:append x 1]]", "[[:append y 1]]", "[[:r x [1]] [:r y []]]", "[[:r x []] [:r y [1]]]"
        ), RA, (FORK,),
    ),
    "each read what the other changed": Told(
        together(
            "[[:r x nil] [:append y 1]]", "[[:r y []] [:append x 1]]", "[[:r x [1]] [:r y [1]]]"
        ),
        SI, (SKEW,),
    ),
    "each read what the other changed, and nobody looked later": Told(
        together("[[:r x nil] [:append y 1]]", "[[:r y nil] [:append x 1]]"), SI, (SKEW,)
    ),
    "three of them in a circle": Told(
        together(
            "[[:r x nil] [:append y 1]]", "[[:r y nil] [:append z 1]]", "[[:r z nil] [:append x 1]]"
        ), SI, (SKEW,),
    ),
    "two read and appended": Told(
        together("[[:r x []] [:append x 1]]", "[[:r x []] [:append x 2]]", "[[:r x [1 2]]]"),
        RA, (LOST,),
    ),
    "a read that came too late": Told(in_turn("[[:append x 1]]", "[[:r x []]]"), SER),
    "a read that came too late, of a later append": Told(
        in_turn("[[:append x 1]]", "[[:append x 2]]", "[[:r x [1]]]", "[[:r x [1 2]]]"), SER
    ),
    "appended in an order that time forbids": Told(
        in_turn("[[:append x 1]]", "[[:append x 2]]", "[[:r x [2 1]]]"), SER
    ),
    "it did not read its own writes, in a session": Told(
        bare((0, "[[:append x 1]]"), (0, "[[:r x nil]]"), (1, "[[:r x [1]]]")), SER
    ),
    "the same in two sessions": Told(
        bare((0, "[[:append x 1]]"), (1, "[[:r x nil]]"), (2, "[[:r x [1]]]"))
    ),
    "the same, and nobody says who": Told(
        bare((None, "[[:append x 1]]"), (None, "[[:r x nil]]"), (None, "[[:r x [1]]]"))
    ),
    "reads of a session go back": Told(
        bare((0, "[[:append x 1]]"), (1, "[[:r x [1]]]"), (1, "[[:r x nil]]")), SER
    ),
    "writes of a session change places": Told(
        bare((0, "[[:append x 1]]"), (0, "[[:append x 2]]"), (1, "[[:r x [2 1]]]")), SER
    ),
    "a write of a session before what it had read": Told(
        bare(
            (0, "[[:append x 1]]"), (1, "[[:r x [1]]]"), (1, "[[:append y 1]]"),
            (2, "[[:r y [1]] [:r x nil]]"),
        ), SER,
    ),
    "it does not see its own append": Told(together("[[:append x 1] [:r x []]]"), RC),
    "it sees its own append": Told(together("[[:r x []] [:append x 1] [:r x [1]]]")),
    "it sees its own append, and something behind it": Told(
        together("[[:append x 1] [:r x [1 2]]]", "[[:append x 2]]"), RU, (G1C,)
    ),
    "it reads twice, and another came between": Told(
        together("[[:append x 1]]", "[[:append x 2]]", "[[:r x [1]] [:r x [1 2]]]"),
        RC, (SINGLE,),
    ),
    "two reads that have no order": Told(
        together("[[:append x 1]]", "[[:append x 2]]", "[[:r x [1 2]]]", "[[:r x [2 1]]]"),
        RU, ("incompatible orders",),
    ),
    "two reads, one without what the other has": Told(
        together("[[:append x 1]]", "[[:append x 2]]", "[[:r x [1 2]]]", "[[:r x [2]]]"),
        RU, ("incompatible orders",),
    ),
    "an element twice": Told(
        in_turn("[[:append x 1]]", "[[:r x [1 1]]]"), "", ("duplicate elements",)
    ),
    "an element that nobody appended": Told(
        in_turn("[[:append x 1]]", "[[:r x [1 7]]]"), "", ("garbage read",)
    ),
    "crashed, and seen": Told(
        in_turn("[[:append x 1]]", "[[:r x [1]]]", ends={0: "info"})
    ),
    "it sees what it only then appends": Told(in_turn("[[:r x [1 2]] [:append x 2]]",
        "[[:append x 1]]"), RC),
    "it sees what it only then appends, before its own last": Told(
        in_turn("[[:append x 1] [:r x [2 1]] [:append x 2]]"), RC
    ),
    "its own appends change places": Told(
        in_turn("[[:append x 1] [:append x 2]]", "[[:r x [2 1]]]"), RC
    ),
    "crashed, and seen without its last append": Told(
        in_turn("[[:append x 1] [:append x 2]]", "[[:r x [1]]]", ends={0: "info"}), RU, (G1B,)
    ),
    "two read and appended, and nobody looked later": Told(
        together("[[:r x []] [:append x 1]]", "[[:r x []] [:append x 2]]"), RA, (LOST,)
    ),
    "nine read and appended, too many to try in each order, and nobody looked later": Told(
        together(*(f"[[:r x []] [:append x {k}]]" for k in range(9))), RA, (LOST,)
    ),
    "one read and appended, the other looked away, and nobody looked later": Told(
        together("[[:r x []] [:append x 1] [:append y 1]]", "[[:append x 2] [:r y nil]]"),
        RA, (SINGLE,),
    ),
    "one read and appended, and nobody looked later": Told(
        together("[[:r x []] [:append x 1]]", "[[:append x 2]]")
    ),
    "crashed, and never seen": Told(in_turn("[[:append x 1]]", "[[:r x []]]", ends={0: "info"})),
    "crashed, and seen by the second reader only": Told(
        in_turn("[[:append x 1]]", "[[:r x []]]", "[[:r x [1]]]", ends={0: "info"})
    ),
    "never ended, and seen": Told(in_turn("[[:append x 1]]", "[[:r x [1]]]", ends={0: ""})),
    "never ended, and seen by the second reader only": Told(
        in_turn("[[:append x 1]]", "[[:r x []]]", "[[:r x [1]]]", ends={0: ""})
    ),
    "crashed, and seen half": Told(
        together(
            "[[:append x 1] [:append y 1]]", "[[:r x [1]] [:r y []]]", "[[:r y [1]]]",
            ends={0: "info"},
        ), RC, (SINGLE,),
    ),
    "nothing but empty transactions": Told(in_turn("[]", "[]", "nil")),
    "a nemesis between": Told(
        entry("info", ":nemesis", "[[:isolated n1] [:isolated n2]]", ":start-partition")
        + in_turn("[[:append x 1]]", "[[:r x [1]]]")
        + entry("info", ":nemesis", "nil", ":stop-partition")
    ),
    "in one vector, with commas and comments": Told(
        f"; a run\n[{in_turn('[[:append 5 1], [:r 5 [1]]]')}]"
    ),
    "tagged, with strings, times and indices": Told(
        '#jepsen.history.Op{:index 0, :time 17, :type :invoke, :process 0, :f :txn, '
        ':value [[:append "a key" 1]]}\n'
        '#jepsen.history.Op{:index 1, :time 99, :type :ok, :process 0, :f :txn, '
        ':value [[:append "a key" 1]], :error [:none "x \\"y\\""]}\n'
    ),
    "the same list as nil and as empty": Told(in_turn("[[:r x nil]]", "[[:r x []]]")),
    "a process that is replaced after a crash": Told(
        entry("invoke", 3, "[[:append x 1]]") + entry("info", 3, "[[:append x 1]]")
        + entry("invoke", 8, "[[:r x [1]]]") + entry("ok", 8, "[[:r x [1]]]")
    ),
    "a thousand in turn": Told(
        in_turn(*(f"[[:r k{k % 10} {[n for n in range(k) if n % 10 == k % 10] or 'nil'}] "
                  f"[:append k{k % 10} {k}]]".replace(",", "") for k in range(1_000)))
    ),
    "a thousand pairs, the last of them askew": Told(
        in_turn(*(f"[[:r x{k} nil] [:append x{k} 1]]" for k in range(1_000)))
        + together("[[:r p nil] [:append q 1]]", "[[:r q nil] [:append p 1]]"), SI, (SKEW,),
    ),
}  # fmt: skip

REGISTERS = {
    "reads and writes of several at a time": Told(
        entry("invoke", 0, "[[:w x 1]]", ":write")
        + entry("invoke", 1, "[[:w y 1]]", ":write")
        + entry("ok", 2, "[[:r x 1] [:r y nil]]", ":read")
        + entry("ok", 3, "[[:r y 1] [:r x nil]]", ":read"),
        RA, (FORK,),
    ),
    "no processes": Told(
        entry("invoke", None, "[[:w x 1]]")
        + entry("invoke", None, "[[:r x]]")
        + entry("ok", None, "[[:w x 1]]")
        + entry("ok", None, "[[:r x nil]]")
    ),
    "in JSON": Told(
        '[{"type": "ok", "process": 0, "value": [["w", "x", 1], ["w", "y", 1]]},\n'
        ' {"type": "ok", "process": 1, "value": [["r", "x", 1], ["w", "y", 2]], "error": null},\n'
        ' {"type":"ok","process":2,"value":[["r","y",1],["w","x",2]]}]\n',
        SI, (SKEW,),
    ),
    "in lines of JSON": Told(
        '{"type":"invoke","f":"write","process":0,"value":1}\n'
        '{"type":"ok","f":"write","process":0,"value":1}\n'
        '{"type":"invoke","f":"read","process":1,"value":null}\n'
        '{"type":"ok","f":"read","process":1,"value":null}\n',
        SER,
    ),
    "one after the other": Told(in_turn("[[:w x 1]]", "[[:r x 1] [:w x 2]]", "[[:r x 2]]")),
    "two wrote over the same": Told(
        together("[[:w x 1]]", "[[:r x 1] [:w x 2]]", "[[:r x 1] [:w x 3]]"), RA, (LOST,)
    ),
    "each read what the other changed": Told(
        together("[[:r x nil] [:w y 1]]", "[[:r y nil] [:w x 1]]"), SI, (SKEW,)
    ),
    "what failed was read": Told(
        in_turn("[[:w x 1]]", "[[:r x 1]]", ends={0: "fail"}), RU, (G1A,)
    ),
    "what was not the last was read": Told(
        together("[[:w x 1] [:w x 2]]", "[[:r x 1]]"), RU, (G1B,)
    ),
    "each saw the other": Told(
        together("[[:w x 1] [:r y 1]]", "[[:w y 1] [:r x 1]]"), RU, (G1C,)
    ),
    "a fractured read": Told(
        together("[[:w x 1] [:w y 1]]", "[[:r x 1] [:r y nil]]"), RC, (SINGLE,)
    ),
    "two readers, two orders": Told(
        together("[[:w x 1]]", "[[:w y 1]]", "[[:r x 1] [:r y nil]]", "[[:r x nil] [:r y 1]]"),
        RA, (FORK,),
    ),
    "an effect without its cause": Told(
        together("[[:w x 1]]", "[[:r x 1] [:w y 1]]", "[[:r x nil] [:r y 1]]"), RA, (SINGLE,)
    ),
    "of two at a time the first to end is the last": Told(
        together("[[:w x 1]]", "[[:w x 2]]") + in_turn("[[:r x 1]]")
    ),
    "an old value after a new one": Told(in_turn("[[:w x 1]]", "[[:w x 2]]", "[[:r x 1]]"), SER),
    "there and back again": Told(
        together("[[:w x 1]]", "[[:w x 2]]") + in_turn("[[:r x 1]]", "[[:r x 2]]", "[[:r x 1]]"),
        SER,
    ),
    "another's value in the place of its own": Told(
        together("[[:w x 1] [:r x 2]]", "[[:w x 2]]"), RC
    ),
    "nothing in the place of its own": Told(together("[[:w x 1] [:r x nil]]"), RC),
    "its own": Told(together("[[:w x 1] [:r x 1] [:w x 2] [:r x 2]]")),
    "it reads twice, and another came between": Told(
        together("[[:r x nil] [:r x 1]]", "[[:w x 1]]"), RC, (SINGLE,)
    ),
    "it sees what it only then writes": Told(together("[[:r x 1] [:w x 1]]"), RC),
    "an order that snapshots explain, and one of four only": Told(
        together("[[:r x 4] [:r y 3]]", "[[:w x 4]]", "[[:r x nil] [:w x 2] [:w y 3]]",
                 "[[:w y 1] [:r x 2]]"), SI,
    ),
    "what a crashed transaction says that it read is not asked": Told(
        in_turn("[[:r x 3]]", "[[:r x 9] [:w x 3]]", ends={1: "info"}), SER
    ),
    "a value that nobody wrote": Told(
        in_turn("[[:w x 1]]", "[[:r x 99]]"), "", ("garbage read",)
    ),
    "crashed, and seen": Told(in_turn("[[:w x 1]]", "[[:r x 1]]", ends={0: "info"})),
    "crashed, and never seen": Told(in_turn("[[:w x 1]]", "[[:r x nil]]", ends={0: "info"})),
    "never ended, and seen late": Told(
        in_turn("[[:w x 1]]", "[[:w x 2]]", "[[:r x 2]]", "[[:r x 1]]", ends={0: ""})
    ),
    "crashed, seen, and gone again": Told(
        in_turn("[[:w x 1]]", "[[:w x 2]]", "[[:r x 1]]", "[[:r x 2]]", ends={1: "info", 0: "info"})
    ),
    "crashed, seen, and gone again, though the other had ended": Told(
        in_turn("[[:w x 2]]", "[[:w x 1]]", "[[:r x 1]]", "[[:r x 2]]", ends={1: "info"}), SER
    ),
    "blind writes by two, seen by two in two orders": Told(
        together("[[:w x 1] [:w y 1]]", "[[:w x 2] [:w y 2]]")
        + together("[[:r x 1] [:r y 2]]"), RC,
    ),
    "a session that does not see itself": Told(
        bare((0, "[[:w x 1]]"), (0, "[[:r x nil]]")), SER
    ),
    "five hundred in turn": Told(
        in_turn(*(f"[[:r x {k or 'nil'}] [:w x {k + 1}] [:w y{k} 1]]" for k in range(500)))
    ),
    "one old value at the end of a thousand": Told(
        in_turn(
            *(f"[[:r k{k % 20} {k - 20 if k >= 20 else 'nil'}] [:w k{k % 20} {k}]]"
              for k in range(1_000)),
            "[[:r k0 40]]",
        ), SER,
    ),
    "a nemesis and an empty transaction": Told(
        entry("info", ":nemesis", "[n1 n2]", ":kill") + in_turn("[[:w x 1]]", "[]", "[[:r x 1]]")
    ),
}  # fmt: skip

SINGLES = {
    "in turn": Told(register("0 w 1", "1 r 1", "0 c [1 2]", "1 r 2")),
    "nothing yet": Told(register("0 r nil", "0 w 1", "1 r 1")),
    "the same values again": Told(
        register("0 w 1", "1 w 2", "0 w 1", "1 r 1", "0 c [1 2]", "1 r 2", "0 c [2 1]", "1 r 1")
    ),
    "an old value after a new one": Told(register("0 w 1", "0 w 2", "1 r 1"), SER),
    "an old value, which had been written twice": Told(
        register("0 w 1", "0 w 2", "0 w 1", "0 w 3", "1 r 1"), SER
    ),
    "a swap that failed": Told(register("0 w 1", "(1 c [2 3]", "!1 c [2 3]", "0 r 1")),
    "a swap of what was never there": Told(register("0 w 1", "1 c [7 8]"), "", ("garbage read",)),
    "a swap of what was never there, seen, and nobody knows its end": Told(
        register("0 w 5", "(1 c [1 2]", "?1 c [1 2]", "0 r 2"), "", ("garbage read",)
    ),
    "a swap that failed was seen, of a value written twice": Told(
        register("(0 c [2 2]", "!0 c [2 2]", "(1 w 2", "!1 w 2", "2 r 2"), RU, (G1A,)
    ),
    "two swaps of the same": Told(register("0 w 1", "0 c [1 2]", "1 c [1 3]"), RA, (LOST,)),
    "two swaps of the same, which came back": Told(
        register("0 w 1", "(0 c [1 2]", "(1 c [1 2]", ")0 c [1 2]", ")1 c [1 2]", "2 w 1"), SER
    ),
    "a read during a write": Told(register("(0 w 1", "1 r nil", "2 r 1", ")0 w 1", "1 r 1")),
    "a read during a write goes back": Told(register("(0 w 1", "1 r 1", "2 r nil", ")0 w 1"), SER),
    "a crash that took effect": Told(register("(0 w 1", "?0 w 1", "1 r nil", "1 r 1")),
    "a crash that took effect twice": Told(
        register("(0 w 1", "?0 w 1", "1 r 1", "1 w 2", "1 r 1"), SER
    ),
    "a crash that may have been either": Told(
        register("0 w 1", "(1 w 1", "?1 w 1", "0 w 2", "0 r 1")
    ),
    "never ended": Told(register("(0 w 4", "1 r 4", "1 r 4")),
    "two registers": Told(
        register("0 w [:a 1]", "0 w [:b 2]", "1 r [:a 1]", "1 r [:b 2]", "1 c [:a [1 3]]")
    ),
    "many crashes of which nobody saw any": Told(
        register(
            *(f"{mark}{k} w {k % 3}" for k in range(10, 34) for mark in "(?"),
            "1 w 8",
            "1 w 9",
            "2 r 8",
        ),
        SER,
    ),
    "why it failed, in place of what it did": Told(
        register("0 w 1", "(1 c [1 2]", "?1 c :timed-out", "(2 w 3", "!2 w :refused", "0 r 2")
    ),
    "nobody knows of a comparison whether it ended, and what it had to find": Told(
        register("(0 c [nil 1]", "1 w 2", "2 r 1", "?0 c [nil 1]"), SER
    ),
    "who was seen had to find what nobody else saw": Told(
        register("(0 w 1", "?0 w 1", "(1 c [1 2]", "?1 c [1 2]", "2 r 2")
    ),
    "a long quiet run": Told(register(*(f"{k % 5} w {k % 3}" for k in range(2_000)))),
}

SKEWED = "w(1,1,0,0)\nr(1,1,1,1)\nr(2,0,1,1)\nw(1,5,1,1)\nr(1,1,2,2)\nr(2,0,2,2)\nw(2,6,2,2)\n"
LOGGED = "01:02 INFO [worker 3] jepsen.util - {} \t:{} :{} \t{} \t:hint 0\n"


def logged(*ops: str) -> str:
    """Lines of a log: `0 invoke write 1`."""
    return "".join(LOGGED.format(*op.split(" ", 3)) for op in ops)


def keyed(*ops: str) -> str:
    """Operations on texts: `0 append x abc`, in turn."""
    text = ""
    for op in ops:
        process, f, key, *value = op.split()
        said = f"{{:process {process}, :f :{f}, :key {key}, :value "
        before = "nil" if f == "get" else f'"{value[0]}"'
        text += f"{said}{before}, :type :invoke}}\n"
        text += f"""{said}"{"".join(value)}", :type :ok}}\n"""
    return text


# Of the text formats, of Jepsen's logs, of texts that pieces are written to, and of locks.
TEXTS = {
    "calls: in turn": Told("w(1,1,0,0)\nr(1,1,1,1)\nw(1,2,1,1)\nr(1,2,0,2)\n"),
    "calls: each read what the other changed": Told(SKEWED, SI, (SKEW,)),
    "calls: two wrote over the same": Told(SKEWED.replace("w(2,", "w(1,"), RA, (LOST,)),
    "calls: a session goes back": Told("w(1,1,0,0)\nw(1,2,0,1)\nr(1,2,1,2)\nr(1,1,1,3)\n", SER),
    "calls: 0 was written": Told("w(1,0,0,0)\nw(1,2,0,1)\nr(1,2,1,2)\nr(1,0,1,3)\n", SER),
    "words: two readers, two orders": Told(
        "w x 1\n=====\nw y 1\n=====\nr x 1\nr y 0\n=====\nr x 0\nr y 1\n", RA, (FORK,)
    ),
    "words: a session goes back": Told("w x 1\n---\nw x 2\n===\nr x 2\n---\nr x 1\n", SER),
    "words: a transaction goes back": Told(
        "w x 1\n===\nw x 2\n===\nr x 2\nr x 1\n", RC, (SINGLE,)
    ),
    "brackets: in turn": Told("// the first\n[x:=1 y:=1] [z==?]\n---\n[x==1 y==1]\n"),
    "brackets: what failed was read": Told("[x:=1]!\n---\n[x==1]\n", RU, (G1A,)),
    "brackets: a session goes back": Told("[x:=1] [x:=2]\n---\n[x==2]\n[x==1]\n", SER),
    "brackets: two sessions": Told("[x:=1] [x:=2]\n---\n[x==2]\n---\n[x==1]\n"),
    "dbcop's JSON": Told(
        '{"params":{"id":0},"data":[[{"events":[{"Write":{"variable":0,"version":1}}],"committed":'
        'false}],[{"events":[{"Read":{"variable":0,"version":1}},{"Read":{"variable":1,"version":'
        'null}}],"committed":true}]]}', RU, (G1A,),
    ),
    "a log that a nemesis begins": Told(
        logged(":nemesis info start nil", "0 invoke write 1", "1 invoke cas [1 2]")
        + logged("1 ok cas [1 2]", "0 ok write 1")
    ),
    "a log: too late": Told(
        logged("0 invoke write 1", "0 ok write 1", "1 invoke read nil", "1 ok read nil"), SER
    ),
    "pieces of a text": Told(
        keyed("0 get x", "0 append x ab", "1 append x cd", "0 get x abcd", "1 put x e", "0 get x e")
    ),
    "a piece is lost": Told(keyed("0 append x ab", "1 append x cd", "0 get x ab"), SER),
    "a lock in turn": Told(
        "".join(
            f"{{:process {who} :type :{kind} :f :{f}}}\n"
            for who, f in ((0, "acquire"), (0, "release"), (1, "acquire"))
            for kind in ("invoke", "ok")
        )
    ),
    "two hold a lock": Told(
        "".join(
            f"{{:process {who} :type :{kind} :f :{f} :value nil}}\n"
            for who, f in ((0, "acquire"), (1, "acquire"), (0, "release"))
            for kind in ("invoke", "ok")
        ), SER,
    ),
    "several registers, in long words": Told(
        in_turn("[[:write x 1] [:write y 1]]", "[[:read x 1] [:write y 2]]", "[[:read y 2]]")
    ),
    "lists are values": Told(in_turn("[[:w x [1 2]]]", "[[:r x [1 2]]]", "[[:w x {:a 1}]]")),
    "elements are lists": Told(in_turn("[[:append x [1]]]", "[[:r x [[1]]]]")),
    "in parentheses": Told(f"({register('0 w 1', '0 r 1')})"),
}  # fmt: skip

PLAIN = {
    "in turn": Told(lines(unit("w x 1", begin=1, end=2), unit("r x 1", begin=3, end=4))),
    "too late": Told(lines(unit("w x 1", begin=1, end=2), unit("r x 0", begin=3, end=4)), SER),
    "no times, no sessions": Told(lines(unit("w x 1"), unit("r x 0"))),
    "in one session": Told(
        lines(unit("w x 1", session="s"), unit("r x 0", session="s")), SER
    ),
    "each read what the other changed": Told(
        lines(unit("r x 0", "w y 1"), unit("r y 0", "w x 1")), SI, (SKEW,)
    ),
    "two wrote over the same": Told(
        lines(unit("r x 0", "w x 1"), unit("r x 0", "w x 2")), RA, (LOST,)
    ),
    "two readers, two orders": Told(
        lines(unit("w x 1"), unit("w y 1"), unit("r x 1", "r y 0"), unit("r x 0", "r y 1")),
        RA, (FORK,),
    ),
    "a fractured read": Told(
        lines(unit("w x 1", "w y 1"), unit("r x 1", "r y 0")), RC, (SINGLE,)
    ),
    "what failed was read": Told(
        lines(unit("w x 1", outcome="raised"), unit("r x 1")), RU, (G1A,)
    ),
    "what failed was not read": Told(lines(unit("w x 1", outcome="raised"), unit("r x 0"))),
    "what was not the last was read": Told(
        lines(unit("w x 1", "w x 2"), unit("r x 1")), RU, (G1B,)
    ),
    "each saw the other": Told(
        lines(unit("w x 1", "r y 1"), unit("w y 1", "r x 1")), RU, (G1C,)
    ),
    "each overwrote the other": Told(
        lines(unit("w x 1", "w y 2"), unit("w x 2", "w y 1")), "", (G0,)
    ),
    "it does not see itself": Told(lines(unit("w x 1", "r x 0")), RC),
    "it reads twice, and another came between": Told(
        lines(unit("w x 1"), unit("r x 0", "r x 1")), RC, (SINGLE,)
    ),
    "one call reads and writes": Told(
        lines({"calls": [{"reads": {"x": 0}, "writes": {"x": 1}}]}, unit("r x 1"))
    ),
    "sessions in a circle, by way of a third": Told(
        lines(
            unit("w x 1", session="p"), unit("r y 0", session="p"), unit("w y 1", session="q"),
            unit("r x 0", session="q"),
        ), SER,
    ),
    "between two reads another failed, and nobody saw it": Told(
        lines(unit("r y 0", "w y 2", "r y 2"), unit("w y 1", outcome="raised"))
    ),
    "a line is missing": Told(
        lines(unit("w x 2"), unit("r x 0", "w y 1"), unit("r y 1", "r x 2")),
    ),
}  # fmt: skip
