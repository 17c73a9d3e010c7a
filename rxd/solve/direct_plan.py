"""Everything about the direct solver that does not change from step to step, laid out as plain arrays for its kernels.

In: `Equations`. Out: a `DirectPlan`. All lists of operations lie end to end in one integer array, ``program``; the tables hold
where each begins and ends.
"""

from __future__ import annotations

import numpy as np

from geometry.records import dataclass
from rxd.solve.aligned import aligned, aligned_zeros
from rxd.solve.direct_blocks import BlockTree, build_block_tree
from rxd.solve.direct_lanes import lay_lanes
from rxd.solve.direct_local import Tape
from rxd.solve.direct_tree import ALL, LEAST_LONE, LONE, UNROLLED, WIDTH
from rxd.solve.equations import Equations


@dataclass(frozen=True, slots=True, eq=False)
class DirectPlan:
    """Arrays of the kernels.

    Attributes
    ----------
    block : int
        Number m of exchanged unknowns.
    table : ndarray of int, shape (n_parts, 53)
        Columns as in `rxd.solve.direct_nodes`, a row for each part of a group (`rxd.solve.direct_lanes`).
    program : ndarray of int
    places : ndarray of int, shape (4, n)
        In lanes, per node of a group: of its block, its right-hand side, its solution; 1 in halves of chunks that read whole
        vectors. Packed copies of a node write behind everything; all copies read what the node does.
    ends : ndarray of int, shape (3, n / WIDTH)
        Per half of a chunk, where its block, right-hand side and solution are for kernels that read whole vectors.
    capacity : ndarray
        In lanes, per exchanged unknown.
    fields : ndarray
        What kernels read, in lanes.
    tree : tuple of ndarray
        ``waves``, ``mask`` and ``others``, see `rxd.solve.direct_tree`.
    clamp_place : ndarray of int, shape (n_segments, 2)
        Places of the diagonal and of the right-hand side of v of each segment, in storage order.
    blank : ndarray of int, shape (n, 4)
        Ranges of blocks and of right-hand sides that are cleared before nodes add to them.
    twins, again : ndarray of int, shape (2 n,)
        Places of exchanged unknowns at branch points, then of the same at a neighbour; a whole number of vectors each. Those of
        all branch points, and of those whose lanes nodes overwrite in every stage.
    coupling, diagonal : ndarray
        To the elimination parent, shaped like the right-hand side of the tree; with ones for unknowns that a node lacks.
    lane : ndarray of int, shape (size,)
        Where in an array of lanes each unknown of the state is.
    source : ndarray of int
        The opposite: position in the state of every lane's unknown, -1 in the place of v of point processes.
    hollow : ndarray of int
        Those lanes.
    sizes : tuple of int
        Of the blocks, and of the arrays of factors, lanes and work.
    """

    block: int
    table: np.ndarray
    program: np.ndarray
    places: np.ndarray
    ends: np.ndarray
    capacity: np.ndarray
    fields: np.ndarray
    tree: tuple[np.ndarray, ...]
    clamp_place: np.ndarray
    blank: np.ndarray
    twins: np.ndarray
    again: np.ndarray
    coupling: np.ndarray
    diagonal: np.ndarray
    lane: np.ndarray
    source: np.ndarray
    hollow: np.ndarray
    sizes: tuple[int, int, int, int]

    def load(self, y: np.ndarray, X: np.ndarray) -> None:
        """A vector shaped like the state into lanes; zeros in the place of v of point processes."""
        np.take(y, self.source, out=X, mode="clip")
        X[self.hollow] = 0.0

    def store(self, X: np.ndarray, out: np.ndarray) -> None:
        """The opposite of `load`."""
        np.take(X, self.lane, out=out, mode="clip")


def build_plan(equations: Equations) -> DirectPlan:
    """Lay out the direct solver of a model."""
    discretization = equations.discretization
    tree = build_block_tree(discretization, equations.kernels.lone)
    m, cable = len(tree.holds), discretization.cable
    rows, place_of, blocks = _layout(tree)
    coupling = aligned_zeros(int(place_of[-2, 1]) + m * WIDTH)
    diagonal, full = aligned(np.ones(len(coupling))), tree.full
    for i in range(m):
        here = np.flatnonzero(full | (i == 0))
        coupling[place_of[here, 1] + i * WIDTH] = tree.coupling[i, here]
        diagonal[place_of[here, 1] + i * WIDTH] = np.where(tree.holds[i, here], tree.coupling[i, here], 1.0)
    ways = _ways_up(tree, rows, np.where(full, m, 1), place_of)
    tape = Tape()
    lanes = lay_lanes(equations, tree, place_of, tape)
    twins = _twins(tree, cable.n, place_of)
    overwritten = np.concatenate([[-1], *(wave for wave, whole in zip(tree.waves, lanes.written, strict=True) if whole)])
    return DirectPlan(
        block=m,
        table=lanes.table,
        program=tape.array(),
        places=lanes.places,
        ends=lanes.ends,
        capacity=aligned(lanes.capacity),
        fields=aligned(lanes.fields),
        tree=ways,
        clamp_place=np.ascontiguousarray(place_of[: cable.n]),
        blank=_blank(rows, lanes.written, (blocks, len(coupling))),
        twins=_pairs(twins),
        again=_pairs(twins[np.isin(twins[:, 2], overwritten)]),
        coupling=coupling,
        diagonal=diagonal,
        lane=lanes.lane,
        source=lanes.source,
        hollow=np.flatnonzero(lanes.source < 0),
        sizes=(blocks, *lanes.sizes),
    )


def _blank(rows: list[tuple[int, int, int]], written: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """Begin and end, in blocks and in right-hand sides, of waves that are not written as a whole, and of all behind them."""
    starts = np.array([(s, r) for _, s, r in rows] + [(rows[-1][1], rows[-1][2])])
    size = rows[-1][0]
    starts[-1] += (size * size * WIDTH, size * WIDTH)
    ends = np.concatenate([starts[1:], [sizes]])
    here = np.concatenate([~written, [True]])
    return np.column_stack([starts[here, 0], ends[here, 0], starts[here, 1], ends[here, 1]])


def _layout(tree: BlockTree) -> tuple[list[tuple[int, int, int]], np.ndarray, int]:
    """Per wave its size and where blocks and right-hand sides begin; both places by node; numbers in all blocks.

    The last place stands for the parents of the roots, the one before for copies of nodes.
    """
    m, full = len(tree.holds), tree.full
    place = np.zeros((len(tree.parent) + 2, 2), dtype=np.int64)
    rows, sizes, s, r = [], np.where(full, m, 1), 0, 0
    for wave in tree.waves:
        size = int(sizes[wave[wave >= 0][0]])
        rows.append((size, s, r))
        lanes = np.flatnonzero(wave >= 0)
        place[wave[lanes], 0], place[wave[lanes], 1] = s + lanes, r + lanes
        s, r = s + size * size * WIDTH, r + size * WIDTH
    place[-2], place[-1] = (s + m * m * WIDTH, r + m * WIDTH), (s, r)
    return rows, place, s + 2 * m * m * WIDTH


def _ways_up(
    tree: BlockTree, rows: list[tuple[int, int, int]], sizes: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``waves, mask, others`` of `rxd.solve.direct_tree`: which lanes go on, where others' parents are."""
    waves, mask = [], np.zeros((len(rows), WIDTH))
    others: list[tuple[int, ...]] = []
    for number, wave in enumerate(tree.waves):
        following = tree.waves[number + 1] if number + 1 < len(rows) else np.full(WIDTH, -1)
        begin = len(others)
        for lane in np.flatnonzero(wave >= 0).tolist():
            up = int(tree.parent[wave[lane]])
            if up < 0:
                continue
            alike = bool(sizes[up] == sizes[wave[lane]])
            if following[lane] == up and alike:
                mask[number, lane] = 1.0
            else:
                others.append((lane, *place[up].tolist(), int(sizes[up]) if alike else 1))
        goes_on = int(mask[number].any())
        _, next_s, next_r = rows[number + 1] if goes_on else rows[number]
        how = ALL if goes_on and begin == len(others) else goes_on
        size = rows[number][0]
        code = size + LONE if tree.lone and size == len(tree.holds) and LEAST_LONE <= size <= UNROLLED else size
        waves.append((*rows[number], next_s, next_r, how, begin, len(others), code))
    table = np.array(waves, dtype=np.int64).reshape(-1, 9)
    return table, aligned(mask), np.array(others, dtype=np.int64).reshape(-1, 4)


def _twins(tree: BlockTree, n: int, place_of: np.ndarray) -> np.ndarray:
    """Places of exchanged unknowns at branch points, of the same at a neighbour that is a segment if there is one, and node."""
    around: dict[int, list[int]] = {}
    for node, up in enumerate(tree.parent.tolist()):
        if up >= 0:
            around.setdefault(node, []).append(up)
            around.setdefault(up, []).append(node)
    found = []
    for junction in range(n, len(tree.parent)):
        for i in np.flatnonzero(tree.holds[:, junction]).tolist():
            near = [node for node in around.get(junction, []) if node < n and tree.holds[i, node]]
            if near:
                found.append((place_of[junction, 1] + i * WIDTH, place_of[near[0], 1] + i * WIDTH, junction))
    return np.array(found, dtype=np.int64).reshape(-1, 3)


def _pairs(twins: np.ndarray) -> np.ndarray:
    """Both places as whole vectors, the last pair repeated."""
    whole = np.arange(-(-len(twins) // WIDTH) * WIDTH)
    return np.ascontiguousarray(twins[np.minimum(whole, len(twins) - 1), :2].T).ravel()
