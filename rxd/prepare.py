"""Compiles what all models share, before a first model waits for it: in a container, on a cluster, for a class of students.

In: kinds of models. Out: compiled code on disk, beside the package or, where nobody may write, in the user's cache folder.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType
from typing import Final

import geometry
import rxd
from geometry import SectionSpec
from geometry.voxelize import VoxelWarning
from rxd import library
from rxd.errors import DeclarationError
from rxd.solve.problem import Statistics
from rxd.solve.single import Single
from rxd.solve.split import SplitStepper

__all__ = ["KINDS", "prepare"]


def prepare(kinds: Sequence[str] = ()) -> Iterator[tuple[str, float]]:
    """Compile and run a small model of every kind; what it needs from disk is not compiled again.

    Parameters
    ----------
    kinds : sequence of str
        Names in `KINDS`; none: all of them.

    Yields
    ------
    kind : str
        What is ready now.
    seconds : float
        How long it took; well below a second where everything was there.

    Raises
    ------
    DeclarationError
        For a name that is not a kind, before anything is compiled.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        message = f"Unknown kind of model {', '.join(map(repr, unknown))}. Choose from: {', '.join(KINDS)}."
        raise DeclarationError(message)
    return _prepared(kinds or list(KINDS))


def _prepared(kinds: Sequence[str]) -> Iterator[tuple[str, float]]:
    for kind in kinds:
        began = time.perf_counter()
        KINDS[kind]()
        yield kind, time.perf_counter() - began


def _cable(method: str) -> None:
    """A branched cable with channels, chemistry that diffuses, a synapse and spikes that reach it."""
    specs = [SectionSpec("soma", [(0, 0, 0, 10), (10, 0, 0, 10)], "soma")]
    specs += [SectionSpec(f"dend[{i}]", [(10, 0, 0, 1), (30, 20 * i, 0, 1)], "basal", "soma") for i in range(2)]
    cell = geometry.Morphology.from_sections(specs)
    model = rxd.Model(cell, segments=3)
    model.insert(library.hh(), on=cell.all)
    cytosol = rxd.Region(cell.all, name="cyt", side="i")
    calcium = rxd.Species(cytosol, name="ca", d=0.2, charge=2, initial=1e-4)
    buffer, bound = (rxd.Species(cytosol, name=name, d=0.01, initial=0.01) for name in ("buffer", "bound"))
    model.add(rxd.Reaction(calcium + buffer, bound, 1.0, 0.1), rxd.Rate(calcium, (1e-4 - calcium) / 50))
    if method == "split":  # which steps in another loop where nothing is connected
        model.compile(method, dt=0.025).run(0.1)
    synapse = rxd.PointProcess(library.exp_syn(tau=2, e=0), cell["dend[0]"](0.5))
    model.add(
        rxd.NetCon(rxd.SpikeSource(number=1, start=0.1), synapse, weight=0.01, delay=0.1),
        rxd.NetCon(rxd.Detector(cell.soma(0.5), threshold=0), synapse, weight=0.01, delay=1),
    )
    sim = model.compile(method, dt=0.025)
    sim.run(1.0)
    if isinstance(sim.stepper, SplitStepper):  # what scripts step with
        state = sim.state
        Single(sim.stepper, state, sim.problem.stimuli.clamped(state.t), 0).step(state.t, Statistics())


def _voxels() -> None:
    """A bulb on a neurite in voxels, joined to a cable, with chemistry inside; then a box of extracellular space."""
    cell = geometry.Morphology.from_sections(
        [
            SectionSpec("bulb", [(0, 0, 0, 2), (2, 0, 0, 2)]),
            SectionSpec("neck", [(2, 0, 0, 0.9), (4, 0, 0, 0.8)], parent="bulb"),
            SectionSpec("cable", [(4, 0, 0, 0.8), (9, 0, 0, 0.8)], parent="neck"),
        ]
    )
    model = rxd.Model(cell, segments=3)
    fine = rxd.Region(cell["bulb"] | cell["neck"], name="fine", side="i", dimension=3, dx=0.3)
    calcium, buffer, bound = (rxd.Species(fine, name=name, d=0.2, initial=0.01) for name in ("ca", "buffer", "bound"))
    model.add(rxd.Reaction(calcium + buffer, bound, 1.0, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoxelWarning)
        model.compile("split", dt=0.025).run(0.1)
    inside = geometry.cylinder(10, 1)
    outside = rxd.Model(inside, segments=1)
    outside.insert(library.hh(), on=inside.all)
    cytosol, box = rxd.Region(inside.all, name="cyt", side="i"), rxd.Extracellular(-3, -3, -3, 13, 3, 3, dx=1)
    outside.add(rxd.Species([cytosol, box], name="k", d=2.6, charge=1, initial={cytosol: 54.4, box: 3.0}))
    for method in ("split", "coupled"):
        outside.compile(method, dt=0.025).run(0.1)


KINDS: Final[MappingProxyType[str, Callable[[], None]]] = MappingProxyType(
    {"split": lambda: _cable("split"), "coupled": lambda: _cable("coupled"), "voxels": _voxels}
)
