"""A bulb with a tapering neurite in voxels: diffusion, or with a buffer three species. Check: mean calcium, mM."""

from __future__ import annotations

import warnings

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from geometry import SectionSpec
from geometry.voxelize import VoxelWarning

DT = 0.025


def bulb() -> geometry.Morphology:
    return geometry.Morphology.from_sections(
        [
            SectionSpec("bulb", [(0, 0, 0, 8.1), (8, 0, 0, 8.1)]),
            SectionSpec("neurite", [(8, 0, 0, 2.1), (38, 0, 0, 1.1)], parent="bulb"),
        ]
    )


def build(dx_nm: int = 143, steps: int = 10, buffer: int = 0, threads: int = 1) -> Built:
    cell = bulb()
    model = rxd.Model(cell, segments={"bulb": 1, "neurite": 11})
    cyt = rxd.Region(cell.all, name="cyt", side="i", dimension=3, dx=dx_nm / 1000)
    ca = rxd.Species(cyt, name="ca", d=0.6, charge=2, initial=lambda n: np.where(n.position[:, 0] < 4, 1e-3, 1e-4))
    model.add(ca)
    if buffer:
        buf = rxd.Species(cyt, name="buf", d=0.05, initial=0.05)
        cabuf = rxd.Species(cyt, name="cabuf", d=0.05, initial=0.0)
        model.add(rxd.Reaction(ca + buf, cabuf, 100, 0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoxelWarning)
        sim = model.compile("split", dt=DT, threads=threads)
    block = sim.discretization.layout["ca[cyt]"]

    def check() -> float:
        return float(np.average(sim.values(ca[cyt]), weights=sim.discretization.capacity[block.order]))

    built = stepped(sim, steps * DT, DT, len(block), check, "voxel and step")
    built.facts["mesh_bytes"] = mesh_bytes(sim) / len(block)
    return built


def mesh_bytes(sim: rxd.Simulation) -> int:
    """Bytes of the voxels, of which of them are the region's and which are cut, and of what steps read of their faces."""
    voxels, region = sim.discretization.voxels, sim.discretization.regions["cyt"]
    arrays = [getattr(voxels, name) for name in type(voxels).__slots__]
    arrays += [region.voxel, sim.discretization.graphs[0].cut, *sim.stepper._graphs.graph]  # type: ignore[attr-defined]
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))
