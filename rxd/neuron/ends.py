"""Voltage at the ends of sections, where no charge is stored.

In: voltages of segments. Out: the voltage of the point where sections meet: the mean of the segments next to it, weighted with
the conductances of the half-segments between, so that the axial currents sum to zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rxd.neuron.record import SectionRecord

__all__ = ["end_voltage"]


def end_voltage(record: SectionRecord, x: float) -> float:
    """Voltage in mV at the 0 or 1 end of a section."""
    end = 0 if x <= 0 else 1
    owner, at = _point(record, end)
    if 0 < at < 1:
        return float(_values(owner)[owner.index(at)])
    weights, total = 0.0, 0.0
    for section, its_end in _arms(owner, int(at)):
        shape = section.shape
        index = 0 if its_end == 0 else section.nseg - 1
        rho = shape.rho_left[0] if its_end == 0 else shape.rho_right[-1]
        g = 1.0 / (section.Ra * rho)
        weights += g
        total += g * float(_values(section)[index])
    return float(total / weights)


def _values(record: SectionRecord) -> object:
    return record.values("v")


def _point(record: SectionRecord, end: int) -> tuple[SectionRecord, float]:
    """The section that owns a point, and where on it: the section nearest to the root."""
    here, at = record, float(end)
    while here.parent is not None and at == here.end:
        here, at = here.parent, here.parent_x
    return here, at


def _arms(owner: SectionRecord, end: int) -> list[tuple[SectionRecord, int]]:
    """The section ends that meet at a point."""
    found = [(owner, end)]
    for child in owner.children:
        if child.parent_x == end:
            found.extend(_arms(child, child.end))
    return found
