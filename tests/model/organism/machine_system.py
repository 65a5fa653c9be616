"""The transition system as a system to explore: what the engine finds must be what its graph has.

No organism and no store: a state and a list of choices, executed from the initial state each time.
The declared sets are those of the organism (`leo_model.organism.run`), so that comparing the
outcomes with those of the whole graph tests the sets as well as the engine.
"""

from __future__ import annotations

from collections.abc import Iterable

from leo.schedules.engine.system import Choice, Outcome, Step
from leo_model.errors import ModelError, Refused
from leo_model.machine.faults import after_write
from leo_model.machine.machine import ACTIONS, Move, apply, is_finished
from leo_model.machine.properties import SAFETY, refines
from leo_model.machine.reachable import bounded_world, initial_state
from leo_model.machine.state import State
from leo_model.organism.cover import choice_of
from leo_model.organism.run import footprint

FAULTS = "faults"
_NONE: frozenset[str] = frozenset()


class Machine:
    """A bounded world; `most` bounds how many faults strike in one run (None: no bound).

    Not for `optimistic`, whose reply may retry for ever while another one stands before its swap.
    """

    def __init__(
        self,
        discipline: str,
        sessions: int = 2,
        turns: int = 1,
        faults: tuple[str, ...] = (),
        *,
        most: int | None = None,
    ) -> None:
        self.world = bounded_world(discipline, sessions, turns, faults)
        self.most = most
        self.by_label: dict[str, dict[str, list[str]]] = {}
        for name, action in ACTIONS.items():
            for label in action.labels:
                kinds = self.by_label.setdefault(label, {})
                kinds.setdefault(choice_of(Move(name, "")).what, []).append(name)

    def start(self) -> MachineRun:
        return MachineRun(self)


class MachineRun:
    """One execution of the transition system."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.world = machine.world
        self.state = initial_state(machine.world)
        self.violations: dict[str, str] = {}
        self.spent = 0
        self._able: dict[Choice, State] = {}
        self._done: dict[Choice, str] = {}
        self._try_all()

    def enabled(self) -> tuple[Choice, ...]:
        return tuple(self._able)

    def pending(self, choice: Choice) -> Step:
        """A choice with what any of the actions that it can come to may touch."""
        return self._declared(choice, self._actions(choice))

    def waiting(self) -> tuple[Choice, ...]:
        """What a session could do at its label in another state of the others."""
        return tuple(choice for choice in self._candidates() if choice not in self._able)

    def take(self, choice: Choice) -> Step:
        if choice not in self._able:
            raise ModelError(f"{choice.who} cannot {choice.what} in this state")
        before, self.state = self.state, self._able[choice]
        action = self._done[choice]
        self.spent += choice.what not in ("step", "recover")
        self._look(before)
        self._try_all()
        return self._declared(choice, [action])

    def finished(self) -> bool:
        return is_finished(self.world, self.state)

    def close(self) -> Outcome:
        return Outcome(final={"state": self.state.key()}, violations=self.violations)

    def _candidates(self) -> list[Choice]:
        """Everything that a session or an instance might do, ordinary steps first."""
        state, faults = self.state, self.world.faults
        found, strikes = [], []
        for s, label in state.pc.items():
            kinds = self.machine.by_label.get(label, {})
            if "step" in kinds and self._has_calls(s):
                found.append(Choice(s))
            if "cancel" in kinds and "Cancel" in faults:
                strikes.append(Choice(s, "cancel"))
            if "raise" in kinds and "Raise" in faults:
                strikes.append(Choice(s, "raise"))
            if "timeout" in kinds and "Busy" in faults:
                strikes.append(Choice(s, "timeout"))
        for instance, up in state.up.items():
            if not up:
                found.append(Choice(instance, "recover"))
            elif "Crash" in faults:
                strikes.append(Choice(instance, "crash"))
        return found + strikes

    def _has_calls(self, s: str) -> bool:
        state, turns = self.state, self.world.turns
        return state.pc[s] != "idle" or turns is None or state.calls[s] < turns

    def _actions(self, choice: Choice) -> list[str]:
        if choice.what in ("crash", "recover"):
            return ["Crash" if choice.what == "crash" else "Recover"]
        actions = self.machine.by_label[self.state.pc[choice.who]][choice.what]
        if choice.what == "cancel":
            applied = after_write(self.world, self.state, choice.who)
            return [a for a in actions if (a == "CancelApplied") == applied] or actions
        return actions

    def _try_all(self) -> None:
        self._able, self._done = {}, {}
        most = self.machine.most
        for choice in self._candidates():
            if choice.what not in ("step", "recover") and most is not None and self.spent >= most:
                continue
            for action in self._actions(choice):
                following = self.state.copy()
                try:
                    apply(self.world, following, Move(action, choice.who))
                except Refused:
                    continue
                self._able[choice] = following
                self._done[choice] = action
                break

    def _declared(self, choice: Choice, actions: Iterable[str]) -> Step:
        instance = self.world.instance_of.get(choice.who, choice.who)
        reads, writes = _NONE, _NONE
        for action in actions:
            touched = footprint(self.world.rules, action, instance)
            reads, writes = reads | touched.reads, writes | touched.writes
        if choice.what not in ("step", "recover") and self.machine.most is not None:
            writes |= {FAULTS}
        return Step(choice, "+".join(actions), reads, writes)

    def _look(self, before: State) -> None:
        """Note the properties that fall with the step that was just taken."""
        for title, holds in SAFETY.items():
            if title not in self.violations:
                witness = holds(self.world, self.state)
                if witness is not None:
                    self.violations[title] = witness
        if "Refines" not in self.violations:
            witness = refines(self.world, before, self.state)
            if witness is not None:
                self.violations["Refines"] = witness
