"""Recordings of `i_membrane` and `vext` at every step, for all segments at once: potentials of fibres need those of hundreds.

In: recorders. Out: values appended to their Vectors after each step, as `pointer.get()` would have them one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.cells.outside import DENSITY, NAME, seen
from rxd.neuron.engine.late import MANY
from rxd.neuron.vectors.pointers import RangePointer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rxd.neuron.recordings.recording import Recorder
    from rxd.neuron.session import Session

__all__ = ["Around", "shows_surroundings"]


def shows_surroundings(recorder: Recorder) -> bool:
    """Whether a recording is of `i_membrane`, or of `vext` in some layer, of a segment that has them."""
    pointer = recorder.pointer
    if not isinstance(pointer, RangePointer) or not pointer.record.alive or NAME not in pointer.record.mechanisms:
        return False
    return 0 < pointer.x < 1 and (pointer.name == "i_membrane" or pointer.name.startswith("vext_"))


class Around:
    """Such recordings, noted as rows of numbers until somebody looks at one of the Vectors."""

    __slots__ = ("_areas", "_at_once", "_by_name", "_places", "_revision", "_rows", "_session")

    def __init__(self, session: Session, recorders: Iterable[Recorder]) -> None:
        self._session, self._revision, self._at_once = session, (-1, -1), False
        self._by_name: dict[str, list[tuple[Recorder, RangePointer]]] = {}
        for recorder in recorders:
            if isinstance(recorder.pointer, RangePointer):
                self._by_name.setdefault(recorder.pointer.name, []).append((recorder, recorder.pointer))
        self._places: dict[str, np.ndarray] = {}
        self._rows: dict[str, list[np.ndarray]] = {name: [] for name in self._by_name}
        self._areas = np.zeros(0)

    def take(self) -> None:
        """Note the values after a step."""
        session = self._session
        if self._revision != (session.revision, session.shape_revision):
            self._find()
        if not any(self._rows.values()):
            vectors = [recorder.vector() for found in self._by_name.values() for recorder, _ in found]
            waiting = [vector._wait_for(self.flush) for vector in vectors if vector is not None]  # all are asked
            self._at_once = not all(waiting)
        count = 0
        for name, rows in self._rows.items():
            rows.append(self._values(name))
            count = len(rows)
        if self._at_once or count == MANY:
            self.flush()

    def flush(self) -> None:
        """Append what has been noted to the Vectors."""
        for name, found in self._by_name.items():
            columns = np.ascontiguousarray(np.array(self._rows[name]).T)
            self._rows[name].clear()
            for (recorder, _), values in zip(found, columns, strict=False):  # no columns if nothing has been noted
                vector = recorder.vector()
                if vector is not None:
                    vector._wait_for(None)
                recorder.append(values)

    def _values(self, name: str) -> np.ndarray:
        session, places = self._session, self._places[name]
        if name == "i_membrane":
            return np.asarray(DENSITY * session.membrane.all()[places] / self._areas)
        engine = session.run.engine
        if engine is None or engine.circuits.circuit is None:
            return np.asarray(seen(session)[places])
        return np.asarray(engine.circuits.outside(int(name.split("_")[1]))[places])

    def _find(self) -> None:
        """Where the segments are among all; sections that are gone show nothing any more."""
        self.flush()
        session = self._session
        for name, found in self._by_name.items():
            found[:] = [(recorder, pointer) for recorder, pointer in found if not pointer.is_gone]
            spots = [(pointer.record, pointer.record.index(pointer.x)) for _, pointer in found]
            self._places[name] = session.membrane.places(spots).astype(np.int64)
            if name == "i_membrane":
                self._areas = np.array([record.shape.area[i] for record, i in spots])
        self._revision = session.revision, session.shape_revision
