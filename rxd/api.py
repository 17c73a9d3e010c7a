"""The names of the package: what `rxd.Model` and the like are, all in one place."""

from __future__ import annotations

from cable import Detector, IClamp, NetCon, SEClamp, SpikeSource, VClamp
from geometry import (
    DistributedBoundary,
    FixedCrossSection,
    FixedPerimeter,
    FractionalVolume,
    MultipleGeometry,
    ScalableBorder,
    Shell,
    inside,
    membrane,
)
from rxd.declare.functions import vtrap
from rxd.declare.mechanism import Current, Gate, Mechanism, PointMechanism
from rxd.declare.reactions import MultiCompartmentReaction, Rate, Reaction
from rxd.declare.region import Extracellular, Region
from rxd.declare.species import Parameter, Species, State
from rxd.declare.stimuli import PointProcess
from rxd.declare.symbols import Probe, celsius, concentration, ion_current, reversal, t, v
from rxd.discretize.nodes import Nodes
from rxd.errors import ConvergenceError, DeclarationError, DiscretizationError, KernelError, RxdError, RxdWarning, UnitsError
from rxd.model import Model
from rxd.nmodl import read_nmodl
from rxd.results import Results
from rxd.simulation import Simulation, compile_model

__all__ = [
    "ConvergenceError",
    "Current",
    "DeclarationError",
    "Detector",
    "DiscretizationError",
    "DistributedBoundary",
    "Extracellular",
    "FixedCrossSection",
    "FixedPerimeter",
    "FractionalVolume",
    "Gate",
    "IClamp",
    "KernelError",
    "Mechanism",
    "Model",
    "MultiCompartmentReaction",
    "MultipleGeometry",
    "NetCon",
    "Nodes",
    "Parameter",
    "PointMechanism",
    "PointProcess",
    "Probe",
    "Rate",
    "Reaction",
    "Region",
    "Results",
    "RxdError",
    "RxdWarning",
    "SEClamp",
    "ScalableBorder",
    "Shell",
    "Simulation",
    "Species",
    "SpikeSource",
    "State",
    "UnitsError",
    "VClamp",
    "celsius",
    "compile_model",
    "concentration",
    "inside",
    "ion_current",
    "membrane",
    "read_nmodl",
    "reversal",
    "t",
    "v",
    "vtrap",
]
