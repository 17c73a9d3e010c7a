"""Import3d: morphology files into sections.

In: a file, read by `geometry.load`. Out: sections in a session, as attributes of a cell object or as names of `h`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from geometry import GeometryError, Morphology
from geometry.io import load_asc, load_swc
from rxd.neuron.cells.record import SectionRecord
from rxd.neuron.cells.section_lists import SectionList
from rxd.neuron.cells.sections import Section
from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.texts.lists import List
from rxd.neuron.vectors.matrix import Matrix
from rxd.neuron.vectors.vector import Vector

__all__ = ["IMPORT3D_CLASSES", "Import3d_GUI", "Import3d_Neurolucida3", "Import3d_SWC_read", "Import3d_Section"]


class _Reader(HocObject):
    """Reads a file of one format."""

    quiet: float = 0.0
    morphology: Morphology
    _sections: List | None = None

    def input(self, path: str) -> float:
        """Read a file.

        Raises
        ------
        HocError
            If it cannot be read; the message names the file and the line.
        """
        try:
            self.morphology = self._load(str(path))
        except (GeometryError, FileNotFoundError) as error:
            raise HocError(str(error)) from error
        self._sections = None
        return 1.0

    @abstractmethod
    def _load(self, path: str) -> Morphology:
        """Read the file."""

    def instantiate(self, cell: Any = None) -> float:
        """Make the sections, as `Import3d_GUI(reader).instantiate(cell)` does."""
        return Import3d_GUI(self, show=False).instantiate(cell)

    @property
    def sections(self) -> List:
        """What the file holds, as a List of Import3d_Section, in the order of `Morphology`."""
        if self._sections is None:
            found: list[Import3d_Section] = []
            for index, parent in enumerate(self.morphology.parent):
                found.append(Import3d_Section(self.morphology, index, found[parent] if parent >= 0 else None))
            self._sections = List()
            for section in found:
                self._sections.append(section)
        return self._sections


class Import3d_Section(HocObject):  # noqa: N801 - NEURON's name
    """A section as a file has it, whether it has been made in the session or not.

    Attributes
    ----------
    type : float
        1 soma, 2 axon, 3 basal and 4 apical dendrite, more for others.
    nameindex : float
        Its number among those of its type, as in `dend[3]`.
    raw : Matrix
        Its points, x, y, z in rows, um; `d` are the diameters.
    first : float
        The first point of its own: 1 where `raw` begins with the place it is joined to, which is elsewhere than its own points.
    parentsec, parentx : Import3d_Section or None, float
        What it hangs on, and where.
    iscontour_, is_subsidiary : float
        0: outlines of somas have become cylinders, and no section is part of another.
    """

    iscontour_ = 0.0
    is_subsidiary = 0.0

    def __init__(self, morphology: Morphology, index: int, parentsec: Import3d_Section | None) -> None:
        self._number = current_session().number("Import3d_Section")
        kind, number = _rank(morphology)(index)
        self.type, self.nameindex = float(kind), float(number)
        self.parentsec = parentsec
        self.parentx = 1.0 if parentsec is None else float(morphology.parent_x[index])
        start, stop = morphology.point_offset[index : index + 2]
        points = morphology.points[start:stop]
        place = None if parentsec is None else _elsewhere(points, morphology, int(morphology.parent[index]), self.parentx)
        self.first = 0.0 if place is None else 1.0
        if place is not None:
            points = np.vstack([[*place, points[0, 3]], points])
        self.d = Vector(points[:, 3])
        self.raw = Matrix(3, len(points))
        for row in range(3):
            self.raw.setrow(row, Vector(points[:, row]))

    def __repr__(self) -> str:
        return f"Import3d_Section[{self._number}]"


def _elsewhere(points: np.ndarray, morphology: Morphology, parent: int, x: float) -> np.ndarray | None:
    """Where a section is joined to its parent, um, if its points begin elsewhere, as on a soma's surface."""
    start, stop = morphology.point_offset[parent : parent + 2]
    return _joined_at(points, morphology.points[start:stop], x)


def _joined_at(points: np.ndarray, parent: np.ndarray, x: float) -> np.ndarray | None:
    place = parent[0, :3] * (1 - x) + parent[-1, :3] * x
    return place if np.abs(place - points[0, :3]).max() > 1e-6 else None


class Import3d_SWC_read(_Reader):  # noqa: N801 - NEURON's name
    """Reads SWC files."""

    def _load(self, path: str) -> Morphology:
        return load_swc(path)


class Import3d_Neurolucida3(_Reader):  # noqa: N801 - NEURON's name
    """Reads Neurolucida text files (version 3)."""

    def _load(self, path: str) -> Morphology:
        return load_asc(path)


class Import3d_GUI(HocObject):  # noqa: N801 - NEURON's name
    """Makes sections of what a reader has read.

    Parameters
    ----------
    reader : Import3d_SWC_read or Import3d_Neurolucida3
    show : bool
        NEURON opens a window; nothing opens here.
    """

    def __init__(self, reader: _Reader, show: bool = True) -> None:
        if not hasattr(reader, "morphology"):
            raise HocError("Import3d_GUI: the reader has no file yet; call reader.input('cell.swc') first.")
        self._reader = reader

    @property
    def swc(self) -> _Reader:
        """The reader, whose `sections` hold what the file has."""
        return self._reader

    @property
    def box(self) -> Any:
        """NEURON's window, which does not open here; scripts map and unmap it."""
        from rxd.neuron.texts.windows import WINDOW_CLASSES

        return next(kind for kind in WINDOW_CLASSES if kind.__name__ == "HBox")()

    def name(self, section: Import3d_Section, into: Any) -> float:
        """Write the name that a section of the file gets to a `strdef`: `soma`, `dend[3]`."""
        words = {1: "soma", 2: "axon", 3: "dend", 4: "apic"}
        kind = int(section.type)
        word = words.get(kind, f"dend_{kind}")
        into.set(f"{word}[{int(section.nameindex)}]" if section.nameindex > 0 else word)
        return 1.0

    def instantiate(self, cell: Any = None) -> float:
        """Make the sections.

        With a cell object they become its attributes `soma`, `dend`, `apic`, `axon` and `all` (lists); with None they get the
        names `h.soma` and so on.
        """
        session = current_session()
        morphology = self._reader.morphology
        made = {index: _make(morphology, index, cell) for index in sorted(range(morphology.n_sections), key=_rank(morphology))}
        sections = [made[index] for index in range(morphology.n_sections)]
        for section, parent, x in zip(sections, morphology.parent, morphology.parent_x, strict=True):
            if parent >= 0:
                session.topology.connect(section.record, sections[parent].record, float(x), 0)
                _keep_place(section.record, sections[parent].record.points, float(x))
        groups = _grouped(list(made.values()))
        if cell is None:
            from rxd.neuron.hoc.state import HocArray

            session.hoc.sections.update({name: HocArray(name, members) for name, members in groups.items()})
            return 1.0
        if hasattr(cell, "template"):
            _into_template(cell, groups)
            return 1.0
        for name, members in groups.items():
            setattr(cell, name, members)
        cell.all = [section for members in groups.values() for section in members]
        return 1.0


_SUBSETS = (("somatic", "soma"), ("axonal", "axon"), ("basal", "dend"), ("apical", "apic"))


def _into_template(cell: Any, groups: dict[str, list[Section]]) -> None:
    """Give an object of a hoc template its sections, and append them to the section lists it has for them."""
    from rxd.neuron.hoc.state import HocArray

    cell.names.update({name: HocArray(name, members) for name, members in groups.items()})
    own = [record.section for record in current_session().topology if record.section.cell() is cell]
    for subset, members in (("all", own), *((subset, groups.get(name, [])) for subset, name in _SUBSETS)):
        sections = cell.names.get(subset)
        if isinstance(sections, SectionList) and members:
            sections.append(*members)


def _make(morphology: Morphology, index: int, cell: Any) -> Section:
    start, stop = morphology.point_offset[index : index + 2]
    section = Section(morphology.names[index], cell)
    section.record.points = morphology.points[start:stop]
    outline = next((outline.points for outline in morphology.outlines if outline.section == index), None)
    section.record.outline = None if outline is None else (outline, section.record.points)
    return section


def _keep_place(record: SectionRecord, parent: np.ndarray, x: float) -> None:
    """Let a section that begins elsewhere than where `define_shape` looks for it, as on a soma's surface, stay there."""
    place = _joined_at(record.points, parent, x)
    if place is not None:
        record.logical_connection = place


def _rank(morphology: Morphology) -> Callable[[int], tuple[int, int]]:
    """NEURON's order of sections: by type, then by number."""
    types = {"soma": 1, "axon": 2, "basal": 3, "apical": 4}

    def rank(index: int) -> tuple[int, int]:
        kind = morphology.kinds[index]
        number = re.search(r"\[(\d+)\]$", morphology.names[index])
        digits = re.sub(r"\D", "", kind)
        return types.get(kind, int(digits) if digits else 99), int(number[1]) if number else 0

    return rank


def _grouped(sections: list[Section]) -> dict[str, list[Section]]:
    """Sections by the word before the bracket in their names."""
    groups: dict[str, list[Section]] = {}
    for section in sections:
        groups.setdefault(re.sub(r"^.*\.|\[\d+\]$", "", section.name()), []).append(section)
    return groups


IMPORT3D_CLASSES = (Import3d_Section, Import3d_SWC_read, Import3d_Neurolucida3, Import3d_GUI)
