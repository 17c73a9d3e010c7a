"""Arrays over the nodes of a species that scripts read and write as if they were the model's memory.

In: species in boxes and in voxels. Out: plain ndarrays of their concentrations. They follow the model as long as somebody holds
them or a part of them, and what is written into them, in whatever way, reaches the model before anybody else looks.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["Views"]


class _Memory:
    """The base of a lent array. Parts of an array refer to the array whose base is no array: it lives as long as they do."""

    __slots__ = ("__array_interface__", "values")

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.__array_interface__ = values.__array_interface__


@dataclass(slots=True)
class _Lent:
    """One array; ``seen``: what was in it when model and array were last the same."""

    array: weakref.ref[np.ndarray]
    species: weakref.ref[Any]
    region: Any
    values: np.ndarray
    seen: np.ndarray


class Views:
    """The arrays that the scripts of a session hold."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lent: list[_Lent] = []

    def __bool__(self) -> bool:
        return bool(self._lent)

    def lend(self, species: Any, region: Any) -> np.ndarray:
        """The values of a species on a region, shape (n,)."""
        values = species.values(region)
        for lent in self._lent:
            array = lent.array()
            if array is not None and lent.values is values and lent.species() is species:
                return array
        array = np.asarray(_Memory(values))
        self._session.ready.clear()  # from now on they may be written without anybody being told
        self._lent.append(_Lent(weakref.ref(array), weakref.ref(species), region, values, values.copy()))
        return array

    def adopt(self) -> None:
        """Take into the model what scripts have written, also into arrays that nobody holds any more."""
        for lent in self._lent:
            written = np.flatnonzero(lent.values != lent.seen)
            species = lent.species()
            if len(written) and species is not None and lent.values is species._values.get(lent.region.number):
                given = lent.values[written]
                lent.seen[written] = given
                species.adopt(lent.region, written, given)
        self._lent = [lent for lent in self._lent if lent.array() is not None and lent.species() is not None]

    def follow(self) -> None:
        """Let the arrays show the model."""
        self.adopt()
        engine = self._session.run.engine
        for lent in self._lent:
            species = lent.species()
            if engine is not None and species is not None and lent.values is species._values.get(lent.region.number):
                engine.exchange.fetch_species(species, lent.region)
                lent.seen[:] = lent.values

    def settle(self) -> None:
        """What is in the arrays is not a script's doing."""
        for lent in self._lent:
            lent.seen[:] = lent.values
