"""From records to the arrays of `rxd.solve.split_cable`: what is linear in v and constant, and the cable in lanes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cable.lane_order import WIDTH, lane_order
from geometry.records import dataclass
from rxd.codegen.oracle import fields_of
from rxd.discretize.records import LANES, Discretization, Group, Transport
from rxd.solve import cable_sweeps as sweeps
from rxd.solve.aligned import aligned_zeros
from rxd.solve.split_cable import Cable
from rxd.solve.split_pack import junction_values


@dataclass(frozen=True, slots=True, eq=False)
class Leaks:
    """Currents that are linear in v with coefficients that no step changes.

    Attributes
    ----------
    groups : tuple of int
        Numbers of the groups whose currents these are, all of them.
    conductance, rest : ndarray, shape (n,)
        uS and mV by segment, in storage order.
    changing : ndarray of bool, shape (n,)
        Segments with other currents, or clamps.
    """

    groups: tuple[int, ...]
    conductance: np.ndarray
    rest: np.ndarray
    changing: np.ndarray


def find_leaks(discretization: Discretization, kernels: Sequence[Any]) -> Leaks:
    """Evaluate the conductances and reversal potentials of groups that have no other current."""
    cable = discretization.cable
    conductance, rest, changing = np.zeros(cable.n), np.zeros(cable.n), np.zeros(cable.n, dtype=bool)
    found = []
    for number, (group, compiled) in enumerate(zip(discretization.groups, kernels, strict=True)):
        if not len(compiled.moved) or not group.n:
            continue
        nodes = group.position[0] - cable.start
        values = _leak_of(group, compiled.leak, nodes, cable)
        if values is None:
            changing[nodes] = True
            continue
        found.append(number)
        before, own = conductance[nodes], values[0]
        share = np.divide(own, before + own, out=np.ones(group.n), where=before != 0.0)
        conductance[nodes] = before + own
        rest[nodes] = np.where(before == 0.0, values[1], rest[nodes] + share * (values[1] - rest[nodes]))
    return Leaks(tuple(found), conductance, rest, changing)


def leak_at(discretization: Discretization, kernels: Sequence[Any], leaks: Leaks, node: int) -> tuple[float, float] | None:
    """Conductance (uS) and reversal potential at one node, as `find_leaks` adds them up; None where they are not finite."""
    cable = discretization.cable
    conductance, rest = 0.0, 0.0
    for number in leaks.groups:
        group = discretization.groups[number]
        for column in np.flatnonzero(group.position[0] == cable.start + node).tolist():
            chunk, lane = divmod(column, LANES)
            with np.errstate(all="ignore"):
                rate, value = (float(one) for one in kernels[number].leak(group.fields[chunk, :, lane]))
            own = rate * float(cable.capacity[node])
            if not (math.isfinite(own) and math.isfinite(value)):
                return None
            if conductance == 0.0:
                rest = value
            else:
                share = np.float64(own) / (conductance + own)
                rest = float(rest + share * (value - rest))
            conductance += own
    return conductance, rest


def _leak_of(group: Group, leak: Any, nodes: np.ndarray, cable: Transport) -> tuple[np.ndarray, np.ndarray] | None:
    """Conductance (uS) and reversal potential by node of a group; None if it has other currents, or no finite numbers."""
    if leak is None or len(np.unique(nodes)) < len(nodes):
        return None
    with np.errstate(all="ignore"):
        rate, rest = (np.broadcast_to(value, group.n) for value in leak(fields_of(group)))
    conductance = rate * cable.capacity[nodes]
    return (conductance, rest) if np.all(np.isfinite(conductance) & np.isfinite(rest)) else None


def pack_cable(discretization: Discretization, initial: np.ndarray, leaks: Leaks, reload: bool) -> Cable:
    """The cable in lanes with its branch points in balance."""
    cable = discretization.cable
    total, n = len(cable.parent), cable.n
    order = lane_order(cable.plan, np.concatenate([leaks.changing, np.zeros(total - n, dtype=bool)]))
    outside = order.rows * WIDTH
    last = (order.first[1:] - 1)[:, None] * WIDTH + np.arange(WIDTH)
    above = np.where(order.above == last, outside + np.arange(WIDTH), order.above)
    coupling = np.zeros(total)
    coupling[cable.plan.node] = cable.plan.coupling(cable.conductance)
    place = np.full(outside + WIDTH, cable.start + n)
    place[order.slot[:n]] = cable.start + np.arange(n)
    values = initial[cable.start : cable.start + n]
    branches, size = np.zeros(total - n), outside + WIDTH
    table = aligned_zeros((sweeps.HANDED + 1 + sweeps.FACTORS) * size)
    rows = {
        sweeps.CAPACITY: (cable.capacity, 1.0),
        sweeps.LEAK: (np.concatenate([leaks.conductance, branches]), 0.0),
        sweeps.REST: (np.concatenate([leaks.rest, branches]), 0.0),
        sweeps.G: (coupling, 0.0),
        sweeps.U: (np.concatenate([values, junction_values(cable, values)]), 0.0),
    }
    for row, (numbers, idle) in rows.items():
        table[row * size : row * size + outside] = order.in_rows(numbers, idle)
    return Cable(
        slot=order.slot.astype(np.uint32),
        first=order.first,
        above=above.ravel().astype(np.uint32),
        fixed=order.fixed,
        blocks=order.blocks,
        place=place.astype(np.uint32),
        given=np.concatenate([cable.capacity[:n], leaks.conductance, leaks.rest]),
        table=table,
        size=size,
        prepared=np.full(2, np.nan),
        reload=reload,
    )


def row_of(cable: Cable, row: int) -> np.ndarray:
    """A row of the table, by slot; what is written there is in the table."""
    return cable.table[row * cable.size : (row + 1) * cable.size]


def renew_leaks(cable: Cable, leaks: Leaks) -> None:
    """Take conductances and reversal potentials anew; the fixed factors are made again when they are needed."""
    n = len(leaks.conductance)
    cable.given[n : 2 * n], cable.given[2 * n :] = leaks.conductance, leaks.rest
    row_of(cable, sweeps.LEAK)[cable.slot[:n]] = leaks.conductance
    row_of(cable, sweeps.REST)[cable.slot[:n]] = leaks.rest
    cable.prepared[:] = np.nan


def renew_leak(cable: Cable, n: int, node: int, conductance: float, rest: float) -> None:
    """The same for one of n nodes."""
    cable.given[n + node], cable.given[2 * n + node] = conductance, rest
    slot = int(cable.slot[node])
    row_of(cable, sweeps.LEAK)[slot], row_of(cable, sweeps.REST)[slot] = conductance, rest
    cable.prepared[:] = np.nan


def renew_sizes(cable: Cable, transport: Transport) -> None:
    """Take the capacities and conductances of another cable with the same tree."""
    coupling = np.zeros(len(transport.parent))
    coupling[transport.plan.node] = transport.plan.coupling(transport.conductance)
    row_of(cable, sweeps.CAPACITY)[cable.slot] = transport.capacity
    row_of(cable, sweeps.G)[cable.slot] = coupling
    cable.given[: transport.n] = transport.capacity[: transport.n]
    cable.prepared[:] = np.nan


def moves_v(discretization: Discretization, kernels: Sequence[Any]) -> bool:
    """Whether gates or chemistry change v."""
    cable = discretization.cable
    for group, compiled in zip(discretization.groups, kernels, strict=True):
        for unknown in np.concatenate([compiled.active, compiled.gates]).astype(np.int64):
            changed = group.row(unknown)
            if np.any((changed >= cable.start) & (changed < cable.start + cable.n)):
                return True
    return False
