"""Mechanisms of mod files in the model, and NEURON's order of operations for them.

In: what mod files say, and the values of a session. Out: `rxd.Mechanism`s, and systems whose states move as NEURON moves them
in a fixed step: currents as they were at the step's start, then what mechanisms write, then the others, each state of METHOD
cnexp by its exact exponential, blocks of other methods by Newton's, with everything else as it is by then.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from rxd.declare.functions import bernoulli_ratio, earlier, fixed, ion_total, left
from rxd.neuron.engine.keys import Key, mechanism_of
from rxd.neuron.engine.order import FLUX
from rxd.neuron.engine.solved import solved_block, with_given_fixed
from rxd.nmodl.mechanisms import as_mechanism
from rxd.nmodl.translation import Method
from rxd.symbolic.system import VOLTAGE, AffineGate, ElectricProcess, Field, LocalSystem, SolvedBlock, System, Unknown

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = ["LEFT_BY_BLOCK", "density_mechanism", "moved_as_in_neuron", "read_global"]

dt = sympy.Symbol("dt", real=True)
LEFT_BY_BLOCK = "_left."
"""How labels of unknowns begin that hold what a solved block has left; names of mechanisms begin with a letter."""
AT_ONCE = 1024
"""Time constants in a step after which a state is where it goes: exp(-1024) is nothing, and a power of two leaves no rest."""


def read_global(session: Session, translation: Translation, name: str) -> float:
    """A GLOBAL parameter as it is now."""
    return float(session.globals[f"{name}_{translation.file.name}"])


def density_mechanism(session: Session, layout: Layout, translation: Translation) -> Any:
    """A mechanism with the values of a session."""
    suffix = translation.file.name
    settings: dict[str, Any] = {}
    for name, default in translation.parameters.items():
        if name in translation.globals:
            settings[name] = read_global(session, translation, name)
        else:
            settings[name] = _reader(layout.gather(translation.stored(name), default))
    if "area" in translation.names.place:
        settings["area"] = _reader(layout.segments.area)
    linked = session.links.of_mechanism(suffix)
    return as_mechanism(translation, settings, True, not session.run.adaptive, linked)


def _reader(values: np.ndarray) -> Any:
    return lambda nodes: values[nodes.segment]


def moved_as_in_neuron(system: System, methods: Mapping[Key, Method], writers: frozenset[str]) -> System:
    """States of mod files moved in NEURON's order.

    Parameters
    ----------
    methods : mapping of (str, str) to Method
        Method of each state, by mechanism and name; those of other mechanisms are not named.
    writers : frozenset of str
        Mechanisms that write concentrations.
    """
    if not methods:
        return system
    unknowns = list(system.unknowns)
    groups = []
    for group in system.groups:
        keys = {label: mechanism_of(system, group, label) for label in group.unknowns}
        own = {label: methods[key] for label, key in keys.items() if key in methods}
        groups.append(_Moved(group, own, writers, unknowns).group())
    held = {unknown.label: frozenset(unknown.sections) for unknown in unknowns if unknown.label.startswith("held.")}
    groups = [_taken_up(system, group, held) if group.space == "points" else group for group in groups]
    return replace(system, groups=tuple(groups), unknowns=tuple(unknowns))


def _taken_up(system: System, group: LocalSystem, held: Mapping[str, frozenset[int]]) -> LocalSystem:
    """Point processes whose currents of ions are part of the totals that mechanisms read in their sections."""
    sections = {system.points[point].section for point in group.points}
    ions = {p.ion for p in group.processes if p.ion and sections <= held.get(f"held.{p.ion}", frozenset())}
    if not ions:
        return group
    per_area = Field("per_area", "point_density")
    labels = [f"held.{ion}" for ion in sorted(ions)]
    return replace(
        group,
        unknowns=(*group.unknowns, *labels),
        symbols=(*group.symbols, *(sympy.Symbol(label.replace(".", "_"), real=True) for label in labels)),
        fields=(*group.fields, per_area),
        processes=tuple(
            replace(p, effects=(*p.effects, (f"held.{p.ion}", per_area.symbol))) if p.ion in ions else p
            for p in group.processes
        ),
    )


def _with_fixed(value: sympy.Expr) -> sympy.Expr:
    """A current whose slope does not see what the block that is solved has left."""
    found = value.atoms(earlier)
    return value.xreplace({part: fixed(part.args[0]) for part in found}) if found else value


class _Moved:
    """One group with its states in NEURON's order."""

    def __init__(
        self, group: LocalSystem, methods: Mapping[str, Method], writers: frozenset[str], unknowns: list[Unknown]
    ) -> None:
        self.local, self.methods, self.writers, self.unknowns = group, methods, writers, unknowns
        self.labels, self.symbols = list(group.unknowns), list(group.symbols)
        self.rates = dict(group.rates)
        self.processes = list(group.processes)
        self.held: dict[Any, sympy.Symbol] = {}
        self.initials = list(group.initials)
        self.gates = [gate for gate in group.gates if not methods.keys() & set(gate.labels)]
        self.last: list[AffineGate] = []
        self.assigned = list(group.assigned)

    def group(self) -> LocalSystem:
        """The group."""
        mine = [label for label in self.local.unknowns if label in self.methods and label in self.rates]
        self.rates = {label: self._as_left(rate) for label, rate in self.rates.items()}
        self.processes = [replace(p, expression=self._as_left(p.expression)) for p in self.processes]
        self.processes = [replace(p, expression=_with_fixed(p.expression)) for p in self.processes]
        if not mine:
            return replace(self.local, processes=tuple(self.processes))
        order = sorted(mine, key=lambda label: label.split(".")[0] not in self.writers)
        after: dict[str, Any] = {}
        for (_, method), labels in itertools.groupby(order, lambda label: (label.split(".")[0], self.methods[label])):
            states = list(labels)
            rates = [self._with_past(self._as_at_start(self.rates[label])) for label in states]
            if method.kind == "shown":
                self.gates += [AffineGate(x, AT_ONCE / dt * rate, AT_ONCE / dt) for x, rate in zip(states, rates, strict=True)]
                continue
            gates = self._affine(states, rates, after) if method.kind == "cnexp" else None
            if gates is None:
                after.clear()  # what has moved before stands in the state by then
                gates = [solved_block(states, [self.local.symbol_of(label) for label in states], rates, method.kind)]
            self.gates += gates
        theta = {gate.theta: None for gate in self.gates if isinstance(gate, SolvedBlock) and gate.theta is not None}
        moved = {self.local.symbol_of(label): value for label, value in after.items()}
        self.last = [replace(gate, source=gate.source.xreplace(moved)) for gate in self.last]
        return replace(
            self.local,
            unknowns=tuple(self.labels),
            symbols=tuple(self.symbols),
            fields=(*self.local.fields, *theta),
            rates=tuple(self.rates.items()),
            processes=tuple(self.processes),
            gates=(*self.gates, *self.last),
            assigned=tuple(self.assigned),
            initials=tuple(self.initials),
        )

    def _affine(self, labels: list[str], rates: list[sympy.Expr], after: dict[str, Any]) -> list[Any] | None:
        """States that move by their exponentials, each with what has moved before it; None if a rate is not affine."""
        gates, moved = [], dict(after)
        for label, whole in zip(labels, map(with_given_fixed, rates), strict=True):
            x = self.local.symbol_of(label)
            begun = {part: sympy.Dummy() for part in whole.atoms(earlier)}  # does not see what has moved
            rate = whole.xreplace(begun)
            slope = sympy.diff(rate, x)
            if x in slope.xreplace(names := {part: sympy.Dummy() for part in rate.atoms(fixed)}).free_symbols:
                return None
            source = rate.xreplace(names).xreplace({x: sympy.Integer(0)}).xreplace({new: old for old, new in names.items()})
            owner = label.split(".", maxsplit=1)[0]
            seen = {self.local.symbol_of(other): value for other, value in moved.items() if self._is_seen(other, owner)}
            was = {name: part.args[0] for part, name in begun.items()}
            source, decay = (value.xreplace(seen).xreplace(was) for value in (source, -slope))
            gates.append(AffineGate(label, source, decay))
            change = dt * (source - decay * x)
            moved[label] = x + (change if decay == 0 else change / bernoulli_ratio(-dt * decay))
        after.update(moved)
        return gates

    def _is_seen(self, other: str, owner: str) -> bool:
        """Whether a state that has moved is seen by a mechanism: its own, and what is written."""
        return other.split(".", maxsplit=1)[0] == owner or other.split(".", maxsplit=1)[0] in self.writers

    def _as_at_start(self, value: sympy.Expr) -> sympy.Expr:
        """Total currents of ions as they were at the step's start."""
        sums = value.atoms(ion_total)
        return value.xreplace({total: self._total(total) / dt for total in sums}) if sums else value

    def _with_past(self, value: sympy.Expr) -> sympy.Expr:
        """What BREAKPOINT has left, with voltage and states of the step's start.

        Point processes take states as they are before the block moves them: events may have moved them since the last step.
        """
        found = value.atoms(earlier)
        if not found:
            return value
        points = self.local.space == "points"
        known = [label for label in self.local.unknowns if label == VOLTAGE or (label in self.methods and not points)]
        now = {self.local.symbol_of(label): label for label in known}
        seen = [x for x in now if any(x in part.free_symbols for part in found)]
        past = {x: self._past(now[x], x) for x in sorted(seen, key=str)}
        then = {part: part.args[0].xreplace(past) for part in found}
        return value.xreplace({part: earlier(when) if points else when for part, when in then.items()})

    def _as_left(self, value: sympy.Expr) -> sympy.Expr:
        """What solved blocks have left for BREAKPOINT as unknowns that take it up at the end of a step."""
        found = sorted(value.atoms(left), key=str)
        return value.xreplace({part: self._left(part) for part in found}) if found else value

    def _left(self, part: Any) -> sympy.Expr:
        if part not in self.held:
            label = self._own(f"{LEFT_BY_BLOCK}{sum(isinstance(known, left) for known in self.held)}")
            self.assigned.append((label, part.args[0]))
            self.last.append(AffineGate(label, AT_ONCE / dt * part.args[0], AT_ONCE / dt))
            self.initials.append((label, part.args[1]))
            self.held[part] = self._unknown(label)
        return self.held[part]

    def _past(self, label: str, x: sympy.Symbol) -> sympy.Symbol:
        """An unknown that holds another for a step, as it was at the step's start."""
        held = self._own(f"held.{label}")
        if held in self.labels:
            return self.symbols[self.labels.index(held)]
        self.last.append(AffineGate(held, AT_ONCE / dt * x, AT_ONCE / dt))
        self.initials.append((held, x if label == VOLTAGE else dict(self.local.initials)[label]))
        return self._unknown(held)

    def _own(self, label: str) -> str:
        """The label of an unknown of the step's own; point processes have theirs apart from their sections'."""
        return f"{label}.{self.local.name}" if self.local.space == "points" else label

    def _total(self, total: Any) -> sympy.Symbol:
        """An unknown that takes up a current for a step, and is emptied at its end.

        There is one for each ion: cases of an `if` may have written the same current in several ways.
        """
        name = total.args[1]
        if name not in self.held:
            ion = name.name
            symbol = self._unknown(f"held.{ion}")
            self.processes = [
                replace(p, effects=(*p.effects, (f"held.{ion}", sympy.Integer(1)))) if p.ion == ion else p
                for p in self.processes
            ]
            self.processes += [
                ElectricProcess(label, density, ((f"held.{ion}", sympy.Integer(1)),), FLUX, ion, explicit=True)
                for label, carrier, density in self.local.carried
                if carrier == ion
            ]
            self.last.append(AffineGate(f"held.{ion}", sympy.Integer(0), AT_ONCE / dt))
            self.held[name] = symbol
        return self.held[name]

    def _unknown(self, label: str) -> sympy.Symbol:
        """An unknown of the step's own, in the sections of this group."""
        for number, unknown in enumerate(self.unknowns):
            if unknown.label == label:
                sections = tuple(sorted({*unknown.sections, *self.local.sections}))
                self.unknowns[number] = replace(unknown, sections=sections)
                break
        else:
            name = label.replace(".", "_")
            self.unknowns.append(Unknown(label, name, "state", self.local.sections, points=self.local.points))
        self.labels.append(label)
        self.symbols.append(sympy.Symbol(label.replace(".", "_"), real=True))
        return self.symbols[-1]
