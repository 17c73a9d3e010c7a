"""Diffusion of species on a tree, `WIDTH` species side by side.

The sweeps of `cable.hines` are bound by latency: each node waits for the one before it. Species that diffuse on the same tree
do not wait for each other, so they are the lanes of vectors: rows of work arrays are nodes (``u``, ``r``, ``b``, ``carried``)
or positions of the elimination order (``g``, ``inverse``, ``factor``), each with one number per species.

The stages are those of `rxd.solve.split_kernels`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from rxd.solve.lane_operations import (
    inner_kernel,
    lean_kernel,
    make_operation,
    make_transpose_in,
    make_transpose_out,
    minus,
    plus,
    times,
)
from rxd.solve.schemes import Stages
from rxd.solve.vectors import all_lanes

WIDTH: Final = 8
"""Species side by side."""


def _solved(builder: Any, own: Any, inverse: Any, above: Any, factor: Any) -> Any:
    """``inverse * own + factor * above``, where ``above`` comes last of all and is to wait for one operation only."""
    return plus(builder, builder.fmul(inverse, own), times(builder, factor, above))


def factor_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(excess of parent, inverse, factor; excess, g): eliminate a row of the matrix."""
    parent, _, _, excess, g = row
    inverse = builder.fdiv(all_lanes(g.type.count, 1.0), plus(builder, excess, g))
    factor = times(builder, g, inverse)
    return [plus(builder, parent, times(builder, factor, excess)), inverse, factor]


def flow_up_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(r of parent, r; u of parent, u, g, factor): what flows between a node and its parent, then its right-hand side up."""
    above, own, u_above, u, g, factor = row
    flow = times(builder, g, minus(builder, u_above, u))
    total = plus(builder, own, flow)
    return [plus(builder, minus(builder, above, flow), times(builder, factor, total)), total]


def up_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(r of parent; r, factor): a right-hand side up."""
    above, own, factor = row
    return [plus(builder, above, times(builder, factor, own))]


def first_down_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(w, next right-hand side; w of parent, inverse, factor, carried): solution of the first stage, and what comes next."""
    own, _, above, inverse, factor, carried = row
    w = _solved(builder, own, inverse, above, factor)
    return [w, times(builder, carried, w)]


def last_down_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(w, u; w of parent, inverse, factor, w of the first stage), its weight: solution of the second stage, new state."""
    own, u, above, inverse, factor, first = row
    w = _solved(builder, own, inverse, above, factor)
    return [w, plus(builder, u, plus(builder, times(builder, numbers[0], first), w))]


def only_down_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(w, u; w of parent, inverse, factor), its weight: solution of an only stage, and the new state."""
    own, u, above, inverse, factor = row
    w = _solved(builder, own, inverse, above, factor)
    return [w, plus(builder, u, times(builder, numbers[0], w))]


eliminate: Any = make_operation(WIDTH, factor_row)
flow_up: Any = make_operation(WIDTH, flow_up_row)
up: Any = make_operation(WIDTH, up_row)
first_down: Any = make_operation(WIDTH, first_down_row)
last_down: Any = make_operation(WIDTH, last_down_row)
only_down: Any = make_operation(WIDTH, only_down_row)
transpose_in: Any = make_transpose_in(WIDTH)
transpose_out: Any = make_transpose_out(WIDTH)


class Trees(NamedTuple):
    """Species on segments in bundles of up to `WIDTH` on one tree, all arrays end to end.

    ``table``: rows (species, n, total, where the tree begins, where rows begin), ``starts`` and ``moved`` (n_bundles * WIDTH,):
    first state position of each species (idle lanes repeat the first) and whether currents change it. The first ``early``
    bundles diffuse before local reactions in a step that goes part by part, the others at its end.
    """

    table: np.ndarray
    starts: np.ndarray
    moved: np.ndarray
    node: np.ndarray
    parent: np.ndarray
    capacity: np.ndarray
    g: np.ndarray
    inverse: np.ndarray
    factor: np.ndarray
    carried: np.ndarray
    u: np.ndarray
    r: np.ndarray
    b: np.ndarray
    early: int


@lean_kernel
def prepare_trees(dt: float, trees: Trees, stages: Stages) -> None:
    """Factorise ``M / (gamma dt) + G`` of all species, and keep what the second stage needs of M: once per dt."""
    per_step = 1.0 / (stages.gamma * dt)
    for s in range(trees.table.shape[0]):
        _, _, total, at_tree, at = trees.table[s]
        node, parent = trees.node[at_tree : at_tree + total], trees.parent[at_tree : at_tree + total]
        begin, end = at * WIDTH, (at + total) * WIDTH
        capacity, carried, excess = trees.capacity[begin:end], trees.carried[begin:end], trees.b[: total * WIDTH]
        for e in range(total * WIDTH):
            excess[e] = capacity[e] * per_step
            carried[e] = stages.carried * excess[e]
        arrays = (excess, trees.inverse[begin:end], trees.factor[begin:end], excess, trees.g[begin:end])
        for i in range(total - 1, -1, -1):
            at_i = i * WIDTH
            eliminate(arrays, (parent[i] * WIDTH, at_i, at_i, node[i] * WIDTH, at_i), (1.0,))


@inner_kernel
def diffuse_bundle(
    s: int, y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, trees: Trees, stages: Stages
) -> None:
    """Advance one bundle of species by dt with constant sources (mM/ms) from currents; `prepare_trees` made the factors."""
    species, n, total, at_tree, at = trees.table[s]
    node, parent = trees.node[at_tree : at_tree + total], trees.parent[at_tree : at_tree + total]
    begin, end, lanes = at * WIDTH, (at + total) * WIDTH, s * WIDTH
    u, r, b = trees.u[begin:end], trees.r[: total * WIDTH], trees.b[: total * WIDTH]
    inverse, factor = trees.inverse[begin:end], trees.factor[begin:end]
    load_bundle(lanes, y, n, trees.starts, u)
    for k in range(r.size):
        r[k] = 0.0
    for lane in range(species):
        if trees.moved[lanes + lane]:
            start = trees.starts[lanes + lane]
            for k in range(n):
                r[k * WIDTH + lane] = trees.capacity[begin + k * WIDTH + lane] * source[start + k]
    arrays = (r, r, u, u, trees.g[begin:end], factor)
    for i in range(total - 1, -1, -1):
        k, p = node[i] * WIDTH, parent[i] * WIDTH
        flow_up(arrays, (p, k, p, k, i * WIDTH, i * WIDTH), (1.0,))
    if stages.number > 1:
        second_stage(total, node, parent, u, r, b, inverse, factor, trees.carried[begin:end], stages.first + stages.fresh)
    else:
        only = (r, u, r, inverse, factor)
        for i in range(total):
            k = node[i] * WIDTH
            only_down(only, (k, k, parent[i] * WIDTH, i * WIDTH, i * WIDTH), (stages.first,))
    for lane in range(species):
        if trees.moved[lanes + lane]:
            start = trees.starts[lanes + lane]
            for k in range(n):
                drift[start + k] = (u[k * WIDTH + lane] - y[start + k]) / dt
    store_bundle(lanes, species, y, n, trees.starts, u)


@inner_kernel
def second_stage(
    total: int,
    node: np.ndarray,
    parent: np.ndarray,
    u: np.ndarray,
    r: np.ndarray,
    b: np.ndarray,
    inverse: np.ndarray,
    factor: np.ndarray,
    carried: np.ndarray,
    weight: float,
) -> None:
    """End of the first stage, whose right-hand side in r has gone up the tree, and all of the second."""
    forth = (r, b, r, inverse, factor, carried)
    for i in range(total):
        k = node[i] * WIDTH
        first_down(forth, (k, k, parent[i] * WIDTH, i * WIDTH, i * WIDTH, k), (1.0,))
    back = (b, b, factor)
    for i in range(total - 1, -1, -1):
        up(back, (parent[i] * WIDTH, node[i] * WIDTH, i * WIDTH), (1.0,))
    last = (b, u, b, inverse, factor, r)
    for i in range(total):
        k = node[i] * WIDTH
        last_down(last, (k, k, parent[i] * WIDTH, i * WIDTH, i * WIDTH, k), (weight,))


@inner_kernel
def load_bundle(first: int, y: np.ndarray, n: int, starts: np.ndarray, u: np.ndarray) -> None:
    """Species from the state into lanes."""
    whole = n - n % WIDTH
    for k in range(0, whole, WIDTH):
        transpose_in(y, starts, first, k, u)
    for k in range(whole, n):
        for lane in range(WIDTH):
            u[k * WIDTH + lane] = y[starts[first + lane] + k]


@inner_kernel
def store_bundle(first: int, species: int, y: np.ndarray, n: int, starts: np.ndarray, u: np.ndarray) -> None:
    """Species from lanes back into the state."""
    whole = n - n % WIDTH
    for k in range(0, whole, WIDTH):
        transpose_out(y, starts, first, k, u)
    for k in range(whole, n):
        for lane in range(species):
            y[starts[first + lane] + k] = u[k * WIDTH + lane]
