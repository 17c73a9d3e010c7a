"""Paths along a tree of sections.

In: two places. Out: the nodes between them, with their distance from the point of the path that is nearest to the root.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from geometry.records import dataclass
from rxd.neuron.cells.topology import climb
from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["PathNode", "path_between"]


@dataclass(frozen=True, slots=True)
class PathNode:
    """A node on a path: where, how far (um, negative before the turning point), and whether it is an end inside the path."""

    record: SectionRecord
    x: float
    distance: float
    joint: bool


def path_between(first: tuple[SectionRecord, float], last: tuple[SectionRecord, float]) -> list[PathNode]:
    """The nodes from one place to another.

    Raises
    ------
    HocError
        If no path leads from one to the other.
    """
    ways = [list(climb(*place)) for place in (first, last)]
    entered = [{record.id: x for record, x, _ in way} for way in ways]
    shared = next((record for record, _, _ in ways[0] if record.id in entered[1]), None)
    if shared is None:
        raise HocError(f"There is no path from {first[0].name} to {last[0].name}: they belong to different trees.")
    xs = [places[shared.id] for places in entered]
    turn = min(xs) if shared.end == 0 else max(xs)
    arms = [_arm(way, shared, turn) for way in ways]
    before = [PathNode(node.record, node.x, -node.distance, node.joint) for node in reversed(arms[0])]
    if len(before) > 1:
        nodes = [*before, *arms[1][1:]] if len(arms[1]) > 1 or arms[1][0].distance == 0 else [*before, *arms[1]]
    else:
        nodes = arms[1]
    ends = (nodes[0], nodes[-1])
    return [PathNode(node.record, node.x, node.distance, node.joint and node not in ends) for node in nodes]


def _arm(way: list[tuple[SectionRecord, float, float]], shared: SectionRecord, turn: float) -> list[PathNode]:
    """The nodes from the turning point outwards to the start of a way."""
    pieces = []
    for record, x, _ in way:
        if record is shared:
            pieces.append((record, turn, x))
            break
        pieces.append((record, float(record.end), x))
    nodes: list[PathNode] = []
    so_far = 0.0
    for number, (record, start, stop) in enumerate(reversed(pieces)):
        final = number == len(pieces) - 1
        for x in _places(record, start, stop):
            is_end = x in {0.0, 1.0}
            if is_end and x == stop and not final:
                continue  # the next section begins there
            distance = so_far + abs(x - start) * record.L
            if nodes and nodes[-1].distance == distance:
                continue
            nodes.append(PathNode(record, x, distance, is_end))
        so_far += abs(stop - start) * record.L
    return nodes


def _places(record: SectionRecord, start: float, stop: float) -> Iterator[float]:
    """Nodes of a section from one of its nodes to another, both included."""
    n = record.nseg
    low, high = min(start, stop), max(start, stop)
    inner = [x for x in ((i + 0.5) / n for i in range(n)) if low + 1e-12 < x < high - 1e-12]
    ordered = [low, *inner, high] if high > low else [low]
    yield from ordered if stop >= start else reversed(ordered)
