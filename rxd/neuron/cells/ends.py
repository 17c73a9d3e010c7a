"""Voltage at the ends of sections, where no charge is stored.

In: voltages of segments. Out: the voltage of the point where sections meet: the mean of the segments next to it, weighted with
the conductances of the half-segments between, so that the axial currents sum to zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["end_voltage", "joint", "shares", "sides", "tied_to"]


def end_voltage(record: SectionRecord, x: float) -> float:
    """Voltage in mV at the 0 or 1 end of a section."""
    end = 0 if x <= 0 else 1
    engine = record.session.run.engine
    if engine is not None and record.id in engine.layout.index:
        own = engine.layout.end(record, float(end))
        if own is not None:
            return float(engine.y[engine.readout.positions("v")[own]])
    found = shares(record, float(end))
    if engine is not None and engine.circuits.layered and all(engine.layout.fits(one) for one, *_ in found):
        # what flows along the cable follows the potential inside
        inside = sum(share * float(engine.circuits.inside(one, _values(one))[index]) for one, index, share in found)
        return inside - (engine.circuits.at_end(record, float(end), 0) or 0.0)
    return sum(share * float(_values(section)[index]) for section, index, share in found)


def _values(record: SectionRecord) -> np.ndarray:
    values = record.values("v")
    assert values is not None
    return values


def joint(record: SectionRecord, end: int) -> tuple[SectionRecord, float]:
    """The section that owns a point, and where on it: the section nearest to the root."""
    here, at = record, float(end)
    while here.parent is not None and at == here.end:
        here, at = here.parent, here.parent_x
    return here, at


def tied_to(record: SectionRecord, x: float) -> tuple[SectionRecord, float]:
    """The place that a place is in NEURON: an end joined to another section is where that section has it."""
    return (record, x) if 0 < x < 1 else joint(record, 0 if x <= 0 else 1)


def _arms(owner: SectionRecord, end: int) -> list[tuple[SectionRecord, int]]:
    """The section ends that meet at a point."""
    found = [(owner, end)]
    for child in owner.children:
        if child.parent_x == end:
            found.extend(_arms(child, child.end))
    return found


def sides(owner: SectionRecord, end: int) -> list[SectionRecord]:
    """The sections that meet at an end that one of them owns."""
    return [section for section, _ in _arms(owner, end)]


def shares(record: SectionRecord, x: float) -> list[tuple[SectionRecord, int, float]]:
    """How a current injected at a place divides: sections, segments in them, and shares that sum to 1."""
    if 0 < x < 1:
        return [(record, record.index(x), 1.0)]
    owner, at = joint(record, 0 if x <= 0 else 1)
    if 0 < at < 1:
        return [(owner, owner.index(at), 1.0)]
    arms = [(section, *_arm(section, end)) for section, end in _arms(owner, int(at))]
    total = sum(g for *_, g in arms)
    return [(section, index, g / total) for section, index, g in arms]


def _arm(section: SectionRecord, end: int) -> tuple[int, float]:
    """The segment at an end of a section, and the conductance between the two (in units of its own)."""
    shape = section.shape
    index = 0 if end == 0 else section.nseg - 1
    rho = shape.rho_left[0] if end == 0 else shape.rho_right[-1]
    return index, 1.0 / (section.Ra * float(rho))
