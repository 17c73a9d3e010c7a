"""NEURON's order of operations in equations of ours.

In: a system. Out: the same for NEURON's fixed steps. Only gates of mechanisms move by exact exponentials: a state of `rxd`
whose rate is affine in it would do so, too, were it not for NEURON's backward Euler. What reactions carry through a membrane
belongs to the chemistry on both sides, and the current it makes (`membrane_flux`) is one of the step's start, that
does not follow v.
"""

from __future__ import annotations

from dataclasses import replace

import sympy

from rxd.symbolic.system import VOLTAGE, ElectricProcess, LocalSystem, System

__all__ = ["in_neurons_order"]

FLUX = "molecules/um2/ms"


def in_neurons_order(system: System) -> System:
    """States of `rxd` and reactions at membranes among the chemistry."""
    exact = {unknown.label for unknown in system.unknowns if unknown.kind == "gate"}
    return replace(system, groups=tuple(_reordered(group, exact) for group in system.groups))


def _reordered(group: LocalSystem, exact: set[str]) -> LocalSystem:
    gates = tuple(gate for gate in group.gates if exact.issuperset(gate.labels))
    if group.space != "segments":
        return replace(group, gates=gates)
    rates = dict(group.rates)
    processes: list[ElectricProcess] = []
    for process in group.processes:
        if process.unit != FLUX:
            processes.append(process)
            continue
        for label, factor in process.effects:
            if label != VOLTAGE:
                rates[label] = rates.get(label, sympy.Integer(0)) + factor * process.expression
        charge = tuple(effect for effect in process.effects if effect[0] == VOLTAGE)
        if charge:
            processes.append(replace(process, effects=charge, explicit=True))
    return replace(group, gates=gates, rates=tuple(rates.items()), processes=tuple(processes))
