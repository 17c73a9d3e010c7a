"""Region and Extracellular under NEURON's names.

In: sections and a geometry, as scripts give them. Out: declarations the session's chemistry keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.grid import ExtracellularGrid
from rxd.neuron.cells.sections import Section
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.internals import module_name, region_name
from rxd.neuron.rxd.geometry import Measured, as_shape, inside
from rxd.neuron.rxd.tissue import as_field, owner_of, present
from rxd.neuron.session import Session, current_session

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["Extracellular", "Region"]

INTERNALS = frozenset(("_all_regions", "_c_region_lookup", "_region_count"))


class Region:
    """A named part of some sections: `Region(secs, nrn_region="i", geometry=rxd.inside, dx=0.25, name="cyt")`.

    Parameters
    ----------
    secs : Section or iterable of Section
    nrn_region : "i", "o" or None
        Which side of the membrane it is for NEURON's ions.
    geometry : rxd geometry
    dimension : 1, 3 or None
    dx : float or None, um
        Edge of voxels in 3-D.
    name : str
    """

    def __init__(
        self,
        secs: Any = None,
        nrn_region: str | None = None,
        geometry: Any = inside,
        dimension: int | None = None,
        dx: float | None = None,
        name: str | None = None,
    ) -> None:
        self.session = current_session()
        self.records = _records(secs, self.session)
        if nrn_region not in {None, "i", "o"}:
            raise RxDException('nrn_region must be one of: None, "i", "o"')
        if dx is not None and not (isinstance(dx, (int, float, np.number)) and dx > 0):
            raise RxDException("dx must be a positive real number or None")
        if not self.records:
            caution("No sections. Region 'secs' should be a list of NEURON sections.")
        as_shape(geometry, None)
        self._nrn_region, self._geometry, self._dx, self.name = nrn_region, Measured(geometry, self.session), dx, name
        self.dimension = dimension
        self.number = self.session.chemistry.add(self)

    @property
    def label(self) -> str:
        """A text that tells it apart in messages."""
        return self.name or f"region{self.number}"

    @property
    def shown(self) -> str:
        """How formulas and reactions write it."""
        return repr(self) if self.name is None else str(self.name)

    @property
    def nrn_region(self) -> str | None:
        """Side of the membrane."""
        return self._nrn_region

    @nrn_region.setter
    def nrn_region(self, side: str | None) -> None:
        if side not in {None, "i", "o"}:
            raise RxDException('nrn_region must be one of: None, "i", "o"')
        self._nrn_region = side
        self.session.touch()

    @property
    def geometry(self) -> Any:
        """Its geometry."""
        return self._geometry

    @geometry.setter
    def geometry(self, geometry: Any) -> None:
        as_shape(geometry, None)
        self._geometry = Measured(geometry, self.session)
        self.session.touch()

    @property
    def dx(self) -> float | None:
        """Edge of voxels, um."""
        return self._dx

    @dx.setter
    def dx(self, dx: float) -> None:
        if not dx > 0:
            raise RxDException("dx must be a positive real number or None")
        self._dx = dx
        self.session.touch()

    @property
    def secs(self) -> list[Section]:
        """Its sections."""
        return [record.section for record in self.living]

    @secs.setter
    def secs(self, secs: Any) -> None:
        self.records = _records(secs, self.session)
        self.session.touch()

    @property
    def living(self) -> list[SectionRecord]:
        """Records of the sections that are still there."""
        return [record for record in self.records if record.alive]

    @property
    def is_area(self) -> bool:
        """Whether it is a membrane."""
        return as_shape(self._geometry, None).is_area

    def volume(self, index: int | None = None) -> Any:
        """Volume in um3: of all, or of one voxel."""
        from rxd.neuron.space.nodes import region_sizes

        volumes = region_sizes(self)[0]
        return float(volumes.sum()) if index is None else float(volumes[index])

    def __contains__(self, node: object) -> bool:
        """Whether a node is on the region."""
        return getattr(node, "region", None) is self

    def __getattr__(self, name: str) -> Any:
        return region_name(self, name)

    def __repr__(self) -> str:
        return f"Region(..., nrn_region={self._nrn_region!r}, geometry={self._geometry!r}, dx={self._dx!r}, name={self.name!r})"


def _records(secs: Any, session: Session) -> list[SectionRecord]:
    if isinstance(secs, Section):
        secs = [secs]
    if not isinstance(secs, Iterable):
        raise RxDException(f"Error: Region 'secs' must be a list of NEURON sections, {secs!r} is not a valid NEURON section.")
    records = []
    for section in secs:
        if not isinstance(section, Section):
            raise RxDException(
                f"Error: Region 'secs' must be a list of NEURON sections, {section!r} is not a valid NEURON section."
            )
        session.own(section.record.session, f"section {section.record.name}")
        records.append(section.record)
    return list({record.id: record for record in records}.values())


class Extracellular:
    """A box of extracellular space: `Extracellular(xlo, ylo, zlo, xhi, yhi, zhi, dx, volume_fraction=1, ...)`.

    Parameters
    ----------
    xlo, ylo, zlo, xhi, yhi, zhi : float, um
    dx : float or three of them, um
    volume_fraction, tortuosity, permeability : float, array, or function of x, y, z
        Permeability is 1 / tortuosity^2; give one of the two. It and the volume fraction may be a State or Parameter.
    """

    nrn_region = "o"
    is_area = False

    def __init__(
        self,
        xlo: float,
        ylo: float,
        zlo: float,
        xhi: float,
        yhi: float,
        zhi: float,
        dx: Any,
        volume_fraction: Any = 1,
        tortuosity: Any = None,
        permeability: Any = None,
    ) -> None:
        if tortuosity is not None and permeability is not None:
            raise RxDException("Extracellular: give tortuosity or permeability, not both (permeability is 1 / tortuosity^2).")
        if not (xlo < xhi and ylo < yhi and zlo < zhi):
            raise RxDException("Extracellular: the low corner must lie below the high corner in x, y and z.")
        self.session = current_session()
        steps = tuple(map(float, dx)) if hasattr(dx, "__len__") else (float(dx),) * 3
        if len(steps) != 3 or min(steps) <= 0:
            raise RxDException(f"Extracellular: dx is one or three positive numbers, not {dx!r}.")
        self._dx = steps
        self._xlo, self._ylo, self._zlo = xlo, ylo, zlo
        self.shape = tuple(
            int(np.ceil((high - low) / step)) for low, high, step in zip((xlo, ylo, zlo), (xhi, yhi, zhi), steps, strict=True)
        )
        self._xhi, self._yhi, self._zhi = (
            low + n * step for low, n, step in zip((xlo, ylo, zlo), self.shape, steps, strict=True)
        )
        self._nx, self._ny, self._nz = self.shape
        low, high = (xlo, ylo, zlo), (self._xhi, self._yhi, self._zhi)
        self.grid = ExtracellularGrid(*low, *high, steps)  # where its voxels are, without its properties
        self.name: str | None = None
        self.records: list[SectionRecord] = []
        self.number = self.session.chemistry.add(self)
        self.edits = 0
        self._alpha = as_field(volume_fraction, self, "volume_fraction")
        self._tortuosity = (
            None if permeability is not None else as_field(1.0 if tortuosity is None else tortuosity, self, "tortuosity")
        )
        self._permeability = None if permeability is None else as_field(permeability, self, "permeability")

    @property
    def alpha(self) -> Any:
        """Volume fraction: a number, an array of `shape`, or the State or Parameter it was set to.

        Setting it (these, or a function of x, y, z) leaves concentrations as they are.
        """
        return self._alpha

    @alpha.setter
    def alpha(self, value: Any) -> None:
        self._alpha = as_field(value, self, "volume_fraction")
        self.changed()

    @property
    def tortuosity(self) -> Any:
        """Tortuosity: a number or an array of `shape`."""
        return self.tortuosities

    @tortuosity.setter
    def tortuosity(self, value: Any) -> None:
        self._tortuosity, self._permeability = as_field(value, self, "tortuosity"), None
        self.changed()

    @property
    def permeability(self) -> Any:
        """1 / tortuosity^2: a number, an array of `shape`, or the State or Parameter it was set to."""
        return self._permeability if self._tortuosity is None else 1.0 / np.square(self._tortuosity)

    @permeability.setter
    def permeability(self, value: Any) -> None:
        self._permeability, self._tortuosity = as_field(value, self, "permeability"), None
        self.changed()

    @property
    def fractions(self) -> Any:
        """Volume fraction in numbers: one, or an array of `shape`."""
        return present(self._alpha, self)

    @property
    def known_fractions(self) -> Any:
        """The same, but 1 as long as a quantity that gives them has no values."""
        quantity = owner_of(self._alpha)
        if quantity is None:
            return self._alpha
        values = quantity._values.get(self.number)
        return 1.0 if values is None else values.reshape(self.shape)

    @property
    def tortuosities(self) -> Any:
        """Tortuosity in numbers: one, or an array of `shape`."""
        if self._tortuosity is not None:
            return self._tortuosity
        with np.errstate(divide="ignore"):  # nothing diffuses where the permeability is 0
            return 1.0 / np.sqrt(present(self._permeability, self))

    def changed(self) -> None:
        """Note that a property has changed."""
        self.edits += 1
        self.session.touch()

    def depends_on(self, quantity: object) -> bool:
        """Whether a State or Parameter is one of its properties."""
        return quantity is self._alpha or quantity is self._permeability

    @property
    def label(self) -> str:
        """A text that tells it apart in messages."""
        return self.name or f"extracellular{self.number}"

    @property
    def shown(self) -> str:
        """How formulas write it: as its kind."""
        return type(self).__name__

    @property
    def dx(self) -> Any:
        """Edges of voxels, um: one number if they are equal."""
        return self._dx[0] if len(set(self._dx)) == 1 else self._dx

    def volume(self, index: int | None = None) -> float:
        """Volume in um3 of the free space: of all, or of one voxel."""
        box = float(np.prod(self._dx))
        fraction = np.broadcast_to(np.asarray(self.fractions, dtype=float), self.shape).ravel()
        return box * float(fraction.sum() if index is None else fraction[index])

    def __contains__(self, node: object) -> bool:
        """Whether a node is in the box."""
        return getattr(node, "region", None) is self

    def __repr__(self) -> str:
        corners = (
            f"xlo={self._xlo!r}, ylo={self._ylo!r}, zlo={self._zlo!r}, xhi={self._xhi!r}, yhi={self._yhi!r}, zhi={self._zhi!r}"
        )
        # a quantity by its name alone: what it is defined on would come here again
        owners = owner_of(self._alpha), owner_of(self._permeability)
        alpha = repr(self.alpha) if owners[0] is None else owners[0].label
        spread = f"tortuosity={self.tortuosity!r}" if owners[1] is None else f"permeability={owners[1].label}"
        return f"Extracellular({corners}, {spread}, volume_fraction={alpha})"


def __getattr__(name: str) -> Any:
    return module_name(name)
