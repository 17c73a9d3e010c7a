"""Species on one region, under NEURON's names: `ca[cyt]`.

In: a species, State or Parameter and one of its regions. Out: its nodes, values and coefficients there; in an extracellular
box as an array, by place and by voxel.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from rxd.neuron.errors import NoSuchVoxel, RxDException
from rxd.neuron.internals import Instance
from rxd.neuron.rxd.formula import Mathable, NodeSymbol
from rxd.neuron.rxd.nodelist import NodeList
from rxd.neuron.rxd.region import Extracellular, Region
from rxd.neuron.rxd.tissue import alpha_at

if TYPE_CHECKING:
    from rxd.neuron.rxd.species import Quantity

__all__ = ["AnyRegion", "SpeciesOnExtracellular", "SpeciesOnRegion"]

AnyRegion = Region | Extracellular
ROUND_OFF = 1e-6
"""How far beyond a side of its box a place may lie, in voxels: z + radius is the side where z is the side less the radius."""


class SpeciesOnRegion(Mathable):
    """A species on one of its regions: `ca[cyt]`."""

    __slots__ = ("__dict__", "__weakref__", "_region", "_species")

    def __init__(self, species: Quantity, region: AnyRegion) -> None:
        self._species = weakref.ref(species)
        self._region = region

    @property
    def species(self) -> Quantity:
        """The species.

        Raises
        ------
        RxDException
            If it is gone.
        """
        species = self._species()
        if species is None:
            raise RxDException(
                f"The species of this object on {self._region.label} is gone: keep a reference to it, ca = rxd.Species(...)."
            )
        return species

    @property
    def region(self) -> AnyRegion:
        """The region."""
        return self._region

    @property
    def expression(self) -> sympy.Expr:
        """Its symbol."""
        return NodeSymbol(self.species, self._region)

    @property
    def name(self) -> str | None:
        """Name of the species."""
        return self.species.name

    @property
    def charge(self) -> int:
        """Charge number of the species."""
        return self.species.charge

    @property
    def d(self) -> Any:
        """Diffusion coefficient on this region, um2/ms."""
        return self.species.d_on(self._region)

    @d.setter
    def d(self, value: Any) -> None:
        self.species.set_d_on(self._region, value)

    @property
    def nodes(self) -> NodeList:
        """Its nodes on this region."""
        return NodeList.of([(self.species, self._region)])

    @property
    def concentration(self) -> list[float]:
        """Values of the nodes."""
        return self.nodes.value

    @concentration.setter
    def concentration(self, value: Any) -> None:
        self.nodes.value = value

    @property
    def states(self) -> list[float]:
        """Values of the nodes."""
        return self.nodes.value

    @property
    def states3D(self) -> np.ndarray:
        """Values of its voxels in this region, shape (n,), in the order of its nodes there; write into it to set them.

        Raises
        ------
        RxDException
            If the region has no voxels.
        """
        voxels = np.flatnonzero(self.species.table(self._region).dimension == 3)
        if isinstance(self._region, Extracellular) or not len(voxels):
            raise RxDException(
                f"states3D: {self._region.label} has no voxels in cells. Use {self.species.label}[region].nodes.concentration, "
                "in a box states3d."
            )
        return self._lent()[voxels[0] : voxels[-1] + 1]

    @property
    def instance3d(self) -> Instance:
        """What NEURON keeps of the species in the voxels of this region: `states`, as `states3D`."""
        return Instance(self.species, self._region)

    def _lent(self) -> np.ndarray:
        return self.species.session.chemistry.views.lend(self.species, self._region)

    def indices(self, r: AnyRegion | None = None, secs: Any = None) -> list[int]:
        """Places of its nodes that are segments (in sections) in `rxd.node._states`."""
        return self.species.indices(self._region if r is None else r, secs)

    def defined_on_region(self, region: AnyRegion) -> bool:
        """Whether it is this region."""
        return region is self._region

    def __repr__(self) -> str:
        return f"{self.species!r}[{self._region!r}]"

    def __str__(self) -> str:
        return f"{self.species}[{self._region.shown}]"


class SpeciesOnExtracellular(SpeciesOnRegion):
    """A species in an extracellular box."""

    __slots__ = ()

    @property
    def states3d(self) -> np.ndarray:
        """Concentrations as an array (nx, ny, nz); write into it to set them."""
        return self._lent().reshape(self._region.shape)

    def node_by_location(self, x: float, y: float, z: float) -> Any:
        """The node of the voxel that holds a place (um); a place on the last side of the box belongs to the last voxel.

        Raises
        ------
        RxDException
            If the place is outside the box.
        """
        region: Any = self._region
        low = np.array([region._xlo, region._ylo, region._zlo])
        along = (np.array([x, y, z]) - low) / region._dx
        last = np.array(region.shape)
        if not np.all((along >= -ROUND_OFF) & (along <= last + ROUND_OFF)):
            high = low + last * region._dx
            sides = ", ".join(f"{axis} from {a:g} to {b:g}" for axis, a, b in zip("xyz", low, high, strict=True))
            raise NoSuchVoxel(f"({x:g}, {y:g}, {z:g}) is outside the box: {sides} um.")
        i, j, k = np.clip(np.floor(along), 0, last - 1).astype(int).tolist()
        return self.node_by_ijk(i, j, k)

    def node_by_ijk(self, i: int, j: int, k: int) -> Any:
        """The node of a voxel."""
        shape = self._region.shape
        if not all(0 <= index < size for index, size in zip((i, j, k), shape, strict=True)):
            raise NoSuchVoxel(f"Voxel ({i}, {j}, {k}) is outside the box, which has {shape[0]} x {shape[1]} x {shape[2]}.")
        return self.nodes[int(np.ravel_multi_index((i, j, k), shape))]

    def extent(self, axes: str) -> list[float]:
        """Lower and upper end of the box along some axes, um: `extent("xy")` gives xlo, xhi, ylo, yhi.

        Raises
        ------
        RxDException
            For other axes than x, y, z in this order.
        """
        if axes not in {"xyz", "xy", "xz", "yz", "x", "y", "z"}:
            raise RxDException(f"extent: the axes are xyz, xy, xz, yz, x, y or z, not {axes!r}.")
        return [float(getattr(self._region, f"_{axis}{end}")) for axis in axes for end in ("lo", "hi")]

    def alpha_by_location(self, locs: Any) -> Any:
        """Volume fraction: one number where it is the same everywhere, else an array for a list of places (x, y, z)."""
        region: Any = self._region
        return alpha_at(region.alpha, region, locs)
