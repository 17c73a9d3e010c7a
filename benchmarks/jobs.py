"""What is measured: every job is a model at a size, for some simulators, with the target that issue 6 set for it.

In: "full" or "quick". Out: `Job` and `Precision` records. Sizes of "quick" only show that everything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

BOTH = ("axoplasm", "neuron", "compat")
OURS: Mapping[str, Mapping[str, Any]] = MappingProxyType({"first": {"order": 1}, "threads": {"threads": 2}})
"""Columns that are Axoplasm with further arguments of `build`: NEURON's own order of operations, two threads."""


@dataclass(frozen=True)
class Job:
    """A model at a size.

    Attributes
    ----------
    name, title : str
    model : str
        Module in the folders of the simulators.
    size : mapping
        Arguments of `build`.
    columns : tuple of str
        Simulators, names in `OURS`, or with `variants` names of those.
    target : float or None
        NEURON's time over ours, at least.
    curve : str
        Jobs with the same word are one curve in the plot of cost against size.
    cold : bool
        Whether the setup with an empty cache is measured; not where another job has made the same kernels.
    variants : mapping
        Column to further arguments of `build`, all for Axoplasm.
    table : str
        Where it is reported: "work", "steps", "cells" (setting up many), "facts" (a sentence).
    """

    name: str
    title: str
    model: str
    size: Mapping[str, Any]
    columns: tuple[str, ...] = BOTH
    target: float | None = None
    curve: str = ""
    cold: bool = True
    variants: Mapping[str, Mapping[str, Any]] | None = None
    table: str = "work"


@dataclass(frozen=True)
class Precision:
    """A model whose error is measured against its time, for several methods and settings of each.

    Attributes
    ----------
    methods : mapping
        Name to (simulator, arguments of `build`, settings).
    references : mapping
        Simulator to (method, setting) of the run that its others are compared with.
    target : (float, float)
        Error at which the best of NEURON's is compared with the best of ours, and the ratio wanted.
    """

    name: str
    title: str
    size: Mapping[str, Any]
    methods: Mapping[str, tuple[str, Mapping[str, Any], tuple[float, ...]]]
    references: Mapping[str, tuple[str, float]]
    target: tuple[float, float]
    model: str = "wave_hh"


def jobs(scale: str) -> tuple[Job, ...]:
    """All jobs of a scale, "full" or "quick"."""
    return _full() if scale == "full" else _quick()


def _full() -> tuple[Job, ...]:
    two, first = ("axoplasm", "neuron"), ("axoplasm", "first", "neuron")
    both = (*first, "compat")
    arbor, nmodl, voxels = (*both, "arbor"), (*both, "nmodl"), ("axoplasm", "threads", "neuron")
    ours = ("axoplasm",)
    tree, chain, wave, d3 = "HH tree", "chain", "wave", "3D diffusion"
    return (
        Job("hh_tree", "HH on a branched tree", "hh_tree", {"depth": 7, "nseg": 11, "tstop": 20}, arbor, 4, tree),
        Job(
            "hh_tree_small",
            "HH on a small tree",
            "hh_tree",
            {"depth": 4, "nseg": 11, "tstop": 80},
            (*first, "arbor"),
            None,
            tree,
            False,
        ),
        Job(
            "hh_tree_large",
            "HH on a large tree",
            "hh_tree",
            {"depth": 9, "nseg": 11, "tstop": 5},
            (*first, "arbor"),
            None,
            tree,
            False,
        ),
        Job("spike_ring", "Spike ring network", "spike_ring", {"cells": 64, "tstop": 100}, both, 3),
        Job("driven", "Cells that noisy NetStims excite", "driven", {"cells": 100, "tstop": 100}, both),
        # 20 steps of 40 species were one millisecond, half of it what any run begins with after a pause of the processor
        Job("cascade_5", "Chain of 5 species", "cascade", {"n_species": 5, "steps": 400}, first, None, chain),
        Job("cascade_10", "Chain of 10 species", "cascade", {"n_species": 10, "steps": 200}, nmodl, 25, chain),
        Job("cascade_20", "Chain of 20 species", "cascade", {"n_species": 20, "steps": 100}, nmodl, 50, chain),
        Job("cascade_40", "Chain of 40 species", "cascade", {"n_species": 40, "steps": 100}, nmodl, 100, chain),
        Job("cascade_200", "Chain of 200 species", "cascade", {"n_species": 200, "steps": 50}, ("axoplasm",), None, chain),
        Job("cawave", "ER calcium wave", "cawave", {"nseg": 501, "steps": 400}, both, 12, wave),
        Job("cawave_small", "ER calcium wave, short", "cawave", {"nseg": 101, "steps": 1000}, first, None, wave, False),
        Job("cawave_large", "ER calcium wave, long", "cawave", {"nseg": 2001, "steps": 100}, first, None, wave, False),
        Job("calcium_cell", "Whole cell with calcium", "calcium_cell", {"tstop": 15}, both, 10),
        Job("d3", "3D diffusion", "d3", {"dx_nm": 143, "steps": 10, "buffer": 0}, voxels, 6, d3),
        Job("d3_small", "3D diffusion, coarse", "d3", {"dx_nm": 300, "steps": 60, "buffer": 0}, BOTH, None, d3, False),
        Job("d3_buffer", "3D, three species, buffering", "d3", {"dx_nm": 143, "steps": 5, "buffer": 1}, voxels, 10),
        Job("voxelise", "Voxelising", "voxelise", {"dx_nm": 250}, two, 200),
        Job("ecs", "Extracellular 60^3", "ecs", {"n": 60, "steps": 20}, (*voxels, "compat"), 8),
        Job("init", "Initialising again", "init", {}, BOTH, 50),
        Job("cells_1", "One cell", "many_cells", {"cells": 1}, two, cold=False, table="cells"),
        Job("cells_10", "Ten cells", "many_cells", {"cells": 10}, two, cold=False, table="cells"),
        Job("cells_100", "A hundred cells", "many_cells", {"cells": 100}, ours, cold=False, table="cells"),
        Job("cells_1000", "A thousand cells", "many_cells", {"cells": 1000}, ours, cold=False, table="cells"),
        Job("select", "Selecting 10,000 nodes of 100,000", "select", {"nodes": 10_000}, BOTH, cold=False, table="facts"),
        Job("long_run", "A million steps", "long_run", {"steps": 1_000_000}, ours, cold=False, table="facts"),
        Job("demo_step", "A step of the demo's cell", "demo_step", {"steps": 30}, tuple(STEPS), variants=STEPS, table="steps"),
        Job(
            "demo_step_coarse",
            "The same, coarse",
            "demo_step",
            {"steps": 60, "coarse": 4},
            tuple(STEPS),
            cold=False,
            variants=STEPS,
            table="steps",
        ),
    )


STEPS: Mapping[str, Mapping[str, Any]] = {
    "split": {"method": "split"},
    "direct": {"method": "coupled", "solver": "direct"},
    "petsc": {"method": "coupled", "solver": "petsc"},
    "scipy": {"method": "coupled", "solver": "scipy"},
}


def _quick() -> tuple[Job, ...]:
    sizes: dict[str, dict[str, Any]] = {
        "hh_tree": {"depth": 2, "nseg": 3, "tstop": 1},
        "spike_ring": {"cells": 2, "tstop": 1},
        "driven": {"cells": 2, "tstop": 2},
        "cascade_5": {"n_species": 5, "nseg": 11, "steps": 5},
        "cawave": {"nseg": 21, "steps": 5},
        "calcium_cell": {"tstop": 0.5},
        "d3": {"dx_nm": 600, "steps": 2},
        "d3_buffer": {"dx_nm": 600, "steps": 2, "buffer": 1},
        "voxelise": {"dx_nm": 600},
        "ecs": {"n": 8, "steps": 2},
        "init": {},
        "cells_10": {"cells": 2},
        "select": {"nodes": 100},
        "long_run": {"steps": 100},
        "demo_step": {"steps": 2, "coarse": 8},
    }
    full = {job.name: job for job in _full()}
    return tuple(_resized(full[name], size) for name, size in sizes.items())


def _resized(job: Job, size: Mapping[str, Any]) -> Job:
    return replace(job, size=size)


def precisions(scale: str) -> tuple[Precision, ...]:
    """Work-precision measurements of a scale."""
    full = scale == "full"
    tight = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7) if full else (1e-3,)
    steps = (0.2, 0.1, 0.05, 0.025, 0.0125) if full else (0.1,)
    coarse = (10.0, 5.0, 2.5, 1.25, 0.625) if full else (1.0,)
    nseg = 201 if full else 11
    direct = ("axoplasm", {"solver": "direct"}, tight)
    petsc = ("axoplasm", {"solver": "petsc"}, tight[:4])
    return (
        Precision(
            "wave_hh", "Calcium wave in a spiking cable", {"nseg": nseg, "tstop": 30 if full else 1},
            {
                "coupled, direct": direct,
                "coupled, petsc": petsc,
                "split": ("axoplasm", {"method": "split"}, steps),
                "NEURON, fixed step": ("neuron", {}, (0.1, 0.05, 0.025, 0.0125, 0.00625) if full else (0.1,)),
                "NEURON, CVODE": ("neuron", {"cvode": 1}, (1e-3, 1e-4, 1e-5, 1e-6) if full else (1e-4,)),
            },
            {"axoplasm": ("coupled, direct", 1e-10 if full else 1e-6), "neuron": ("NEURON, CVODE", 1e-9 if full else 1e-7)},
            (1e-4, 5),
        ),
        Precision(
            "cvode_cawave", "Adaptive calcium wave", {"nseg": nseg, "tstop": 1000 if full else 10, "spikes": 0},
            {
                "coupled, direct": direct,
                "coupled, petsc": petsc,
                "split": ("axoplasm", {"method": "split"}, coarse),
                "NEURON, fixed step": ("neuron", {}, coarse),
                "NEURON, CVODE": ("neuron", {"cvode": 1}, (1e-6, 1e-7, 1e-8, 1e-9) if full else (1e-6,)),
            },
            {"axoplasm": ("coupled, direct", 1e-10 if full else 1e-6), "neuron": ("NEURON, CVODE", 1e-12 if full else 1e-8)},
            (1e-4, 4),
        ),
    )  # fmt: skip
