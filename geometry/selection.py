"""Selections: sets of sections of one morphology, with set algebra.

In: sections named in any way a user may name them. Out: `Selection`, a frozen sorted array of section indices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.errors import GeometryError
from geometry.records import dataclass
from geometry.section import Location, Section

if TYPE_CHECKING:
    from geometry.morphology import Morphology

__all__ = ["SectionsLike", "Selection", "section_indices"]

IntArray = np.ndarray[Any, np.dtype[np.int64]]

SectionsLike = Any  # a Selection, a Section, a name, an index, or an iterable of these: `section_indices` checks


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Some of the sections of a morphology.

    Attributes
    ----------
    morphology : Morphology
        The cell.
    sections : ndarray of int, shape (n,)
        Indices of the sections, sorted, each once.
    """

    morphology: Morphology
    sections: IntArray

    def __post_init__(self) -> None:
        sections = np.array(self.sections, dtype=np.int64)
        if sections.ndim != 1 or np.any(sections[1:] <= sections[:-1]):
            sections = np.unique(sections)
        n = self.morphology.n_sections
        if sections.size and (sections[0] < 0 or sections[-1] >= n):
            wrong = sections[0] if sections[0] < 0 else sections[-1]
            raise GeometryError(f"There is no section {wrong}: this morphology has {n}, numbered 0..{n - 1}.")
        sections.setflags(write=False)
        object.__setattr__(self, "sections", sections)

    def __len__(self) -> int:
        return len(self.sections)

    def __bool__(self) -> bool:
        return self.sections.size > 0

    def __iter__(self) -> Iterator[Section]:
        return (Section(self.morphology, int(i)) for i in self.sections)

    def __contains__(self, section: object) -> bool:
        if isinstance(section, Section):
            return section.morphology is self.morphology and bool(np.any(self.sections == section.index))
        return isinstance(section, str) and any(section == name for name in self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selection):
            return NotImplemented
        return self.morphology is other.morphology and np.array_equal(self.sections, other.sections)

    def __hash__(self) -> int:
        return hash((id(self.morphology), self.sections.tobytes()))

    def _joined(self, other: Selection, how: str) -> Selection:
        if other.morphology is not self.morphology:
            raise GeometryError(f"Selections of two different morphologies cannot be combined with {how}.")
        a, b = set(self.sections.tolist()), set(other.sections.tolist())
        joined = a | b if how == "|" else a & b if how == "&" else a - b
        return Selection(self.morphology, np.array(sorted(joined), dtype=np.int64))

    def __or__(self, other: object) -> Selection:
        return self._joined(other, "|") if isinstance(other, Selection) else NotImplemented

    def __and__(self, other: object) -> Selection:
        return self._joined(other, "&") if isinstance(other, Selection) else NotImplemented

    def __sub__(self, other: object) -> Selection:
        return self._joined(other, "-") if isinstance(other, Selection) else NotImplemented

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sections, in order."""
        return tuple(self.morphology.names[i] for i in self.sections)

    @property
    def section(self) -> Section:
        """The only section of the selection.

        Raises
        ------
        GeometryError
            If there is none, or more than one.
        """
        if len(self) != 1:
            shown = ", ".join(self.names[:4]) + (", ..." if len(self) > 4 else "")
            raise GeometryError(
                f"This selection has {len(self)} sections{f' ({shown})' if shown else ''}, and exactly one is needed here. "
                'Pick one by name, such as cell["dend[3]"], or loop over the selection.'
            )
        return Section(self.morphology, int(self.sections[0]))

    @property
    def length(self) -> float:
        """Total arc length, um."""
        return float(self.morphology.length[self.sections].sum())

    def __call__(self, x: float) -> Location:
        """The place at the fraction `x` of the only section."""
        return self.section(x)

    def where(self, condition: Any) -> Selection:
        """The sections of this selection for which `condition(section)` is true."""
        return Selection(self.morphology, np.array([s.index for s in self if condition(s)], dtype=np.int64))

    def __repr__(self) -> str:
        shown = ", ".join(self.morphology.names[i] for i in self.sections[:4]) + (", ..." if len(self) > 4 else "")
        return f"<Selection: {len(self)} of {self.morphology.n_sections} sections{': ' + shown if shown else ''}>"


def section_indices(morphology: Morphology, what: SectionsLike) -> IntArray:
    """Sorted indices of the sections meant by `what`.

    Parameters
    ----------
    morphology : Morphology
        The cell.
    what : Selection, Section, str, int, or an iterable of these
        A name is either exact (`"dend[3]"`) or the part before the bracket, meaning all of them (`"dend"`).

    Returns
    -------
    ndarray of int, shape (n,)
        Sorted, each section once.

    Raises
    ------
    GeometryError
        For a section of another morphology, a name nobody has, an index out of range.
    """
    if isinstance(what, Selection):
        if what.morphology is not morphology:
            _check_same(morphology, what.morphology, repr(what))
        return what.sections
    if isinstance(what, Section):
        _check_same(morphology, what.morphology, what.name)
        return np.array([what.index], dtype=np.int64)
    if isinstance(what, str):
        return _named(morphology, what)
    if isinstance(what, (int, np.integer)) and not isinstance(what, bool):
        return Selection(morphology, np.array([what], dtype=np.int64)).sections
    if isinstance(what, np.ndarray) and np.issubdtype(what.dtype, np.integer):
        return Selection(morphology, what.ravel()).sections
    if isinstance(what, (list, tuple)) and what and all(type(item) is int for item in what):
        return Selection(morphology, np.array(what, dtype=np.int64)).sections  # as below, for a hundred thousand at once
    if isinstance(what, Iterable):
        parts = [section_indices(morphology, item) for item in what]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)
    raise GeometryError(f"Sections are given as a Selection, a Section, a name, an index, or a list of these; got {what!r}.")


def _check_same(morphology: Morphology, other: Morphology, what: str) -> None:
    if other is not morphology:
        raise GeometryError(f"{what} belongs to another morphology. Select it from the cell in use here.")


def _named(morphology: Morphology, name: str) -> IntArray:
    exact = [i for i, own in enumerate(morphology.names) if own == name]
    found = exact or [i for i, own in enumerate(morphology.names) if own.startswith(name + "[")]
    if not found:
        known = list(dict.fromkeys([*morphology.names, *(own.split("[")[0] for own in morphology.names)]))
        near = get_close_matches(name, known, n=3) or known[:3]
        raise GeometryError(f"There is no section {name!r}. Names here look like: {', '.join(near)}.")
    return np.array(found, dtype=np.int64)
