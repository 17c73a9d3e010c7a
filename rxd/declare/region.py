"""Region: a named part of space: cytosol, endoplasmic reticulum, a membrane, the outside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from geometry import Selection, shapes

from rxd.errors import DeclarationError


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
    """

    __slots__ = ("name", "selection", "shape", "side")

    def __init__(self, selection: Selection | Iterable[Any], name: str, side: Literal["i", "o"] | None = None, shape: Any = None) -> None:
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
                    f"Region '{name}': shape must be one of rxd.inside, rxd.membrane, rxd.Shell(...), rxd.FractionalVolume(...) "
                    f"...; got {shape!r}."
                )
                raise DeclarationError(message)

    @property
    def is_membrane(self) -> bool:
        """True if the region is a surface: it has an area and no volume."""
        return bool(self.shape.is_area) and not bool(self.shape.is_volume)

    def __repr__(self) -> str:
        side = f", side={self.side!r}" if self.side else ""
        return f"Region({self.name!r}, {len(self.selection)} sections, {self.shape!r}{side})"


def as_selection(selection: Any, what: str) -> Selection:
    """A non-empty Selection from a Selection or sections of one morphology."""
    if not isinstance(selection, Selection):
        selection = _from_sections(selection, what)
    if len(selection) == 0:
        message = f"{what}: the selection is empty: no section matches. Print the morphology to see its sections and their kinds."
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
            found.append(Selection(section.morphology, [section.index]))
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
