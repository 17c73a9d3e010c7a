"""Impedance: input and transfer impedance of cells at one frequency.

In: a place and a frequency. Out: what a small sine current there does to the voltage elsewhere. Segments and the ends of
sections are the nodes of a linear network: axial conductances, capacitances, and the membrane conductance at the present state
(gates held, as NEURON's `compute(frequency)` does).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.section_lists import chosen_section
from rxd.neuron.sections import Section, Segment
from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.record import SectionRecord

__all__ = ["Impedance", "end_or_segment", "links"]

_US_PER_DENSITY = 1e-2  # S/cm2 um2 in uS
_NF_PER_DENSITY = 1e-5  # uF/cm2 um2 in nF
_AXIAL = 100.0  # 1 / (ohm cm / um) in uS


class Impedance:
    """`h.Impedance()`: call `loc(place)` and `compute(frequency)`, then ask."""

    def __init__(self) -> None:
        self._session = current_session()
        self._place: tuple[SectionRecord, float] | None = None
        self._number: dict[tuple[int, float], int] = {}
        self._solve: Any = None
        self._transfer: np.ndarray | None = None

    def loc(self, place: Segment | float, sec: Section | None = None) -> float:
        """Where the current is injected (or, for transfer, where it is measured)."""
        self._place = _where(place, sec)
        self._transfer = None
        return 0.0

    def compute(self, frequency: float, extended: float = 0, *_: float) -> float:
        """Solve for a frequency in Hz, at the present state.

        Raises
        ------
        HocError
            If something has a conductance that is not known here, or if `extended` is asked for and there are gates.
        """
        from scipy.sparse import csc_array
        from scipy.sparse.linalg import splu

        records = list(self._session.topology)
        self._refuse(records, bool(extended))
        self._number = {}
        rows, columns, values = _Network(self._number, 2e-3 * np.pi * float(frequency)).of(records, self._session)
        n = len(self._number)
        self._solve = splu(csc_array((values, (rows, columns)), shape=(n, n), dtype=complex)).solve
        self._transfer = None
        return 0.0

    def _refuse(self, records: list[SectionRecord], extended: bool) -> None:
        known = {"pas", "hh"}
        for record in records:
            other = [m for m in record.mechanisms if m not in known and self._session.catalogue.ion_of(m) is None]
            if other:
                raise HocError(f"Impedance does not know the conductance of {', '.join(other)} in {record.name}.")
            if extended and "hh" in record.mechanisms:
                raise HocError("Impedance.compute(frequency, 1), with gates that follow, is not supported; leave out the 1.")
        if any(point.kind == "VClamp" for point in self._session.run.points):
            raise HocError("Impedance does not know the conductance of a VClamp; use SEClamp.")
        from rxd.neuron.rxd.reactions import MultiCompartmentReaction

        if any(reaction.membrane_flux for reaction in self._session.chemistry.of(MultiCompartmentReaction)):
            raise HocError("Impedance does not know the conductance of currents declared with rxd (membrane_flux=True).")

    def _node(self, place: tuple[SectionRecord, float]) -> int:
        if self._solve is None:
            raise HocError("Impedance: call compute(frequency) first.")
        return self._number[end_or_segment(*place)]

    def _response(self, node: int) -> np.ndarray:
        """Voltages of all nodes for a current of 1 nA into one, mV."""
        current = np.zeros(len(self._number), dtype=complex)
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
    return (record.id, float(record.index(x))) if 0 < x < 1 else (record.id, -1.0 if x <= 0 else np.inf)


class _Network:
    """Entries of the matrix of a network: `numbers` gives its nodes their rows; `omega` is the frequency in 1/ms."""

    def __init__(self, numbers: dict[tuple[int, float], int], omega: float) -> None:
        self._numbers, self._omega = numbers, omega
        self._entries: list[tuple[int, int, complex]] = []

    def of(self, records: list[SectionRecord], session: Any) -> tuple[list[int], list[int], list[complex]]:
        """Rows, columns and values for all sections."""
        for record in records:
            for first, second, conductance in links(record):
                a, b = self._row(first), self._row(second)
                self._entries += [(a, a, conductance), (b, b, conductance), (a, b, -conductance), (b, a, -conductance)]
            for index, value in enumerate(self._membrane(record)):
                row = self._row((record.id, float(index)))
                self._entries.append((row, row, value))
        for point in session.run.points:
            conductance = _of_point(point, session.globals.t)
            if conductance:
                row = self._row(end_or_segment(point.host, point.x))
                self._entries.append((row, row, conductance))
        rows, columns, values = zip(*self._entries, strict=True)
        return list(rows), list(columns), list(values)

    def _row(self, key: tuple[int, float]) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _membrane(self, record: SectionRecord) -> np.ndarray:
        area = record.shape.area
        density = np.zeros(record.nseg)
        for name in ("g_pas", "gna_hh", "gk_hh", "gl_hh"):
            values = record.values(name)
            density = density if values is None else density + values
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
