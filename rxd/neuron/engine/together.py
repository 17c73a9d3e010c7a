"""Like sections as one: what readers of range variables are given to bring many sections up to date at once.

In: the sections of an engine. Out: groups of them, each with what readers ask of a section.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geometry.records import dataclass

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine

__all__ = ["Together", "like_sections"]


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Sections with the same mechanisms, styles of ions and range variables, in the same groups of the model.

    Attributes
    ----------
    id : int
        Number among the places of sections (`Layout.index`); negative.
    records : list of SectionRecord
    nseg : int
        Segments of all.
    """

    id: int
    records: list[SectionRecord]
    nseg: int

    @property
    def mechanisms(self) -> list[str]:
        """Those of each section."""
        return self.records[0].mechanisms

    @property
    def ion_styles(self) -> dict[str, int]:
        """Those of each section."""
        return self.records[0].ion_styles

    @property
    def held(self) -> set[str]:
        """Ions whose reversal potentials are left alone in each section."""
        return self.records[0].held

    @property
    def store(self) -> Mapping[str, np.ndarray]:
        """Range variables, by segment: copies."""
        return {name: np.concatenate([record.store[name] for record in self.records]) for name in self.names}

    @property
    def names(self) -> list[str]:
        """Of the range variables that sections keep."""
        return list(self.records[0].store)

    def show(self, name: str, values: np.ndarray) -> None:
        """Give the sections new values of a range variable."""
        start = 0
        for record in self.records:
            record.store[name][:] = values[start : start + record.nseg]
            start += record.nseg


def like_sections(engine: Engine) -> list[Together]:
    """The sections of an engine that still are as it knows them, those that are like others together."""
    index, groups = engine.layout.index, engine.readout.group_of
    alike: defaultdict[tuple[object, ...], list[SectionRecord]] = defaultdict(list)
    for record in engine.layout.records:
        places = index[record.id]
        if record.alive and len(places) == record.nseg:
            styles = tuple(record.ion_styles.items())
            alike[*record.mechanisms, styles, *record.held, *record.store, np.unique(groups[places]).tobytes()].append(record)
    found = []
    for number, records in enumerate(alike.values(), 1):
        index[-number] = places = np.concatenate([index[record.id] for record in records])
        found.append(Together(-number, records, len(places)))
    return found
