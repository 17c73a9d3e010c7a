"""NodeList: many nodes at once, over arrays.

In: species on regions and indices of their nodes. Out: values, sizes and places as lists; filters by section, segment, region,
x, place or function; node objects on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rxd.neuron.cells.ends import tied_to
from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.rxd.node import Node, make_node, nodes_of

if TYPE_CHECKING:
    from rxd.neuron.space.nodes import NodeTable

__all__ = ["NodeList"]


@MutableSequence.register  # `random.sample` and others want to know
class NodeList:
    """A list of nodes; each part is a species on a region, a table of its nodes, and the indices chosen."""

    __slots__ = ("_parts",)

    def __init__(self, items: Iterable[Node] = ()) -> None:
        self._parts: list[tuple[Any, Any, NodeTable, np.ndarray]] = []
        self._add(items)

    @classmethod
    def of(cls, places: Iterable[tuple[Any, Any]]) -> NodeList:
        """All nodes of species on regions: as in NEURON, segments of all regions, then voxels in cells, then those outside."""
        made = cls()
        all_parts = [(species, region, species.table(region)) for species, region in places]
        if len(all_parts) == 1 or all(table.grid is None for *_, table in all_parts):
            made._parts = [(*part, np.arange(len(part[2]))) for part in all_parts]
            return made
        for kind in range(3):
            for species, region, table in all_parts:
                index = np.flatnonzero(np.where(table.record < 0, 2, table.dimension == 3) == kind)
                if len(index):
                    made._parts.append((species, region, table, index))
        return made

    def _chosen(self, choose: Callable[[Any, Any, NodeTable, np.ndarray], np.ndarray]) -> NodeList:
        made = NodeList()
        for species, region, table, index in self._parts:
            kept = choose(species, region, table, index)
            if len(kept):
                made._parts.append((species, region, table, kept))
        return made

    # --------------------------------------------------------------------------------------------------------------- filters

    def __call__(self, restriction: Any) -> NodeList:
        """The nodes that meet a restriction.

        Parameters
        ----------
        restriction : Section, Segment, Region, float, (x, y, z), or function
            In this section; in this segment (none at the ends of a section, with a warning: nothing is stored there); on this
            region; whose segment holds the place x of its section; whose voxel holds a place; for which the function is true.
        """
        if isinstance(restriction, Section):
            record = restriction.record
            return self._chosen(lambda species, region, table, index: _common(index, table.of_record(record), len(table)))
        if isinstance(restriction, Segment):
            record, x = restriction.sec.record, restriction.x
            owner, at = tied_to(record, x)
            if 0 < at < 1:  # an end that is joined to the inside of a section is that segment
                record, x = owner, at
            elif at in (0, 1):
                return _none_at(restriction)
            place = record.index(x)
            return self._chosen(
                lambda species, region, table, index: _common(index, table.of_segment(record, place), len(table))
            )
        if hasattr(restriction, "nrn_region"):
            return self._chosen(lambda species, region, table, index: index if region is restriction else index[:0])
        if isinstance(restriction, (int, float, np.number)):
            return self._chosen(lambda species, region, table, index: index[_holds_x(table, index, float(restriction))])
        if isinstance(restriction, (tuple, list)) and len(restriction) == 3:
            return self._chosen(lambda species, region, table, index: index[_holds_place(region, table, index, restriction)])
        if callable(restriction):
            return self._chosen(lambda *part: part[3][[bool(restriction(node)) for node in nodes_of(*part)]])
        raise RxDException(f"unrecognized node condition: {restriction!r}")

    # ------------------------------------------------------------------------------------------------------------ list methods

    def __len__(self) -> int:
        return sum(len(index) for *_, index in self._parts)

    def __iter__(self) -> Iterator[Node]:
        return chain.from_iterable(nodes_of(*part) for part in self._parts)

    def __getitem__(self, position: Any) -> Any:
        if type(position) is int and len(self._parts) == 1:
            species, region, table, index = self._parts[0]
            return make_node(species, region, table, index.item(position))
        if isinstance(position, slice):
            chosen = NodeList()
            at = np.arange(len(self))[position]
            start = 0
            for species, region, table, index in self._parts:
                here = at[(at >= start) & (at < start + len(index))] - start
                if len(here):
                    chosen._parts.append((species, region, table, index[here]))
                start += len(index)
            return chosen
        i = int(position)
        if i < 0:
            i += len(self)
        for species, region, table, index in self._parts:
            if 0 <= i < len(index):
                return make_node(species, region, table, int(index[i]))
            i -= len(index)
        raise IndexError("list index out of range")

    def __contains__(self, node: object) -> bool:
        return bool(len(self._where(node)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, (NodeList, list))
            and len(other) == len(self)
            and all(a == b for a, b in zip(self, other, strict=True))
        )

    def __hash__(self) -> int:
        return id(self)

    def __mul__(self, times: int) -> NodeList:
        """Its nodes several times, as with any list."""
        made = NodeList()
        made._parts = list(self._parts) * times
        return made

    __rmul__ = __mul__

    def __add__(self, other: Iterable[Node]) -> NodeList:
        made = NodeList()
        made._parts = list(self._parts)
        made.extend(other)
        return made

    def __radd__(self, other: list[Any]) -> list[Any]:
        return [*other, *self]

    def __iadd__(self, other: Iterable[Node]) -> Self:
        self.extend(other)
        return self

    def append(self, node: Node) -> None:
        """Add a node."""
        self._add([node])

    def _add(self, nodes: Iterable[Any]) -> None:
        """Add nodes: those that follow each other on one region are one part."""
        for species, region, table, index in _together(map(_part, nodes)):
            last = self._parts[-1] if self._parts else None
            if last is not None and last[0] is species and last[1] is region and last[2] is table:
                self._parts[-1] = (species, region, table, np.concatenate([last[3], index]))
            else:
                self._parts.append((species, region, table, index))

    def extend(self, nodes: Iterable[Node]) -> None:
        """Add nodes."""
        if isinstance(nodes, NodeList):
            self._parts.extend(nodes._parts)
        else:
            self._add(list(nodes))

    def insert(self, position: int, node: Node) -> None:
        """Insert a node."""
        _part(node)
        self._replace([*self[:position], node, *self[position:]])

    def remove(self, node: Node) -> None:
        """Remove a node."""
        nodes = list(self)
        nodes.remove(node)
        self._replace(nodes)

    def pop(self, position: int = -1) -> Node:
        """Remove and return a node."""
        nodes = list(self)
        taken = nodes.pop(position)
        self._replace(nodes)
        return taken

    def reverse(self) -> None:
        """Turn the order around."""
        self._replace(list(self)[::-1])

    def clear(self) -> None:
        """Remove all nodes."""
        self._parts = []

    def __setitem__(self, position: Any, node: Any) -> None:
        nodes = list(self)
        nodes[position] = node
        self._replace(nodes)

    def __delitem__(self, position: Any) -> None:
        nodes = list(self)
        del nodes[position]
        self._replace(nodes)

    def _replace(self, nodes: Iterable[Node]) -> None:
        self._parts = NodeList(nodes)._parts

    def index(self, node: Node) -> int:
        """Position of a node."""
        found = self._where(node)
        if not len(found):
            raise ValueError(f"{node!r} is not in list")
        return int(found[0])

    def count(self, node: Node) -> int:
        """How often a node is in it."""
        return len(self._where(node))

    def sort(self, *, key: Callable[[Node], Any], reverse: bool = False) -> None:
        """Order the nodes by a function of them."""
        self._replace(sorted(self, key=key, reverse=reverse))

    def _where(self, node: object) -> np.ndarray:
        """Positions of a node."""
        if not isinstance(node, Node):
            return np.zeros(0, dtype=np.int64)
        wanted, found, start = node.part, [np.zeros(0, dtype=np.int64)], 0
        for species, region, table, index in self._parts:
            if species is wanted[0] and region is wanted[1]:
                same = table is wanted[2]
                here = (
                    index == wanted[3]
                    if same
                    else [own.part[3] == wanted[3] for own in nodes_of(species, region, table, index)]
                )
                found.append(start + np.flatnonzero(here))
            start += len(index)
        return np.concatenate(found)

    def copy(self) -> NodeList:
        """Another list of the same nodes."""
        return self[:]

    # ---------------------------------------------------------------------------------------------------------------- values

    def array(self) -> np.ndarray:
        """The values, shape (n,)."""
        found = [species.values(region)[index] for species, region, _, index in self._parts]
        return np.concatenate(found) if found else np.zeros(0)

    @property
    def value(self) -> list[float]:
        """Values: concentrations in mM, or states."""
        return list(self.array())

    @value.setter
    def value(self, value: Any) -> None:
        numbers = np.asarray(value if not hasattr(value, "as_numpy") else value.as_numpy(), dtype=float)
        if numbers.ndim and numbers.size != len(self):
            raise RxDException("concentration must either be a scalar or an iterable of the same length as the NodeList")
        start = 0
        for species, region, _, index in self._parts:
            part = numbers if numbers.ndim == 0 else numbers.ravel()[start : start + len(index)]
            species.write(region, index, part)
            start += len(index)

    @property
    def concentration(self) -> list[float]:
        """Concentrations, mM."""
        return self.value

    @concentration.setter
    def concentration(self, value: Any) -> None:
        self.value = value

    def _sizes(self, name: str) -> list[float]:
        found = [getattr(table, name)[index] for _, _, table, index in self._parts]
        return list(np.concatenate(found)) if found else []

    @property
    def volume(self) -> list[float]:
        """Volumes, um3."""
        return self._sizes("volume")

    @property
    def surface_area(self) -> list[float]:
        """Membrane areas, um2."""
        return self._sizes("area")

    @property
    def x(self) -> list[float]:
        """Places on the sections, 0..1."""
        return [float(x) for x in self._sizes("x")]

    @property
    def x3d(self) -> list[float]:
        """x coordinates, um."""
        return self._coordinates(0)

    @property
    def y3d(self) -> list[float]:
        """y coordinates, um."""
        return self._coordinates(1)

    @property
    def z3d(self) -> list[float]:
        """z coordinates, um."""
        return self._coordinates(2)

    def _coordinates(self, axis: int) -> list[float]:
        return [x for _, _, table, index in self._parts for x in table.position[index, axis].tolist()]

    @property
    def segment(self) -> list[Segment]:
        """Segments."""
        found: list[Segment] = []
        for part in self._parts:
            *_, table, index = part
            _, first, inverse = np.unique(table.record[index] + 1j * table.place[index], return_index=True, return_inverse=True)
            own = [node.segment for node in nodes_of(*part[:3], index[first])]
            found += [own[i] for i in inverse.tolist()]
        return found

    @property
    def sec(self) -> list[Section]:
        """Sections."""
        return [segment.sec for segment in self.segment]

    @property
    def region(self) -> list[Any]:
        """Regions."""
        return [region for _, region, _, index in self._parts for _ in index]

    @property
    def species(self) -> list[Any]:
        """Species."""
        return [species for species, _, _, index in self._parts for _ in index]

    @property
    def d(self) -> list[float]:
        """Diffusion coefficients, um2/ms."""
        return [node.d for node in self]

    @d.setter
    def d(self, value: float | Iterable[float]) -> None:
        each = list(value) if isinstance(value, Iterable) else [value] * len(self)
        if len(each) != len(self):
            raise RxDException(f"{len(each)} diffusion coefficients for {len(self)} nodes; give one for all, or one for each.")
        for node, d in zip(self, each, strict=True):
            node.d = d

    diff = d

    def include_flux(self, *args: Any, units: str | None = None) -> None:
        """Let a source or sink act on every node; see `Node.include_flux`."""
        from rxd.neuron.space.fluxes import add_flux

        parts = []
        for species, region, table, index in self._parts:
            now, where = species.table(region), index
            if now is not table:
                where = np.array([node.part[3] for node in nodes_of(species, region, table, index)], dtype=np.int64)
            parts.append((species, region, now, where))
        add_flux(parts, args, units)

    def _one(self) -> Any:
        if len(self) != 1:
            raise RxDException("no nodes" if not len(self) else "node not unique")
        return self[0]

    @property
    def _ref_concentration(self) -> Any:
        return self._one()._ref_concentration

    @property
    def _ref_value(self) -> Any:
        return self._one()._ref_value

    def value_to_grid(self) -> np.ndarray:
        """Values of voxels in cells as an array, NaN where there is no voxel: `grid[node._i, node._j, node._k]` of each node.

        It is as large for all nodes of a region; (0, 0, 0) if none is a voxel. Nodes that are segments are ignored, and those
        of boxes if there are others: alone they fill an array of the box's shape.

        Raises
        ------
        RxDException
            If the voxels are of several regions.
        """
        parts = [(s, r, table, index[table.dimension[index] == 3]) for s, r, table, index in self._parts]
        parts = [part for part in parts if len(part[3])]
        if len(self._parts) > 1 or not parts:
            parts = [part for part in parts if not hasattr(part[1], "shape")]
        if len({id(region) for _, region, *_ in parts}) > 1:
            raise RxDException("value_to_grid: the voxels must be those of one region.")
        grid = np.zeros((0, 0, 0))
        for species, region, table, index in parts:
            places, shape = _places(region, table)
            grid = np.full(shape, np.nan) if not grid.size else grid
            grid[tuple(places[index].T)] = species.values(region)[index]
        return grid

    def __repr__(self) -> str:
        return repr(list(self))


def _together(parts: Iterable[tuple[Any, Any, NodeTable, int]]) -> Iterator[tuple[Any, Any, NodeTable, np.ndarray]]:
    """Nodes that follow each other on one region as one part."""
    for _, group in groupby(parts, key=lambda part: (id(part[0]), id(part[1]), id(part[2]))):
        members = list(group)
        yield (*members[0][:3], np.array([part[3] for part in members], dtype=np.int64))


def _part(node: Any) -> tuple[Any, Any, NodeTable, int]:
    """What a node is part of.

    Raises
    ------
    TypeError
        If it is no node.
    """
    if not isinstance(node, Node):
        raise TypeError(f"A NodeList holds nodes only, not {node!r}.")
    return node.part


def _common(index: np.ndarray, wanted: np.ndarray, n: int) -> np.ndarray:
    """Those of `index` that are in `wanted`, in the order of `index`."""
    if len(index) == n:  # all nodes: `wanted` itself, in order
        return np.sort(wanted)
    member = np.zeros(n, dtype=bool)
    member[wanted] = True
    return index[member[index]]


def _none_at(segment: Segment) -> NodeList:
    """The nodes at an end of a section: none, with a warning."""
    name, near = segment.sec.name(), 0.5 / segment.sec.nseg
    inside = near if segment.x <= 0 else 1 - near
    caution(
        f"nodes({name}({segment.x:g})) is empty, as in NEURON: nothing is stored where a section ends. The segment there is "
        f"{name}({inside:g})."
    )
    return NodeList()


def _holds_x(table: NodeTable, index: np.ndarray, x: float) -> np.ndarray:
    inside = (table.record[index] >= 0) & (0 <= x <= 1)
    counts = np.array([record.nseg for record in table.records] or [1])[table.record[index]]
    place = np.minimum((x * counts * (1 + 4e-16)).astype(int), counts - 1)
    return np.flatnonzero(inside & (table.place[index] == place))


def _places(region: Any, table: NodeTable) -> tuple[np.ndarray, tuple[int, ...]]:
    """Places of nodes in NEURON's grid of their region, and how large an array of them is there."""
    places: Any = table.grid
    return places, region.shape if hasattr(region, "shape") else tuple((places.max(axis=0) + 5).tolist())


def _holds_place(region: Any, table: NodeTable, index: np.ndarray, place: Any) -> np.ndarray:
    voxels = table.dimension[index] == 3
    if table.grid is None or not voxels.any():
        return np.flatnonzero(voxels)
    edges = region._dx if hasattr(region, "shape") else region.session.chemistry.cutting.grid_of(region).dx
    dx = np.broadcast_to(np.asarray(edges, dtype=float), (3,))
    one = index[np.flatnonzero(voxels)[0]]
    corner = table.position[one] - (table.grid[one] + 0.5) * dx
    wanted = np.floor((np.asarray(place, dtype=float) - corner) / dx + 1e-9)
    return np.flatnonzero(voxels & np.all(table.grid[index] == wanted, axis=1))
