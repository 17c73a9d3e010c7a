"""The rxd declarations of a session.

In: regions, species, reactions as scripts make them. Out: what the engine declares to `rxd.Model`. The session knows them
weakly: a species or reaction nobody refers to is gone, as in NEURON.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rxd.neuron.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["Chemistry"]


class Chemistry:
    """Regions, species, states, parameters and reactions, in order of creation."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._things: dict[int, weakref.ref[Any]] = {}
        self._made = 0

    def add(self, thing: Any) -> int:
        """Take note of a declaration; returns its number."""
        number = self._made
        self._made += 1
        table, session = self._things, weakref.ref(self.session)

        def gone(_: object) -> None:
            table.pop(number, None)
            owner = session()
            if owner is not None:
                owner.touch()

        self._things[number] = weakref.ref(thing, gone)
        self.session.touch()
        return number

    def of(self, kind: type[Any] | tuple[type[Any], ...]) -> list[Any]:
        """All living declarations of a kind."""
        found = (reference() for reference in list(self._things.values()))
        return [thing for thing in found if isinstance(thing, kind)]

    @property
    def has_species(self) -> bool:
        """Whether anything was declared."""
        return bool(self._things)

    def place(self) -> None:
        """Bring the declarations up to date with the sections."""

    def regions_of(self, record: SectionRecord) -> set[Any]:
        """The regions a section is part of."""
        return set()

    def species_of(self, record: SectionRecord) -> set[Any]:
        """The species in a section."""
        return set()
