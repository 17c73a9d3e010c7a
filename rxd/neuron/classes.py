"""NEURON's classes by name.

In: nothing. Out: the table `h` looks in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rxd.neuron.cells.impedance import Impedance
from rxd.neuron.cells.import3d import IMPORT3D_CLASSES
from rxd.neuron.cells.section_lists import SectionList, SectionRef
from rxd.neuron.cells.sections import Section
from rxd.neuron.events.artificial import NetStim
from rxd.neuron.events.connections import FInitializeHandler, NetCon
from rxd.neuron.events.counters import APCount
from rxd.neuron.events.intfire import INTFIRE_CLASSES
from rxd.neuron.events.patternstim import PatternStim
from rxd.neuron.events.transitions import StateTransitionEvent
from rxd.neuron.events.vecstim import VecStim
from rxd.neuron.hoc.python_objects import PythonHandle
from rxd.neuron.mechanisms.kschan import KSChan
from rxd.neuron.mechanisms.kschan_parts import KSGate, KSState, KSTrans
from rxd.neuron.mechanisms.linear import LinearMechanism
from rxd.neuron.mechanisms.points import POINT_CLASSES
from rxd.neuron.mechanisms.standard import MechanismStandard, MechanismType
from rxd.neuron.parallel import ParallelContext
from rxd.neuron.plots import PLOT_CLASSES
from rxd.neuron.random_numbers.random import Random
from rxd.neuron.runs.cvode import CVode
from rxd.neuron.runs.savestate import BBSaveState, SaveState
from rxd.neuron.texts.files import File
from rxd.neuron.texts.lists import List
from rxd.neuron.texts.strings import String, StringFunctions
from rxd.neuron.texts.windows import WINDOW_CLASSES
from rxd.neuron.vectors.matrix import Matrix
from rxd.neuron.vectors.pointer_classes import HocPointer, PtrVector
from rxd.neuron.vectors.vector import Vector

__all__ = ["CLASSES"]

CLASSES: Mapping[str, type[Any]] = MappingProxyType(
    {
        **{
            kind.__name__: kind
            for kind in (
                NetStim, *INTFIRE_CLASSES, VecStim, *POINT_CLASSES, *IMPORT3D_CLASSES, *PLOT_CLASSES, *WINDOW_CLASSES, APCount,
                BBSaveState, CVode, FInitializeHandler, File, Impedance, KSChan, KSGate, KSState, KSTrans, LinearMechanism,
                List, Matrix, MechanismStandard, MechanismType, NetCon, ParallelContext, PatternStim, PtrVector, Random,
                SaveState, Section, SectionList, SectionRef, StateTransitionEvent, String, StringFunctions, Vector,
            )
        },
        "Pointer": HocPointer,
        "PythonObject": PythonHandle,
    }
)  # fmt: skip
