"""Impedance: input and transfer impedance of cells at one frequency.

In: a place and a frequency. Out: what a small sine current there does to the voltage elsewhere. Segments and the ends of
sections are the nodes of a linear network: axial conductances, capacitances, and the membrane conductance at the present state,
with all but the voltages held (`compute(frequency)`), or with all that moves (`compute(frequency, 1)`: gates, concentrations).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells.outside import NAME, resists
from rxd.neuron.cells.section_lists import chosen_section
from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.events.counters import APCount
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.points import POINT_CLASSES
from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.slopes import Slopes

__all__ = ["Impedance", "end_or_segment", "links"]

_US_PER_DENSITY = 1e-2  # S/cm2 um2 in uS
_NF_PER_DENSITY = 1e-5  # uF/cm2 um2 in nF
_AXIAL = 100.0  # 1 / (ohm cm / um) in uS
_CONDUCTANCES = (("g_pas",), ("gnabar_hh", *["m_hh"] * 3, "h_hh"), ("gkbar_hh", *["n_hh"] * 4), ("gl_hh",))
_SLOW = 1e-9  # 1/ms, instead of a frequency of zero


class Impedance(HocObject):
    """`h.Impedance()`: call `loc(place)` and `compute(frequency)`, then ask."""

    def __init__(self) -> None:
        self._session = current_session()
        self._place: tuple[SectionRecord, float] | None = None
        self._numbers: dict[tuple[int, float], int] = {}
        self._size = 0
        self._solve: Any = None
        self._transfer: np.ndarray | None = None
        self._slopes: tuple[bytes, Slopes] | None = None

    def loc(self, place: Segment | float, sec: Section | None = None) -> float:
        """Where the current is injected (or, for transfer, where it is measured)."""
        self._place = _where(place, sec)
        self._transfer = None
        return 0.0

    def deltafac(self, factor: float = 0.001) -> float:
        """The relative step of NEURON's differences in `compute(frequency, 1)`; slopes are exact here."""
        return float(factor)

    def compute(self, frequency: float, extended: float = 0, *_: float) -> float:
        """Solve for a frequency in Hz, at the present state; `extended`: with gates and whatever else that moves.

        Raises
        ------
        NotSupported
            With layers of `extracellular` that resist, or a LinearMechanism.
        """
        from scipy.sparse import csc_array
        from scipy.sparse.linalg import splu

        if self._session.linear or resists(self._session):
            raise NotSupported(
                "Impedance: layers of extracellular that resist and LinearMechanism are not part of it. Measure with a small "
                "current of an IClamp."
            )
        records = list(self._session.topology)
        self._numbers = {}
        network = _Network(self._numbers, 2e-3 * np.pi * float(frequency))
        if not extended and self._is_simple(records):
            rows, columns, values = network.of(records, self._session)
        else:
            rows, columns, values = network.with_slopes(records, self._present(), bool(extended))
        self._size = max(rows) + 1
        self._solve = splu(csc_array((values, (rows, columns)), shape=(self._size,) * 2, dtype=complex)).solve
        self._transfer = None
        return 0.0

    def _is_simple(self, records: list[SectionRecord]) -> bool:
        """Whether all conductances are known without a look at the equations."""
        known = {"pas", "hh", NAME}
        for record in records:
            if any(m not in known and self._session.catalogue.ion_of(m) is None for m in record.mechanisms):
                return False
        points = (*POINT_CLASSES, APCount)
        if any(
            not point.info.artificial and (type(point) not in points or point.kind == "VClamp")
            for point in self._session.run.points
        ):
            return False
        return not self._session.chemistry.quantities

    def _present(self) -> Slopes:
        """Slopes at the present state."""
        from rxd.neuron.engine.slopes import mark_of, slopes

        mark = mark_of(self._session)
        if self._slopes is None or self._slopes[0] != mark:
            self._slopes = mark, slopes(self._session)
        return self._slopes[1]

    def _node(self, place: tuple[SectionRecord, float]) -> int:
        if self._solve is None:
            raise HocError("Impedance: call compute(frequency) first.")
        return self._numbers[end_or_segment(*place)]

    def _response(self, node: int) -> np.ndarray:
        """Voltages of all nodes for a current of 1 nA into one, mV."""
        current = np.zeros(self._size, dtype=complex)
        current[node] = 1.0
        return np.asarray(self._solve(current))

    def _from_place(self) -> np.ndarray:
        if self._place is None:
            raise HocError("Impedance: call loc(place) first.")
        if self._transfer is None:
            self._transfer = self._response(self._node(self._place))
        return self._transfer

    def _input(self, place: Segment | float, sec: Section | None) -> complex:
        node = self._node(_where(place, sec))
        return complex(self._response(node)[node])

    def input(self, place: Segment | float, sec: Section | None = None) -> float:
        """Size of the input impedance at a place, megohm."""
        return abs(self._input(place, sec))

    def input_phase(self, place: Segment | float, sec: Section | None = None) -> float:
        """Phase of the input impedance at a place, radians."""
        return float(np.angle(self._input(place, sec)))

    def transfer(self, place: Segment | float, sec: Section | None = None) -> float:
        """Size of the transfer impedance between a place and `loc`, megohm."""
        return float(abs(self._from_place()[self._node(_where(place, sec))]))

    def transfer_phase(self, place: Segment | float, sec: Section | None = None) -> float:
        """Phase of the transfer impedance, radians."""
        return float(np.angle(self._from_place()[self._node(_where(place, sec))]))

    def ratio(self, place: Segment | float, sec: Section | None = None) -> float:
        """How much of a voltage at a place arrives at `loc`."""
        return self.transfer(place, sec) / self.input(place, sec)


def _where(place: Segment | float, sec: Section | None) -> tuple[SectionRecord, float]:
    if isinstance(place, Segment):
        return place.sec._alive, place.x
    return chosen_section(sec)._alive, float(place)


def end_or_segment(record: SectionRecord, x: float) -> tuple[int, float]:
    """What names a node: a segment by its number, an end that is joined to another section by where it is joined."""
    while record.parent is not None and x == record.end:
        record, x = record.parent, record.parent_x
    return (record.id, float(record.index(x))) if 0 < x < 1 else end_of(record.id, x)


def end_of(number: int, x: float) -> tuple[int, float]:
    """What names the end at x = 0 or 1 of the section whose record has this number: it lies before or behind all segments."""
    return number, -1.0 if x <= 0 else np.inf


class _Network:
    """Entries of the matrix of a network: `numbers` gives its nodes their rows; `omega` is the frequency in 1/ms."""

    def __init__(self, numbers: dict[tuple[int, float], int], omega: float) -> None:
        self._numbers, self._omega = numbers, omega
        self._entries: list[tuple[int, int, complex]] = []

    def with_slopes(self, records: list[SectionRecord], found: Slopes, extended: bool) -> Any:
        """Rows, columns and values for all sections, membranes and what moves in them as slopes say."""
        self._add_axial(records)
        held = 1j * self._omega if self._omega else 1j * _SLOW  # what a sum keeps constant has no slope of its own
        row = {position: self._row(key) for key, position in found.voltage.items() if key[0] in {r.id for r in records}}
        first = len(self._numbers)
        place = np.full(found.size, -1, dtype=np.int64)
        place[list(row)] = list(row.values())
        others = np.flatnonzero(place < 0)
        if extended:
            place[others] = first + np.arange(len(others))
        kept = (place[found.rows] >= 0) & (place[found.columns] >= 0)
        own = np.flatnonzero(place >= 0)
        scale = found.capacity[found.rows[kept]]
        rows, columns, values = zip(*self._entries, strict=True)
        shift = np.where(place[own] < first, 1j * self._omega, held) * found.capacity[own]
        return (
            np.concatenate([rows, place[found.rows[kept]], place[own]]).tolist(),
            np.concatenate([columns, place[found.columns[kept]], place[own]]).tolist(),
            np.concatenate([np.array(values, dtype=complex), -scale * found.values[kept], shift]),
        )

    def _add_axial(self, records: list[SectionRecord]) -> None:
        for record in records:
            for first, second, conductance in links(record):
                a, b = self._row(first), self._row(second)
                self._entries += [(a, a, conductance), (b, b, conductance), (a, b, -conductance), (b, a, -conductance)]

    def of(self, records: list[SectionRecord], session: Any) -> tuple[list[int], list[int], list[complex]]:
        """Rows, columns and values for all sections."""
        self._add_axial(records)
        for record in records:
            for index, value in enumerate(self._membrane(record)):
                row = self._row((record.id, float(index)))
                self._entries.append((row, row, value))
        for point in session.run.points:
            conductance = _of_point(point, session.globals.t)
            if conductance:
                row = self._row(end_or_segment(point.host, point.spot))
                self._entries.append((row, row, conductance))
        rows, columns, values = zip(*self._entries, strict=True)
        return list(rows), list(columns), list(values)

    def _row(self, key: tuple[int, float]) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _membrane(self, record: SectionRecord) -> np.ndarray:
        area = record.shape.area
        density = np.zeros(record.nseg)
        for names in _CONDUCTANCES:
            values = [record.values(name) for name in names]
            if values[0] is not None:
                density = density + np.prod(np.array(values), axis=0)
        capacitance = _NF_PER_DENSITY * area * record.store["cm"]
        return np.asarray(_US_PER_DENSITY * area * density + 1j * self._omega * capacitance)


def links(record: SectionRecord) -> Iterator[tuple[tuple[int, float], tuple[int, float], float]]:
    """Pairs of neighbouring nodes of a section, its ends included, and the conductance between them, uS."""
    shape, scale = record.shape, _AXIAL / record.Ra
    yield end_or_segment(record, 0.0), (record.id, 0.0), scale / float(shape.rho_left[0])
    for i in range(record.nseg - 1):
        yield (record.id, float(i)), (record.id, i + 1.0), scale / float(shape.rho_right[i] + shape.rho_left[i + 1])
    yield (record.id, record.nseg - 1.0), end_or_segment(record, 1.0), scale / float(shape.rho_right[-1])


def _of_point(point: Any, t: float) -> float:
    """Conductance of a synapse or of a clamp that is on, uS."""
    if point.host is None or not point.host.alive:
        return 0.0
    if "g" in point.values:
        return float(point.g)
    if point.kind == "SEClamp":
        on = t < max(point.dur1, *point.remembered)
        return 1.0 / point.rs if on else 0.0
    return 0.0
