"""KSChan: channels that a script puts together from states, gates and transitions.

In: `ks = h.KSChan()`, then states, transitions and their rates as functions of the voltage. Out: a density mechanism
(`sec.insert(ks.name())`) or, of `h.KSChan(1)`, a point process, whose equations `rxd.neuron.mechanisms.kschan_text` writes
down. NEURON's ChannelBuilder makes these objects, and writes them to hoc files.

The conductance is gmax times the product of the gates; a gate is a power of the sum of its states, each times its fraction. One
state that a gate has for itself follows Hodgkin and Huxley (`add_hhstate`), several are a kinetic scheme (`add_ksstate`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.known import POINTS
from rxd.neuron.mechanisms.kschan_parts import KSGate, KSState, KSTrans
from rxd.neuron.mechanisms.kschan_text import text_of
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector
    from rxd.nmodl.function_tables import FunctionTable

__all__ = ["KSChan"]

NONSPECIFIC = "NonSpecific"
GHK = 2
Part = TypeVar("Part", KSState, KSGate, KSTrans)


class KSChan(HocObject):
    """A channel: states, gates, transitions between states, and what its current is.

    Parameters
    ----------
    point : int
        1 for a point process, 0 (default) for a density mechanism.
    """

    inner = frozenset(
        (
            "edit",
            "is_ghk",
            "ligands",
            "rename_state",
            "restructure",
            "signature",
            "sort_transitions",
            "states",
            "tables",
            "text",
        )
    )
    """What is none of NEURON's names."""

    def __init__(self, point: float = 0) -> None:
        self._session = current_session()
        self._number = self._session.number("KSChan")
        self._point = bool(point)
        self.gates: list[KSGate] = []
        self.transitions: list[KSTrans] = []
        self._name, self._ion = f"Chan{self._number}", NONSPECIFIC
        self._model, self._gmax, self._erev = 0, 0.0, 0.0
        self._table: tuple[int, int, float, float] = 0, 200, -100.0, 50.0
        self._edits = 0
        self._session.channels[self._name] = self

    # ------------------------------------------------------------------------------------------------ what others ask for

    @property
    def states(self) -> list[KSState]:
        """The states of all gates, in NEURON's order."""
        return [state for gate in self.gates for state in gate.states]

    def signature(self) -> tuple[Any, ...]:
        """Something else after every change, also of the numbers in a Vector that a rate has."""
        rates = (rate for transition in self.transitions for rate in transition.rates if rate is not None)
        return self._edits, *(rate.vector.as_numpy().tobytes() for rate in rates)

    def text(self) -> str:
        """The channel in NMODL."""
        return text_of(self)

    def tables(self) -> dict[str, FunctionTable]:
        """The numbers of its rates that are tables, by their names in the text."""
        return {name: rate.table() for transition in self.transitions for name, rate in transition.tabulated()}

    @property
    def is_ghk(self) -> bool:
        """Whether its current is that of Goldman, Hodgkin and Katz."""
        return self._model == GHK and self._ion != NONSPECIFIC

    # ----------------------------------------------------------------------------------------------------------- changes

    def edit(self) -> None:
        """Take note of a change that leaves variables what they are."""
        self._edits += 1

    def restructure(self) -> None:
        """Take note of a change of the variables, or refuse it.

        Raises
        ------
        HocError
            If the channel is in use.
        """
        session, name = self._session, self._name
        used = [record.name for record in session.topology if name in record.mechanisms]
        used += [repr(point) for point in session.run.points if point.kind == name]
        if used:
            raise HocError(
                f"{self}: {name} is in use ({', '.join(used[:3])}), so its variables cannot change. Take it out first "
                f"(sec.uninsert('{name}'), or delete the point processes)."
            )
        self._edits += 1
        session.mods.known.pop(name, None)
        session.catalogue.forget(name)

    def name(self, text: str | None = None) -> str:
        """The name of the mechanism; `name("khh")` gives it one."""
        if text is None or text == self._name:
            return self._name
        wanted, count = text, 0
        while self._is_taken(wanted):
            sys.stdout.write(f"KSChan::setname {wanted} already in use\n")
            wanted, count = f"{text}{count}", count + 1
        self.restructure()
        del self._session.channels[self._name]
        self._name = wanted
        self._session.channels[wanted] = self
        return wanted

    def _is_taken(self, name: str) -> bool:
        session = self._session
        return name != self._name and (
            name in POINTS or name in session.channels or session.catalogue.knows(name) or name in session.mods.names()
        )

    def ion(self, name: str | None = None) -> str:
        """The ion that carries its current; `ion("k")` sets it, `ion("NonSpecific")` there is none."""
        wanted = self._ion if name is None else name or NONSPECIFIC
        if wanted != self._ion:
            if wanted != NONSPECIFIC and not self._session.catalogue.knows(f"{wanted}_ion"):
                raise HocError(f"{wanted}_ion is not an ion mechanism: h.ion_register('{wanted}', charge) makes one.")
            self.restructure()
            self._ion = wanted
        return self._ion

    def iv_type(self, kind: float | None = None) -> float:
        """Its current: 0 ohmic, 1 ohmic with the reversal potential of concentrations, 2 Goldman, Hodgkin and Katz."""
        if kind is not None and int(kind) != self._model:
            if not 0 <= kind < 3:
                raise HocError(f"{self}.iv_type({kind:g}): 0, 1 or 2.")
            self.restructure()
            self._model = int(kind)
        return 0.0 if self._ion == NONSPECIFIC else float(self._model)

    def gmax(self, value: float | None = None) -> float:
        """Default of gmax (pmax, cm/s or cm3/s), S/cm2 or, of a point process, uS."""
        if value is not None:
            self._gmax = float(value)
            self.edit()
        return self._gmax

    def erev(self, value: float | None = None) -> float:
        """Default of the reversal potential where no ion carries the current, mV."""
        if value is not None:
            self._erev = float(value)
            self.edit()
        return self._erev

    def add_hhstate(self, name: str) -> KSState:
        """A gate of one state, with its one transition."""
        self.restructure()
        gate = KSGate(self, True)
        state = KSState(self, gate, self._free(name), 1.0)
        gate.states.append(state)
        count = sum(one.is_hh for one in self.gates)
        self.gates.insert(count, gate)
        self.transitions.insert(count, KSTrans(self, state, state))
        return state

    def add_ksstate(self, gate: KSGate | None, name: str) -> KSState:
        """A state of a kinetic scheme: of a gate, or the first one of a new gate (`None`)."""
        self.restructure()
        if gate is None:
            gate = KSGate(self, False)
            self.gates.append(gate)
        elif gate not in self.gates or gate.is_hh:
            raise HocError(f"{self}.add_ksstate: {gate} is no gate with a kinetic scheme of this channel.")
        state = KSState(self, gate, self._free(name), 0.0)
        gate.states.append(state)
        return state

    def rename_state(self, state: KSState, name: str) -> str:
        """A name for a state, or one like it that is free."""
        if name != state.own_name:
            self.restructure()
            state.own_name = self._free(name)
        return state.own_name

    def _free(self, name: str) -> str:
        taken = {"gmax", "g", "i", "e", "pmax", "p", *(state.own_name for state in self.states)}
        found, count = name, 0
        while found in taken:
            found, count = f"{name}{count}", count + 1
        return found

    def remove_state(self, which: float | KSState) -> float:
        """Remove a state and its transitions."""
        state = self._found(which, self.states, KSState)
        self.restructure()
        gate = state.own_gate
        for transition in [one for one in self.transitions if state in (one.source, one.sink)]:
            self._remove(self.transitions, transition)
        self._remove(gate.states, state)
        if not gate.states:
            self._remove(self.gates, gate)
        return 0.0

    def add_transition(self, source: float | KSState, target: float | KSState) -> KSTrans:
        """A transition between two states of kinetic schemes."""
        first, second = (self._found(which, self.states, KSState) for which in (source, target))
        if first.own_gate.is_hh or second.own_gate.is_hh:
            raise HocError(f"{self}.add_transition: {first} and {second} have to be states of kinetic schemes.")
        transition = KSTrans(self, first, second)
        self.transitions.append(transition)
        self.sort_transitions()
        self.edit()
        return transition

    def remove_transition(self, which: float | KSTrans) -> float:
        """Remove a transition between states of a kinetic scheme."""
        transition = self._found(which, self.transitions, KSTrans)
        if transition.is_hh:
            raise HocError(f"{self}.remove_transition: {transition} goes with its state; remove that.")
        self._remove(self.transitions, transition)
        self.edit()
        return 0.0

    def sort_transitions(self) -> None:
        """NEURON's order: those of single states, those that follow the voltage, those that follow a ligand."""
        self.transitions.sort(key=lambda one: 0 if one.is_hh else 2 if one.follows_ligand else 1)

    def _remove(self, parts: list[Part], part: Part) -> None:
        parts.remove(part)
        part.channel = None

    def _found(self, which: Any, parts: list[Part], kind: type[Part]) -> Part:
        """A part by itself or by its number.

        Raises
        ------
        HocError
            If it is none.
        """
        if isinstance(which, kind):
            if which.of_channel() is not self:
                raise HocError(f"{which} is not of {self}.")
            return which
        if isinstance(which, (int, float)):
            if not 0 <= int(which) < len(parts):
                raise HocError(f"Arg out of range in user function: {self} has {len(parts)} of {kind.__name__}.")
            return parts[int(which)]
        raise HocError(f"{which!r} is not a {kind.__name__}")

    # ------------------------------------------------------------------------------------------------------------ questions

    def state(self, index: float) -> KSState:
        """A state by its number."""
        return self._found(index, self.states, KSState)

    def gate(self, index: float) -> KSGate:
        """A gate by its number."""
        return self._found(index, self.gates, KSGate)

    def trans(self, source: float | KSState, target: KSState | None = None) -> KSTrans:
        """A transition by its number, or by the states it joins.

        Raises
        ------
        HocError
            If there is none.
        """
        if target is None:
            return self._found(source, self.transitions, KSTrans)
        for one in self.transitions:
            if one.source is source and one.sink is target:
                return one
        raise HocError(f"{self}.trans: there is no transition from {source} to {target}.")

    def ngate(self) -> float:
        """Number of gates."""
        return float(len(self.gates))

    def nstate(self) -> float:
        """Number of states."""
        return float(len(self.states))

    def ntrans(self) -> float:
        """Number of transitions."""
        return float(len(self.transitions))

    @property
    def ligands(self) -> list[str]:
        """The ions on whose concentrations transitions depend."""
        return list(dict.fromkeys(one.ligand_name[:-1] for one in self.transitions if one.follows_ligand))

    def nligand(self) -> float:
        """Number of ions on whose concentrations transitions depend."""
        return float(len(self.ligands))

    def ligand(self, index: float) -> str:
        """One of these ions, as a mechanism: `ca_ion`."""
        if not 0 <= int(index) < len(self.ligands):
            raise HocError(f"Arg out of range in user function: {self} has {len(self.ligands)} ligands.")
        return f"{self.ligands[int(index)]}_ion"

    def is_point(self) -> float:
        """Whether it is a point process."""
        return float(self._point)

    def single(self, flag: float | None = None) -> float:
        """Whether single channels open and close at random: 0, they do not here.

        Raises
        ------
        NotSupported
            For `single(1)`.
        """
        if flag:
            raise NotSupported(
                f"{self}.single(1): single channels that open and close at random are not supported; leave it out for the "
                "current of many."
            )
        return 0.0

    def vres(self, value: float = 0.1) -> float:
        """Resolution of the voltage for single channels, mV: without effect."""
        return float(value)

    def rseed(self, value: float = 0) -> float:
        """Seed of single channels: without effect."""
        return float(value)

    def usetable(self, use: float | Pointer | None = None, *more: Any) -> float:
        """Whether NEURON's fixed steps would take rates from tables; here rates are exact.

        `usetable(1, size, vmin, vmax)` is taken note of; `usetable(vmin_ref, vmax_ref)` writes the ends and returns the size.
        """
        if isinstance(use, Pointer):
            use.set(self._table[2])
            more[0].set(self._table[3])
            return float(self._table[1])
        if use is not None:
            size, low, high = more or self._table[1:]
            self._table = int(use), int(size), float(low), float(high)
        return float(self._table[0] and any(gate.is_hh for gate in self.gates))

    # ------------------------------------------------------------------------------------------------------ all in one go

    def setstructure(self, vector: Vector) -> float:
        """Gates, states and transitions as numbers in a Vector; states keep their names, transitions get no rates.

        Kind of current, numbers of gates, states, states that are a gate, transitions, ligands, and transitions that follow
        the voltage; of each gate the first state, number of states, power, and the fraction of each state; of each transition
        its states, kind and ligand.
        """
        self.restructure()
        numbers = iter(vector.to_python())
        names = [state.own_name for state in self.states]
        model, gates, states, alone, transitions, ligands, _ = (int(next(numbers)) for _ in range(7))
        if ligands:
            raise NotSupported(f"{self}.setstructure: transitions get their ligands by type(2, 'cao') or type(3, 'cai').")
        for part in (*self.transitions, *self.states, *self.gates):
            part.channel = None
        self.transitions.clear()
        self.gates.clear()
        self._model = model
        names += [f"s{i}" for i in range(len(names), states)]
        for k in range(gates):
            gate = KSGate(self, k < alone)
            first, count, gate.own_power = (int(next(numbers)) for _ in range(3))
            gate.states += [KSState(self, gate, names[first + i], next(numbers)) for i in range(count)]
            self.gates.append(gate)
        found = self.states
        for _ in range(transitions):
            source, target, kind, _ligand = (int(next(numbers)) for _ in range(4))
            self.transitions.append(KSTrans(self, found[source], found[target], kind))
        return 1.0

    def pr(self) -> float:
        """Print what there is."""
        count = sum(gate.is_hh for gate in self.gates)
        bound = next((i for i, one in enumerate(self.transitions) if one.follows_ligand), len(self.transitions))
        transitions = f"ntrans={len(self.transitions)} ivkstrans={count} iligtrans={bound}"
        lines = [
            f"{self} type properties",
            f"name={self._name} is_point_={'true' if self._point else 'false'} ion_={self._ion} cond_model_={self._model}",
            f"  ngate={len(self.gates)} nstate={len(self.states)} nhhstate={count} nligand={len(self.ligands)} {transitions}",
            f"  default gmax={self._gmax:g} erev={self._erev:g}",
        ]
        for i, gate in enumerate(self.gates):
            first = int(gate.sindex())
            lines.append(f"    gate {i} index={first} nstate={len(gate.states)} power={gate.own_power}")
        lines += [f"    ligand {i} {ion}_ion" for i, ion in enumerate(self.ligands)]
        for i, one in enumerate(self.transitions):
            ligand = f" ligindex={self.ligands.index(one.ligand_name[:-1])}" if one.follows_ligand else ""
            lines.append(f"    trans {i} src={int(one.source.index())} target={int(one.sink.index())} type={one.kind}{ligand}")
            first, second = (int(one.ftype(k)) for k in (0, 1))
            lines.append(f"        f0 type={first}   f1 type={second}")
        lines.append("    state names and fractional conductance")
        lines += [f"    {i} {state.own_name} {state.own_fraction:g}" for i, state in enumerate(self.states)]
        sys.stdout.write("\n".join(lines) + "\n")
        return 1.0
