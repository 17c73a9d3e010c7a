"""`neuron.rxd`: reaction-diffusion under NEURON's names.

In: declarations by scripts. Out: what the session's engine compiles.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from rxd.neuron.cells.sections import Section
from rxd.neuron.errors import NotSupported, RxDException
from rxd.neuron.internals import guard_modules
from rxd.neuron.rxd import constants, geometry, initializer, node, nodelist, options, region, rxdmath, species
from rxd.neuron.rxd.formula import Formula
from rxd.neuron.rxd.geometry import (
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
from rxd.neuron.rxd.reactions import MultiCompartmentReaction, Rate, Reaction
from rxd.neuron.rxd.region import Extracellular, Region
from rxd.neuron.rxd.rxdmath import v
from rxd.neuron.rxd.species import Parameter, Species, State
from rxd.neuron.session import current_session

__all__ = [
    "DistributedBoundary", "Extracellular", "FixedCrossSection", "FixedPerimeter", "FractionalVolume",
    "MultiCompartmentReaction", "MultipleGeometry", "Parameter", "RangeVar", "Rate", "Reaction", "Region", "RxDException",
    "ScalableBorder", "Shell", "Species", "State", "constants", "geometry", "initializer", "inside", "membrane", "node",
    "nodelist", "nthread", "options", "re_init", "region", "restore_state", "rxdmath", "save_state", "set_solve_type",
    "set_solver", "species", "v",
]  # fmt: skip


def RangeVar(name: str) -> Formula:
    """A range variable in a rate; only `v`, and the ions of species, can be used.

    Raises
    ------
    RxDException
        For any other variable.
    """
    if name == "v":
        return v
    raise RxDException(f"RangeVar({name!r}) is not supported in rates; rxd.v is, and species and parameters are.")


def set_solve_type(
    domain: Any = None,
    dimension: int | None = None,
    dx: float | None = None,
    nsubseg: int | None = None,
    method: str | None = None,
) -> None:
    """Say which sections are 3-D: `set_solve_type(dimension=3)` for all, `set_solve_type(secs, dimension=3)` for some.

    Raises
    ------
    RxDException
        For a dimension other than 1 and 3, a domain that is no sections, or an argument that has no meaning here.
    """
    if nsubseg is not None or method is not None:
        raise RxDException("set_solve_type: nsubseg and method are not supported.")
    if dx is not None:
        raise RxDException(f"set_solve_type: the edge of voxels belongs to regions: rxd.Region(..., dx={dx}).")
    if dimension not in {None, 1, 3}:
        raise RxDException(f"set_solve_type: dimension must be 1 or 3, not {dimension!r}.")
    sections = [domain] if isinstance(domain, Section) else list(domain) if isinstance(domain, Iterable) else []
    if domain is not None and (
        not isinstance(domain, (Section, Iterable)) or not all(isinstance(s, Section) for s in sections)
    ):
        raise RxDException(f"set_solve_type: name sections, rxd.set_solve_type([soma], dimension=3), not {domain!r}.")
    current_session().chemistry.cutting.set_dimension(None if domain is None else sections, dimension)


def nthread(n: int | None = None) -> int:
    """Number of threads; with an argument, set it."""
    chemistry = current_session().chemistry
    if n is not None:
        if int(n) < 1:
            raise RxDException("nthread: at least 1 thread")
        chemistry.threads = int(n)
    return chemistry.threads


def re_init() -> None:
    """Take the concentrations of NEURON's segments (`seg.cai`) into the nodes of all species."""
    chemistry = current_session().chemistry
    for quantity in chemistry.quantities:
        chemistry.take_from_segments(quantity)


def save_state() -> bytes:
    """The values of all nodes, as bytes for `restore_state`."""
    return current_session().chemistry.save()


def restore_state(oldstate: bytes) -> None:
    """Return to values kept by `save_state`.

    Raises
    ------
    RxDException
        If they belong to another model.
    """
    current_session().chemistry.restore(oldstate)


def set_solver(solver: Any = None) -> None:
    """Solvers of others cannot be plugged in.

    Raises
    ------
    RxDException
        Always, unless the argument is None.
    """
    if solver is not None:
        raise RxDException("set_solver: solvers cannot be plugged in; Axoplasm has its own.")


def __getattr__(name: str) -> Any:
    if name in {
        "export",
        "generalizedReaction",
        "multiCompartmentReaction",
        "rate",
        "reaction",
        "rxd",
        "rxdException",
        "section1d",
    }:
        module = importlib.import_module(f"{__name__}.{name}")
        guard_modules()
        return module
    raise NotSupported(f"rxd.{name} is not supported by Axoplasm's NEURON layer; there are: {', '.join(__all__)}")
