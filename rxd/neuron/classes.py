"""NEURON's classes by name.

In: nothing. Out: the table `h` looks in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rxd.neuron.artificial import ARTIFICIAL_CLASSES
from rxd.neuron.cvode import CVode
from rxd.neuron.events import FInitializeHandler, NetCon, StateTransitionEvent
from rxd.neuron.import3d import IMPORT3D_CLASSES
from rxd.neuron.lists import List
from rxd.neuron.parallel import ParallelContext
from rxd.neuron.plots import PLOT_CLASSES
from rxd.neuron.points import POINT_CLASSES
from rxd.neuron.random import Random
from rxd.neuron.savestate import SaveState
from rxd.neuron.section_lists import SectionList, SectionRef
from rxd.neuron.sections import Section
from rxd.neuron.standard import MechanismStandard, MechanismType
from rxd.neuron.vector import Vector

__all__ = ["CLASSES"]

CLASSES: Mapping[str, type[Any]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            *ARTIFICIAL_CLASSES, *POINT_CLASSES, *IMPORT3D_CLASSES, *PLOT_CLASSES, CVode, FInitializeHandler, List,
            MechanismStandard, MechanismType, NetCon, ParallelContext, Random, SaveState, Section, SectionList, SectionRef,
            StateTransitionEvent, Vector,
        )
    }
)  # fmt: skip
