"""NEURON's classes by name.

In: nothing. Out: the table `h` looks in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rxd.neuron.artificial import NetStim
from rxd.neuron.counters import APCount
from rxd.neuron.cvode import CVode
from rxd.neuron.events import FInitializeHandler, NetCon
from rxd.neuron.files import File
from rxd.neuron.hoc.python_objects import PythonHandle
from rxd.neuron.impedance import Impedance
from rxd.neuron.import3d import IMPORT3D_CLASSES
from rxd.neuron.intfire import INTFIRE_CLASSES
from rxd.neuron.kschan import KSChan
from rxd.neuron.kschan_parts import KSGate, KSState, KSTrans
from rxd.neuron.linear import LinearMechanism
from rxd.neuron.lists import List
from rxd.neuron.matrix import Matrix
from rxd.neuron.parallel import ParallelContext
from rxd.neuron.patternstim import PatternStim
from rxd.neuron.plots import PLOT_CLASSES
from rxd.neuron.pointer_classes import HocPointer, PtrVector
from rxd.neuron.points import POINT_CLASSES
from rxd.neuron.random import Random
from rxd.neuron.savestate import BBSaveState, SaveState
from rxd.neuron.section_lists import SectionList, SectionRef
from rxd.neuron.sections import Section
from rxd.neuron.standard import MechanismStandard, MechanismType
from rxd.neuron.texts import String, StringFunctions
from rxd.neuron.transitions import StateTransitionEvent
from rxd.neuron.vecstim import VecStim
from rxd.neuron.vector import Vector
from rxd.neuron.windows import WINDOW_CLASSES

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
