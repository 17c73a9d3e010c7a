"""The cable's part of a split step: v advances with linearised currents, in the lanes of `cable.lane_order`.

Nodes whose currents change from step to step, and all between them and the root, are eliminated in every step. The rest of a
tree, passive dendrites say, has factors that depend on the step alone: they are kept for two lengths of a step, since a network
makes shorter ones between those that its user asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cable.lane_order import WIDTH
from rxd.solve.cable_sweeps import (
    CAPACITY,
    EXCESS,
    FACTORS,
    HANDED,
    INVERSE,
    LEAK,
    SHARE,
    B,
    G,
    R,
    U,
    descend,
    descend_again,
    descend_only,
    eliminate,
    rise,
    rise_again,
    take_out,
)
from rxd.solve.lane_operations import inner_kernel
from rxd.solve.schemes import Stages


class Cable(NamedTuple):
    """The cable in lanes: how it is eliminated, what is given, and where v and the work of a step lie.

    Attributes
    ----------
    slot, first, above, fixed, blocks : ndarray
        Of the `LaneOrder`, flat; parents of roots and of idle lanes are in a last row that nothing is read from.
    place : ndarray of uint32
        By slot: position in the currents' arrays; their last number, which is zero, for branch points and idle lanes.
    given : ndarray, shape (3 n,)
        By segment, one after the other: capacity, conductance and reversal potential of currents that are linear in v.
    table : ndarray, shape (16 size,)
        Rows of numbers by slot (`rxd.solve.cable_sweeps`), ``size`` each.
    size : int
    prepared : ndarray, shape (2,)
        1 / (gamma dt) of the fixed factors that there are.
    reload : bool
        Whether something else than this and events changes v.
    """

    slot: np.ndarray
    first: np.ndarray
    above: np.ndarray
    fixed: np.ndarray
    blocks: np.ndarray
    place: np.ndarray
    given: np.ndarray
    table: np.ndarray
    size: int
    prepared: np.ndarray
    reload: bool


@inner_kernel
def load_cable(y: np.ndarray, start: int, n: int, slot: np.ndarray, u: np.ndarray) -> None:
    """Take v of segments from the state."""
    for k in range(n):
        u[slot[k]] = y[start + k]


@inner_kernel
def cable_step(
    y: np.ndarray,
    start: int,
    n: int,
    dt: float,
    often: bool,
    value: np.ndarray,
    slope: np.ndarray,
    clamp_node: np.ndarray,
    clamp_conductance: np.ndarray,
    clamp_drive: np.ndarray,
    cable: Cable,
    average: np.ndarray,
    averaged: bool,
    stages: Stages,
) -> None:
    """Advance v by dt, one of many such steps or a single one.

    ``value``, ``slope`` are dv/dt (mV/ms) of currents and its derivative; clamps have a node, uS and nA. Row ``U`` of the table
    holds v of segments and junctions; ``average`` receives, if ``averaged``, the v - v0 that currents are taken to have seen.
    """
    slot, first, above, fixed, blocks, place, given, table, size, prepared, _ = cable
    for c in range(clamp_node.size):
        k = clamp_node[c]
        value[start + k] += (clamp_drive[c] - clamp_conductance[c] * y[start + k]) / given[k]
        slope[start + k] -= clamp_conductance[c] / given[k]
    if at_rest(y, start, n, value, given, slot, table, U * size):
        if averaged:
            for k in range(average.size):
                average[k] = 0.0
    else:
        per_step = 1.0 / (stages.gamma * dt)
        copy = factors_for(per_step, often, first, above, fixed, table, size, prepared)
        solve_cable(per_step, copy, value, slope, first, above, fixed, blocks, place, table, size, stages)
        whole = n - n % WIDTH
        for k in range(0, whole, WIDTH):
            take_out(y, start + k, table, U * size, slot, k)  # type: ignore[call-arg]
        for k in range(whole, n):
            y[start + k] = table[U * size + slot[k]]
        if averaged:
            mean, r, b = stages.mean_1 + stages.mean_2 * stages.fresh, R * size, B * size
            for k in range(n):
                average[k] = mean * table[r + slot[k]] + stages.mean_2 * table[b + slot[k]]
    for c in range(clamp_node.size):
        value[start + clamp_node[c]] = 0.0
        slope[start + clamp_node[c]] = 0.0


@inner_kernel
def solve_cable(
    per_step: float,
    copy: int,
    value: np.ndarray,
    slope: np.ndarray,
    first: np.ndarray,
    above: np.ndarray,
    fixed: np.ndarray,
    blocks: np.ndarray,
    place: np.ndarray,
    table: np.ndarray,
    size: int,
    stages: Stages,
) -> None:
    """The stages of a step, block by block of trees."""
    carried, weight = stages.carried * per_step, stages.first + stages.fresh
    for block in range(blocks.size - 1):
        begin, end = blocks[block], blocks[block + 1]
        for i in range(begin, end):
            if fixed[i]:
                rise(table, size, copy, above, place, value, slope, i, first[i], first[i + 1], 0.0)
            else:
                eliminate(table, size, copy, above, place, value, slope, i, first[i], first[i + 1], per_step)
        if stages.number < 2:
            for i in range(end - 1, begin - 1, -1):
                descend_only(table, size, copy, above, place, value, slope, i, first[i], first[i + 1], stages.first)
            continue
        for i in range(end - 1, begin - 1, -1):
            descend(table, size, copy, above, place, value, slope, i, first[i], first[i + 1], 0.0)
        for i in range(begin, end):
            rise_again(table, size, copy, above, place, value, slope, i, first[i], first[i + 1], carried)
        for i in range(end - 1, begin - 1, -1):
            descend_again(table, size, copy, above, place, value, slope, i, first[i], first[i + 1], weight)


@inner_kernel
def factors_for(
    per_step: float,
    often: bool,
    first: np.ndarray,
    above: np.ndarray,
    fixed: np.ndarray,
    table: np.ndarray,
    size: int,
    prepared: np.ndarray,
) -> int:
    """Which copy of the fixed factors is for a step, made if need be: the first one for steps of which there are many."""
    for copy in range(2):
        if prepared[copy] == per_step:
            return copy
    copy = 0 if often else 1
    prepared[copy] = per_step
    more = FACTORS * copy
    inverse, share, excess, handed = INVERSE + more, SHARE + more, EXCESS + more, HANDED + more
    for k in range(size):
        table[handed * size + k] = 0.0
    for i in range(fixed.size):
        if fixed[i]:
            for lane in range(WIDTH):
                e = table[handed * size + first[i] * WIDTH + lane]
                for row in range(first[i], first[i + 1]):
                    k = row * WIDTH + lane
                    e += table[CAPACITY * size + k] * per_step + table[LEAK * size + k]
                    g = table[G * size + k]
                    table[inverse * size + k] = 1.0 / (e + g)
                    table[share * size + k] = g * table[inverse * size + k]
                    e *= table[share * size + k]
                table[handed * size + above[i * WIDTH + lane]] += e
    for k in range(size):
        table[excess * size + k] = table[handed * size + k]
    return copy


@inner_kernel
def at_rest(
    y: np.ndarray, start: int, n: int, value: np.ndarray, given: np.ndarray, slot: np.ndarray, table: np.ndarray, u: int
) -> bool:
    """Whether nothing flows: the same v everywhere and no net current anywhere, exactly."""
    v = y[start]
    for k in range(n):
        if value[start + k] != 0.0 or y[start + k] != v or given[n + k] * (given[2 * n + k] - v) != 0.0:
            return False
    same = True
    for k in range(n, slot.size):
        same = same and table[u + slot[k]] == v
    return same
