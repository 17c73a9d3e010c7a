"""The cable: capacitance, axial conductance, tree elimination, electrodes and spikes.

In: `geometry.Segments`. Out: the parts of the cable equation that know nothing of channels or chemistry. Imports `geometry`
only.
"""

from __future__ import annotations

from cable.clamps import IClamp, SEClamp, VClamp
from cable.errors import CableError, ClampError, EventError
from cable.events import Detector, EventQueue, NetCon, SpikeSource
from cable.hines import HinesPlan, plan_elimination
from cable.operator import CableOperator, build_operator

__all__ = [
    "CableError",
    "CableOperator",
    "ClampError",
    "Detector",
    "EventError",
    "EventQueue",
    "HinesPlan",
    "IClamp",
    "NetCon",
    "SEClamp",
    "SpikeSource",
    "VClamp",
    "build_operator",
    "plan_elimination",
]
