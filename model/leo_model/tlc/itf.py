"""Counterexamples in the Informal Trace Format (ITF) of Apalache, for viewers and other tools.

Apalache's decision record 015 describes the format: JSON; integers as `#bigint`, sets as `#set`,
functions as `#map`, records as objects, sequences as lists. A sequence and a tuple are one thing in
TLA+, and are lists here. Model values become strings.
"""

import json
from keyword import iskeyword
from pathlib import Path
from typing import TypeAlias

from leo_model.tlc.messages import Trace
from leo_model.tlc.value import Fn, ModelValue, Value

Json: TypeAlias = str | bool | int | list["Json"] | dict[str, "Json"] | None


def value_to_itf(value: Value) -> Json:
    """One value as JSON of the format."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"#bigint": str(value)}
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        return [value_to_itf(item) for item in value]
    if isinstance(value, frozenset):
        # In one fixed order, so that the same counterexample is the same file.
        return {"#set": sorted((value_to_itf(item) for item in value), key=json.dumps)}
    if _is_record(value):
        return {str(key): value_to_itf(item) for key, item in value.items()}
    pairs: list[Json] = [[value_to_itf(key), value_to_itf(item)] for key, item in value.items()]
    return {"#map": sorted(pairs, key=json.dumps)}


def _is_record(value: Fn) -> bool:
    """Can the fields be attributes of an object in the languages that read the format?

    Fields `tag` and `value` alone would be read as a variant.
    """
    return set(value) != {"tag", "value"} and all(
        isinstance(key, str)
        and not isinstance(key, ModelValue)
        and key.isidentifier()
        and not key.startswith("_")
        and not iskeyword(key)
        for key in value
    )


def trace_to_itf(trace: Trace, description: str) -> dict[str, Json]:
    """A counterexample as one JSON object. The action that led to a state is in the state's
    `#meta`.

    A behaviour that stutters in its last state loops there. Values: as in `leo_model.tlc.value`.
    """
    last = len(trace.steps) - 1
    loop = last if trace.stutters else None if trace.back_to is None else trace.back_to - 1
    states: list[Json] = []
    for index, step in enumerate(trace.steps):
        meta: dict[str, Json] = {"index": index, "action": step.action, "location": step.location}
        state = {name: value_to_itf(value) for name, value in step.state.items()}
        states.append({"#meta": meta, **state})
    names: list[Json] = [*sorted(trace.steps[0].state)] if trace.steps else []
    result: dict[str, Json] = {
        "#meta": {"format": "ITF", "description": description},
        "params": [],
        "vars": names,
        "states": states,
    }
    # The format has no null: without a loop the key is absent.
    return result if loop is None else {**result, "loop": loop}


def write_itf(trace: Trace, description: str, path: Path) -> None:
    """Write a counterexample to a file, by convention named `*.itf.json`."""
    text = json.dumps(trace_to_itf(trace, description), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")
