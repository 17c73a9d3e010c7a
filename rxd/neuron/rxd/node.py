"""Node: one compartment of a species.

In: a species, a region and the index of a node. Out: its value, size and place; sources and sinks. Node objects hold no data:
they are made when asked for.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.internals import Along, module_name
from rxd.neuron.vectors.pointers import Pointer

if TYPE_CHECKING:
    from rxd.neuron.space.nodes import NodeTable

__all__ = ["Node", "Node1D", "Node3D", "NodeExtracellular", "NodePointer", "make_node", "nodes_of", "number_at"]

INTERNALS = frozenset(("_diffs", "_states", "_surface_area", "_volumes"))


def _coefficients(value: Any) -> Any:
    """One diffusion coefficient, or three."""
    d = tuple(map(float, value)) if hasattr(value, "__len__") else float(value)
    if isinstance(d, tuple) and len(d) != 3:
        raise RxDException(f"A node has one diffusion coefficient, or three along x, y, z; got {len(d)}.")
    return d


class Node:
    """A node; `Node1D` is a segment, `Node3D` a voxel in a cell, `NodeExtracellular` one outside."""

    __slots__ = ("__weakref__", "_index", "_region", "_species", "_table")

    def __init__(self, species: Any, region: Any, table: NodeTable, index: int) -> None:
        self._species, self._region, self._table, self._index = species, region, table, index

    def _found(self) -> tuple[NodeTable, int]:
        """The table as it is now, and where the node is in it.

        Raises
        ------
        RxDException
            If the node has gone, since sections or voxels have changed.
        """
        if self._table.fresh:  # what scripts that go from node to node find
            return self._table, self._index
        table = self._species.table(self._region)
        if table is not self._table:
            key = self._table.key(self._index)
            known = self._index < len(table) and table.key(self._index) == key
            index = self._index if known else table.by_key.get(key)
            if index is None:
                raise RxDException(
                    f"This node of {self._species.label} is gone: its section or the number of segments has changed."
                )
            self._table, self._index = table, index
        return self._table, self._index

    @property
    def part(self) -> tuple[Any, Any, NodeTable, int]:
        """Species, region, table and index."""
        table, index = self._found()
        return self._species, self._region, table, index

    @property
    def value(self) -> float:
        """Its value: a concentration in mM, or a state."""
        ready = self._species.ready.get(self._region)
        if ready is not None and ready.table is self._table:
            return ready.values[self._index]  # NumPy's: 1 / 0.0 is inf there
        table, index = self._found()
        return self._species.values_in(self._region, table)[index]

    @value.setter
    def value(self, value: float) -> None:
        ready = self._species.ready.get(self._region)
        if ready is not None and ready.table is self._table and ready.put(self._index, float(value)):
            return
        _, index = self._found()
        self._species.write(self._region, index, float(value))

    concentration = value
    """Concentration, mM."""

    @property
    def molecules(self) -> float:
        """Number of molecules."""
        from rxd.neuron.rxd.constants import molecules_per_mM_um3

        return self.value * self.volume * molecules_per_mM_um3()

    @molecules.setter
    def molecules(self, value: float) -> None:
        from rxd.neuron.rxd.constants import molecules_per_mM_um3

        self.value = value / (self.volume * molecules_per_mM_um3())

    @property
    def _ref_concentration(self) -> NodePointer:
        return NodePointer(self)

    @property
    def _ref_value(self) -> NodePointer:
        return NodePointer(self)

    @property
    def _ref_molecules(self) -> NodePointer:
        raise RxDException("Nodes hold concentrations: _ref_concentration points to one; node.molecules is computed from it.")

    @property
    def volume(self) -> float:
        """Volume, um3."""
        table, index = self._found()
        return table.volume.item(index)

    @property
    def surface_area(self) -> float:
        """Area of the membrane it touches, um2."""
        table, index = self._found()
        return table.area.item(index)

    @property
    def x(self) -> float:
        """Place on its section, 0..1."""
        table, index = self._found()
        return table.x.item(index)

    @property
    def x3d(self) -> float:
        """x coordinate, um."""
        return self._table.position.item(self._index, 0)

    @property
    def y3d(self) -> float:
        """y coordinate, um."""
        return self._table.position.item(self._index, 1)

    @property
    def z3d(self) -> float:
        """z coordinate, um."""
        return self._table.position.item(self._index, 2)

    @property
    def d(self) -> Any:
        """Diffusion coefficient, um2/ms: one, or three along x, y, z."""
        table, index = self._found()
        own = self._species.node_d.get(self._region.number)
        of_region = self._species.d_on(self._region)
        _, d = (index, of_region) if own is None else own.get(table.mark(index), (index, of_region))
        if callable(d):
            d = self._species.local_d(self._region)[index]
        return float(d) if not hasattr(d, "__len__") else d

    @d.setter
    def d(self, value: Any) -> None:
        table, index = self._found()
        d = _coefficients(value)
        self._species.node_d.setdefault(self._region.number, {})[table.mark(index)] = index, d
        self._species.session.touch()

    @property
    def region(self) -> Any:
        """Its region."""
        return self._region

    @property
    def species(self) -> Any:
        """Its species."""
        return self._species

    @property
    def sec(self) -> Section:
        """Its section."""
        return self._table.records[self._table.record.item(self._index)].section

    @property
    def segment(self) -> Segment:
        """Its segment."""
        return Segment(self.sec, self._table.x.item(self._index))

    def satisfies(self, condition: Any) -> bool:
        """Whether it meets a restriction, as `NodeList` takes them."""
        if isinstance(condition, Section):
            table, index = self._found()
            number = table.record.item(index)
            return number >= 0 and table.records[number] is condition.record
        from rxd.neuron.rxd.nodelist import NodeList

        return len(NodeList([self])(condition)) > 0

    def include_flux(self, *args: Any, units: str | None = None) -> None:
        """Let a source (positive) or sink act on this node.

        `include_flux(number)`, `include_flux(function)`, `include_flux(pointer)`, `include_flux(point_process, "variable")`,
        `include_flux(formula)`.

        Parameters
        ----------
        units : str
            "molecule/ms" (default), "mmol/ms", "mol/ms", "mol/s", "fmol/ms".
        """
        from rxd.neuron.space.fluxes import add_flux

        species, region, table, index = self.part
        add_flux([(species, region, table, np.array([index]))], args, units)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Node)
            and (other._species is self._species and other._region is self._region)
            and other._found()[1] == self._found()[1]
        )

    def __hash__(self) -> int:
        return hash((id(self._species), self._region.number, self._index))


class Node1D(Node):
    """A segment."""

    __slots__ = ()

    @property
    def _sec(self) -> Along:
        return Along(self.sec, self._region, [self])

    @property
    def _location(self) -> float:
        return float(self.x)


class _Voxel(Node):
    """A place in a grid."""

    __slots__ = ()

    def _place(self, axis: int) -> int:
        table, index = self._found()
        return table.grid.item(index, axis)  # type: ignore[union-attr]

    @property
    def _i(self) -> int:
        return self._place(0)

    @property
    def _j(self) -> int:
        return self._place(1)

    @property
    def _k(self) -> int:
        return self._place(2)


class Node3D(_Voxel):
    """A voxel in a cell."""

    __slots__ = ()

    @property
    def d(self) -> np.ndarray:
        """Diffusion coefficients along x, y, z, um2/ms, shape (3,)."""
        return np.array(np.broadcast_to(np.asarray(super().d, dtype=float), 3))

    @d.setter
    def d(self, value: Any) -> None:
        Node.d.fset(self, value)  # type: ignore[attr-defined]

    @property
    def neighbors(self) -> tuple[int | None, ...]:
        """The voxels next to it at +x, -x, +y, -y, +z and -z: their numbers among the voxels of the region, or None."""
        table, index = self._found()
        return tuple(None if number < 0 else number for number in table.neighbors[index].tolist())


class NodeExtracellular(_Voxel):
    """A voxel outside the cells."""

    __slots__ = ()

    @property
    def d(self) -> Any:
        """Diffusion coefficient, um2/ms, one, or three along x, y, z: of the whole box, also where it is set, as in NEURON."""
        return super().d

    @d.setter
    def d(self, value: Any) -> None:
        caution(
            f"node.d = {value!r} of an extracellular node changes {self._species.label} in the whole of {self._region.label}. "
            "Where it should differ from place to place, give the box a permeability."
        )
        self._species.set_d_on(self._region, _coefficients(value))

    # scripts ask `hasattr(node, "sec")` and `hasattr(node, "x")` to tell the inside from the outside

    @property
    def sec(self) -> Section:
        """No section.

        Raises
        ------
        AttributeError
            Always, as in NEURON.
        """
        raise AttributeError("An extracellular node is in no section: sec")

    @property
    def segment(self) -> Segment:
        """No segment.

        Raises
        ------
        AttributeError
            Always, as in NEURON.
        """
        raise AttributeError("An extracellular node is in no segment: segment")

    @property
    def x(self) -> float:
        """No place on a section.

        Raises
        ------
        AttributeError
            Always, as in NEURON.
        """
        raise AttributeError("An extracellular node is on no section: x")

    @property
    def surface_area(self) -> float:
        """No membrane.

        Raises
        ------
        AttributeError
            Always, as in NEURON.
        """
        raise AttributeError("An extracellular node has no membrane: surface_area")


class NodePointer(Pointer):
    """A pointer to the value of a node; it does not keep the species alive, and shows its last value once that has gone."""

    __slots__ = ("_last", "_place", "_species")
    read_at = 1.0

    def __init__(self, node: Node) -> None:
        species, *place = node.part
        self._species, self._place, self._last = weakref.ref(species), tuple(place), node.value

    @property
    def node(self) -> Node | None:
        """The node, as long as its species is there."""
        species = self._species()
        return None if species is None else make_node(species, *self._place)

    def get(self) -> float:
        """The value."""
        node = self.node
        if node is not None:
            self._last = node.value
        return self._last

    def set(self, value: float) -> None:
        """Write it."""
        node = self.node
        if node is not None:
            node.value = value

    def __repr__(self) -> str:
        node = self.node
        return f"<pointer to a node of {'a species that has gone' if node is None else node.species.label}>"


def make_node(species: Any, region: Any, table: NodeTable, index: int) -> Node:
    """A node object."""
    if table.dimension[index] == 1:
        return Node1D(species, region, table, index)
    if table.record[index] < 0:
        return NodeExtracellular(species, region, table, index)
    return Node3D(species, region, table, index)


def number_at(species: Any, node: Node, value: Any) -> float:
    """What a function of a script gives for the initial value of a node.

    Raises
    ------
    RxDException
        If it is no number.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        where = getattr(node, "segment", None) or (node.x3d, node.y3d, node.z3d)
        message = (
            f"{species.kind} {species.label}: initial gives {value!r} for {where}, not a number. Does each way out return one?"
        )
        raise RxDException(message) from None


def nodes_of(species: Any, region: Any, table: NodeTable, index: np.ndarray) -> Iterator[Node]:
    """Node objects, one at a time."""
    if hasattr(region, "shape"):
        kinds: Any = repeat(NodeExtracellular)
    else:
        dimension = table.dimension[index]
        same = not len(dimension) or dimension.min() == dimension.max()
        one = Node1D if len(dimension) and dimension[0] == 1 else Node3D
        kinds = repeat(one) if same else [Node1D if d == 1 else Node3D for d in dimension.tolist()]
    if isinstance(kinds, repeat):
        return map(next(kinds), repeat(species), repeat(region), repeat(table), index.tolist())
    return (kind(species, region, table, i) for kind, i in zip(kinds, index.tolist(), strict=True))


def __getattr__(name: str) -> Any:
    return module_name(name)
