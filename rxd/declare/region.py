"""Region: a named part of space: cytosol, endoplasmic reticulum, a membrane, the outside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from geometry import Selection, shapes
from geometry.grid import ExtracellularGrid
from rxd.errors import DeclarationError
from rxd.units import as_number


class Region:
    """A named part of some sections.

    Parameters
    ----------
    selection : geometry.Selection
        The sections it lies in.
    name : str
        Unique in a model.
    side : {"i", "o"}, optional
        ``"i"``: the inside of the plasma membrane, ``"o"``: the outside. Ionic currents change the charged species there.
    shape : geometry shape
        `geometry.shapes`: inside (default), membrane, Shell, FractionalVolume, DistributedBoundary ...
    dimension : {1, 3} or Selection
        1: a node per segment; 3: voxels; a selection: those sections in voxels, the others per segment, joined at their ends.
    dx : float
        Edge of a voxel in um. All regions in voxels of one model share one grid.
    """

    __slots__ = ("dx", "name", "selection", "shape", "side", "voxel_sections")

    def __init__(
        self,
        selection: Selection | Iterable[Any],
        name: str,
        side: Literal["i", "o"] | None = None,
        shape: Any = None,
        dimension: int | Selection = 1,
        dx: float = 0.25,
    ) -> None:
        self.name = check_name(name, "Region")
        self.selection = as_selection(selection, f"Region '{name}'")
        if side not in (None, "i", "o"):
            message = f"Region '{name}': side is 'i' (inside the plasma membrane), 'o' (outside) or None; got {side!r}."
            raise DeclarationError(message)
        self.side = side
        self.shape = shapes.inside if shape is None else shape
        for attribute in ("is_volume", "is_area", "volumes", "membrane_areas"):
            if not hasattr(self.shape, attribute):
                message = (
                    f"Region '{name}': shape must be one of rxd.inside, rxd.membrane, rxd.Shell(...), "
                    f"rxd.FractionalVolume(...) ...; got {shape!r}."
                )
                raise DeclarationError(message)
        self.voxel_sections = self._voxel_sections(dimension)
        self.dx = as_number(dx, f"dx of region '{name}'", "um")
        if self.dx <= 0:
            message = f"Region '{name}': dx is the edge of a voxel in um and must be positive; got {dx!r}."
            raise DeclarationError(message)

    def _voxel_sections(self, dimension: int | Selection) -> frozenset[int]:
        """Sections that are cut into voxels."""
        own = frozenset(map(int, self.selection.sections))
        if isinstance(dimension, Selection):
            common = own & frozenset(map(int, dimension.sections))
            if not common or dimension.morphology is not self.selection.morphology:
                names = ", ".join(dimension.morphology.names[i] for i in dimension.sections[:5]) or "none at all"
                message = (
                    f"Region '{self.name}': none of the sections that dimension= cuts into voxels ({names}) is in the region. "
                    f"Use dimension=1, or a selection of the region's own sections."
                )
                raise DeclarationError(message)
            return common
        if dimension not in (1, 3):
            message = f"Region '{self.name}': dimension is 1, 3 or the selection of sections that are 3D; got {dimension!r}."
            raise DeclarationError(message)
        return own if dimension == 3 else frozenset()

    @property
    def on_cell_surface(self) -> bool:
        """True for a membrane that is (part of) the plasma membrane: in 3D it lives on surface voxels only."""
        return self.is_membrane and bool(getattr(self.shape, "on_cell_surface", False))

    @property
    def is_membrane(self) -> bool:
        """True if the region is a surface: it has an area and no volume."""
        return bool(self.shape.is_area) and not bool(self.shape.is_volume)

    def __repr__(self) -> str:
        side = f", side={self.side!r}" if self.side else ""
        return f"Region({self.name!r}, {len(self.selection)} sections, {self.shape!r}{side})"


class Extracellular(Region):
    """A box of extracellular space around the cells, in voxels; a region with ``side="o"``.

    Parameters
    ----------
    xlo, ylo, zlo, xhi, yhi, zhi : float
        Corners in um; the box must hold every section that exchanges with it.
    dx : float or sequence of 3 floats
        Voxel edges in um.
    volume_fraction, tortuosity : float, array of the box's shape, or function of position (x, y, z)
        alpha and lambda: volume is ``alpha V``, diffusion ``D / lambda^2``.
    name : str

    Attributes
    ----------
    without : frozenset of int
        Sections whose membrane exchanges nothing with the box, whatever their mechanisms; none, unless the layer for NEURON's
        scripts has found some that are outside.
    fraction : symbol or None
        Of a state that is the volume fraction, and changes; ``volume_fraction`` is what it was when the box was made. Set by
        that layer, too.
    """

    __slots__ = ("box", "fraction", "without")

    def __init__(
        self,
        xlo: float,
        ylo: float,
        zlo: float,
        xhi: float,
        yhi: float,
        zhi: float,
        dx: Any,
        volume_fraction: Any = 1.0,
        tortuosity: Any = 1.0,
        name: str = "ecs",
    ) -> None:
        self.name = check_name(name, "Extracellular")
        self.without: frozenset[int] = frozenset()
        self.fraction: Any = None
        self.selection = None  # type: ignore[assignment]
        self.side = "o"
        self.shape = shapes.inside
        self.voxel_sections = frozenset()
        self.dx = float(np.min(np.asarray(dx, dtype=float)))
        self.box = ExtracellularGrid(xlo, ylo, zlo, xhi, yhi, zhi, dx, volume_fraction, tortuosity)

    @property
    def is_membrane(self) -> bool:
        """False: the box has a volume."""
        return False

    def __repr__(self) -> str:
        return f"Extracellular({self.name!r}, {self.box!r})"


def as_selection(selection: Any, what: str) -> Selection:
    """A non-empty Selection from a Selection or sections of one morphology."""
    if not isinstance(selection, Selection):
        selection = _from_sections(selection, what)
    if len(selection) == 0:
        message = (
            f"{what}: the selection is empty: no section matches. Print the morphology to see its sections and their kinds."
        )
        raise DeclarationError(message)
    return selection


def _from_sections(sections: Any, what: str) -> Selection:
    if not isinstance(sections, Iterable) or isinstance(sections, (str, bytes)):
        sections = [sections]
    found: list[Selection] = []
    for section in sections:
        if isinstance(section, Selection):
            found.append(section)
        elif hasattr(section, "morphology") and hasattr(section, "index"):
            found.append(Selection(section.morphology, np.array([section.index], dtype=np.int64)))
        else:
            message = f"{what}: expected a selection such as cell.dendrites or sections of a morphology; got {section!r}."
            raise DeclarationError(message)
    if not found:
        message = f"{what}: the selection is empty."
        raise DeclarationError(message)
    union = found[0]
    for other in found[1:]:
        union = union | other
    return union


def check_name(name: Any, what: str) -> str:
    """A word that can label results and generated code."""
    if not isinstance(name, str) or not name.isidentifier():
        message = f"{what} needs a name that is a word (letters, digits, _), for example name='ca'; got {name!r}."
        raise DeclarationError(message)
    return name
