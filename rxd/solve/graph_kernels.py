"""Compiled diffusion on graphs of voxels (and segments joined to them) for the split step.

Most voxels are whole and lie in rows along z of whole voxels with whole neighbours: there the exchange is the plain seven-point
stencil on consecutive numbers, which vectorises. The rest, cut voxels and joins, has its neighbours listed. Slivers among the
rest, voxels with hardly any volume, move with their neighbours (see `rxd.solve.graph_plan`, where all of this is prepared).

A graph is cut into blocks of nodes that write only their own numbers. Several threads take blocks (`rxd.solve.team`), each as
soon as the blocks around it are as far as it needs them; the numbers do not depend on how many threads there are.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from rxd.solve.graph_lanes import finish, fold, make_flow, make_rest, make_row, put
from rxd.solve.lane_operations import inner_kernel, lean_kernel
from rxd.solve.sweeps import Sweeps
from rxd.solve.team import Team, claim, complete, counted, turn, wait

MANY: Final = 16384
"""Nodes from which on threads are worth waking."""
PUT: Final = 0
FOLD: Final = 1
FINISH: Final = 2
LANES: Final = 8
"""Voxels at a time."""
# Columns of `Graph.around`.
NODE: Final = 0
LOW: Final = 1
HIGH: Final = 2
SEAM: Final = 3
SEAMS_END: Final = 4
AWAITED: Final = 5


class Graph(NamedTuple):
    """One graph, for a species that diffuses with D = 1 (or as fast as the first of its kind).

    Attributes
    ----------
    blocks : ndarray of int, shape (n_blocks + 1, 6)
        Where the rows, rest, held nodes, further edges and slivers of each block begin, and in its rest those that wait for
        more than their six neighbours: slivers, carriers, nodes that are held or have more edges. The last line ends the last
        block. Slivers behind that end lie across blocks.
    around : ndarray of int, shape (n_blocks + 1, 6)
        First node of each block, first and last block that it exchanges with, first seam and the one behind its last, and for
        how many things its second half waits: its first half and its seams. The last line ends the last block.
    seams : ndarray of int, shape (n_seams + 1, 3)
        Where the slivers across certain blocks begin, and the first and last of those blocks. Seams share no numbers.
    arrived : ndarray of int, shape (n_seams + n_blocks,)
        First halves done next to each seam, and what second halves wait for, counted on and on.
    rows : ndarray of int, shape (m, 6)
        First node, count, first neighbour at -x, -y, +y, +x of each row along z; those at -z and +z are k - 1 and k + 1.
    uniform : ndarray, shape (3,)
        Conductance over capacity of a whole voxel along x, y, z, 1/ms.
    rest : ndarray of int, shape (r,)
        Nodes outside the rows, block by block.
    near : ndarray of int, shape (6 * r,)
        Their first neighbours, their second ones ... (or themselves, at no rate).
    rate : ndarray, shape (6 * r,)
        Conductance to each over the node's capacity, 1/ms.
    held, held_rate, held_value
        Places in ``rest`` that exchange with a reservoir: the rate, 1/ms, and the reservoir's concentration, mM.
    more, more_node, more_rate
        Edges of nodes with more than six: place in ``rest``, neighbour, rate.
    sliver : ndarray of int, shape (s,)
        Places in ``rest``.
    reach : ndarray of int, shape (s + 1,)
        Where the carriers of each sliver begin.
    own : ndarray, shape (s,)
        Part of the difference in rates that a sliver gives up.
    carrier : ndarray of int
        Places in ``rest`` of the neighbours that carry a sliver along.
    weight, back : ndarray
        Share of a carrier in the mean, and the part of the difference in rates it gets.
    """

    blocks: np.ndarray
    around: np.ndarray
    seams: np.ndarray
    arrived: np.ndarray
    rows: np.ndarray
    uniform: np.ndarray
    rest: np.ndarray
    near: np.ndarray
    rate: np.ndarray
    held: np.ndarray
    held_rate: np.ndarray
    held_value: np.ndarray
    more: np.ndarray
    more_node: np.ndarray
    more_rate: np.ndarray
    sliver: np.ndarray
    reach: np.ndarray
    own: np.ndarray
    carrier: np.ndarray
    weight: np.ndarray
    back: np.ndarray


class Graphs(NamedTuple):
    """All species in voxels; graphs end to end, each used by one species or several.

    Attributes
    ----------
    species : ndarray of int, shape (n_species, 4)
        First position in the state, number of nodes, whether currents change it, its graph.
    scale : ndarray, shape (n_species,)
        How many times as fast as its graph's rates it exchanges.
    radius : ndarray, shape (n_graphs,)
        Spectral radius of each graph, 1/ms.
    table : ndarray of int, shape (n_graphs, 20)
        Offset and count of the graph's part in ``blocks, rows, rest, held, more, sliver, reach, carrier, seams, arrived``.
    graph : Graph
        All graphs' arrays end to end; ``uniform (n_graphs, 3)``.
    work : ndarray, three times as long as the largest species
    flow : ndarray
        Work array as long as the longest ``rest``.
    counts : ndarray of int, shape (1,)
        Stages done.
    reach, stages, polynomials : ndarray, shape (k,), (k,), (k, most stages)
        How a step multiplies modes, see `rxd.solve.graph_exponential`.
    many : bool
        Whether there are species in so many nodes that several threads are worth waking.
    sweeps : Sweeps
        Species that are stepped along the lines of a lattice instead.
    """

    species: np.ndarray
    scale: np.ndarray
    radius: np.ndarray
    table: np.ndarray
    graph: Graph
    work: np.ndarray
    flow: np.ndarray
    counts: np.ndarray
    reach: np.ndarray
    stages: np.ndarray
    polynomials: np.ndarray
    many: bool
    sweeps: Sweeps


class Stage(NamedTuple):
    """What a stage does: ``new = c_old old + c_now now + c_other other + step B A now``.

    ``kind`` PUT and FOLD write ``new`` to ``old``, FINISH adds it to ``target``. ``inflow``: multiple of ``other`` that goes
    through B as well (sources); ``first``: whether ``now`` is the state itself, of which reservoirs hold a value.
    """

    kind: int
    step: float
    c_now: float
    c_other: float
    c_old: float
    inflow: float
    first: float
    now: np.ndarray
    other: np.ndarray
    old: np.ndarray
    target: np.ndarray
    flow: np.ndarray


flow_lanes, flow_one = (make_flow(lanes) for lanes in (LANES, 1))


def make_rests(operation: Any, waiting: bool) -> Any:
    """A kernel for a run of a block's rest, eight at a time and then singly, in stages that end in `operation`."""
    rest_of_eight, rest_of_one = (make_rest(lanes, operation, waiting) for lanes in (LANES, 1))

    @inner_kernel
    def rests(graph: Graph, stage: Stage, begin: int, end: int) -> None:
        whole = end - (end - begin) % LANES
        for m in range(begin, whole, LANES):
            rest_of_eight(graph, stage, m)
        for m in range(whole, end):
            rest_of_one(graph, stage, m)

    return rests


def make_block(operation: Any) -> Any:
    """A kernel for whole voxels of a block and those of its rest that wait for nothing, in stages that end in `operation`."""
    row_of_eight, row_of_four, row_of_two, row_of_one = (make_row(lanes, operation) for lanes in (LANES, 4, 2, 1))
    rests = make_rests(operation, False)

    @inner_kernel
    def block_stage(graph: Graph, block: int, stage: Stage) -> None:
        begin, end = graph.blocks[block], graph.blocks[block + 1]
        for row in range(begin[0], end[0]):
            k, count, west, south, north, east = graph.rows[row]
            i = 0
            while i + LANES <= count:
                row_of_eight(graph, stage, k + i, west + i, south + i, north + i, east + i)
                i += LANES
            if count & 4:
                row_of_four(graph, stage, k + i, west + i, south + i, north + i, east + i)
                i += 4
            if count & 2:
                row_of_two(graph, stage, k + i, west + i, south + i, north + i, east + i)
                i += 2
            if count & 1:
                row_of_one(graph, stage, k + i, west + i, south + i, north + i, east + i)
        rests(graph, stage, begin[1], begin[5])

    return block_stage


def make_waiting(operation: Any) -> Any:
    """A kernel for those of a block that waited for its slivers, in stages that end in `operation`."""
    rests = make_rests(operation, True)

    @inner_kernel
    def waiting_stage(graph: Graph, block: int, stage: Stage) -> None:
        rests(graph, stage, graph.blocks[block, 5], graph.blocks[block + 1, 1])

    return waiting_stage


put_block, fold_block, finish_block = (make_block(operation) for operation in (put, fold, finish))
put_waiting, fold_waiting, finish_waiting = (make_waiting(operation) for operation in (put, fold, finish))


@lean_kernel
def flows(graph: Graph, block: int, stage: Stage) -> None:
    """What flows into those of a block that wait, over capacity."""
    begin, end = graph.blocks[block], graph.blocks[block + 1]
    now, flow, step, rest = stage.now, stage.flow, stage.step, graph.rest
    m = begin[5]
    while m + LANES <= end[1]:
        flow_lanes(graph, stage, m)
        m += LANES
    for last in range(m, end[1]):
        flow_one(graph, stage, last)
    if stage.inflow != 0.0:
        for m in range(begin[5], end[1]):
            flow[m] += stage.inflow * stage.other[rest[m]]
    for e in range(begin[2], end[2]):
        m = graph.held[e]
        flow[m] += step * graph.held_rate[e] * (stage.first * graph.held_value[e] - now[rest[m]])
    for e in range(begin[3], end[3]):
        m = graph.more[e]
        flow[m] += step * graph.more_rate[e] * (now[graph.more_node[e]] - now[rest[m]])


@inner_kernel
def carry(graph: Graph, s: int, flow: np.ndarray) -> None:
    """Bring a sliver's rate closer to the mean of its carriers'; what it gives up they get."""
    own, begin, end = graph.sliver[s], graph.reach[s], graph.reach[s + 1]
    difference = flow[own]
    for e in range(begin, end):
        difference -= graph.weight[e] * flow[graph.carrier[e]]
    flow[own] -= graph.own[s] * difference
    for e in range(begin, end):
        flow[graph.carrier[e]] += graph.back[e] * difference


@inner_kernel
def first_half(graph: Graph, block: int, stage: Stage) -> None:
    """A block's rows and rest, and its slivers one after the other."""
    begin, end = graph.blocks[block], graph.blocks[block + 1]
    if stage.kind == PUT:
        put_block(graph, block, stage)
    elif stage.kind == FOLD:
        fold_block(graph, block, stage)
    else:
        finish_block(graph, block, stage)
    flows(graph, block, stage)
    for s in range(begin[4], end[4]):
        carry(graph, s, stage.flow)


@inner_kernel
def second_half(graph: Graph, block: int, stage: Stage) -> None:
    """The block's slivers in reverse order, and the stage of those that waited for them."""
    begin, end = graph.blocks[block], graph.blocks[block + 1]
    for s in range(end[4] - 1, begin[4] - 1, -1):
        carry(graph, s, stage.flow)
    if stage.kind == PUT:
        put_waiting(graph, block, stage)
    elif stage.kind == FOLD:
        fold_waiting(graph, block, stage)
    else:
        finish_waiting(graph, block, stage)


@inner_kernel
def carry_across(graph: Graph, seam: int, flow: np.ndarray) -> None:
    """The slivers of a seam one after the other, and back."""
    begin, end = graph.seams[seam, 0], graph.seams[seam + 1, 0]
    for s in range(begin, end):
        carry(graph, s, flow)
    for s in range(end - 1, begin - 1, -1):
        carry(graph, s, flow)


@inner_kernel
def run_stage(graph: Graph, stage: Stage, team: Team, phase: int, since: int) -> None:
    """One stage on all blocks, as far as this member of a team comes to them; ``since``: the phase before the graph's first.

    Slivers are taken in one order and then in the reverse: the product is symmetric, so that it has real rates. Those of a seam
    come between the halves of its blocks; whoever is the last to make them possible takes them, and second halves likewise.
    """
    count, seams = graph.blocks.shape[0] - 1, graph.seams.shape[0] - 1
    for i in range(count):
        block = turn(team, i, count)
        if not claim(team, block, phase):
            continue
        around = graph.around[block]
        if phase - 1 > since:
            wait(team, around[LOW], around[HIGH], phase - 1)
        first_half(graph, block, stage)
        for seam in range(around[SEAM] - 1, around[SEAMS_END]):
            low, high = block, block
            if seam >= around[SEAM]:
                low, high = graph.seams[seam, 1], graph.seams[seam, 2]
                if block < low or high < block or counted(graph.arrived, seam) % (high - low + 1) != 0:
                    continue
                carry_across(graph, seam, stage.flow)
            for ready in range(low, high + 1):
                if counted(graph.arrived, seams + ready) % graph.around[ready, AWAITED] == 0:
                    second_half(graph, ready, stage)
                    complete(team, ready, phase)


@inner_kernel
def move(graph: Graph, dt: float, change: np.ndarray, u: np.ndarray, drift: np.ndarray, team: Team, phase: int) -> None:
    """Add to the state what it changes by in a step, and note the rate at which it does, for currents to go by."""
    count = graph.blocks.shape[0] - 1
    for i in range(count):
        block = turn(team, i, count)
        if claim(team, block, phase):
            wait(team, block, block, phase - 1)
            for k in range(graph.around[block, NODE], graph.around[block + 1, NODE]):
                u[k] += change[k]
                drift[k] = change[k] / dt
            complete(team, block, phase)


@inner_kernel
def pick(graphs: Graphs, g: int) -> Graph:
    """Graph g of all."""
    t, a = graphs.table[g], graphs.graph
    rest, held, more = slice(t[4], t[4] + t[5]), slice(t[6], t[6] + t[7]), slice(t[8], t[8] + t[9])
    around = slice(6 * t[4], 6 * (t[4] + t[5]))
    sliver, carrier = slice(t[10], t[10] + t[11]), slice(t[14], t[14] + t[15])
    return Graph(
        a.blocks[t[0] : t[0] + t[1]],
        a.around[t[0] : t[0] + t[1]],
        a.seams[t[16] : t[16] + t[17]],
        a.arrived[t[18] : t[18] + t[19]],
        a.rows[t[2] : t[2] + t[3]],
        a.uniform[g],
        a.rest[rest],
        a.near[around],
        a.rate[around],
        a.held[held],
        a.held_rate[held],
        a.held_value[held],
        a.more[more],
        a.more_node[more],
        a.more_rate[more],
        a.sliver[sliver],
        a.reach[t[12] : t[12] + t[13]],
        a.own[sliver],
        a.carrier[carrier],
        a.weight[carrier],
        a.back[carrier],
    )


@lean_kernel
def exchange(graph: Graph, u: np.ndarray, out: np.ndarray, flow: np.ndarray) -> None:
    """``out = A u``, mM/ms: exchange without slivers' inertia and without what reservoirs hold."""
    stage = Stage(PUT, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, u, u, out, out, flow)
    for block in range(graph.blocks.shape[0] - 1):
        put_block(graph, block, stage)
        flows(graph, block, stage)
        for m in range(graph.blocks[block, 5], graph.blocks[block + 1, 1]):
            out[graph.rest[m]] = flow[m]


@lean_kernel
def carry_all(graph: Graph, rates: np.ndarray, flow: np.ndarray) -> None:
    """``rates = B rates``: what slivers' inertia makes of rates, as stages do."""
    for m in range(graph.rest.size):
        flow[m] = rates[graph.rest[m]]
    for s in range(graph.sliver.size):
        carry(graph, s, flow)
    for s in range(graph.sliver.size - 1, -1, -1):
        carry(graph, s, flow)
    for m in range(graph.rest.size):
        rates[graph.rest[m]] = flow[m]
