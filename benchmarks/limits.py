"""What is known about targets that are missed: the limit and what was tried, by job; printed where a target is missed.

The profiles behind the sentences are made by ``python -m benchmarks.profile JOB``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CHAIN = (
    "Half of the time goes into assembling, factorising and solving the reactions' systems for 16 nodes at once, two "
    "stages a step, a quarter into diffusion, species after species. One linear stage and one sweep, as NEURON has, "
    "make a method of first order: see the error against time."
)
CABLE = (
    "The sweeps of diffusing species along one unbranched cable take half of the time: each number waits for the one "
    "before it, and species follow each other. Interleaving the species would hide that wait; it has not been tried."
)
VOXELS = (
    "Diffusion in voxels is explicit, in stabilised stages of second order (`sweeps` under Roofline), which take nearly"
    " all the time: every stage reads and writes several arrays that do not fit into the cache. Alternating directions "
    "need three sweeps whatever the step is, but are of second order only where every voxel is whole; they have not "
    "been tried on whole boxes."
)

LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "arbor": "Arbor's step is of first order, with one linear stage where ours has two.",
        "nmodl": "That block is one linear stage of first order, and nothing diffuses.",
        "hh_tree": (
            "Half of the time are the exponentials of the gates, vectorised already; a quarter is the sweep along the "
            "tree, whose two stages share one factorisation. What is left is moving numbers between memory and lanes."
        ),
        "spike_ring": (
            "Most segments are passive: the sweep along the trees, two stages a step, is half of the time. A fifth is "
            "Python: the compiled loop returns at every spike and Python queues its events."
        ),
        "cascade_10": CHAIN,
        "cascade_20": CHAIN,
        "cascade_40": CHAIN,
        "cawave": CABLE,
        "calcium_cell": (
            "A third of the time is the outside, a small box of voxels diffused by explicit stages; the rest is spread "
            "over sweeps along the tree, linear systems of the reactions and moving numbers."
        ),
        "d3": VOXELS,
        "d3_buffer": VOXELS,
        "ecs": VOXELS,
        "voxelise": (
            "Volume, six apertures and membrane area of every cut voxel are measured along lines, to second order: half"
            " of the time are those compiled loops, a quarter NumPy, SciPy and Python around them. One thread; the "
            "loops can use more."
        ),
    }
)

ANCHORS: Mapping[str, str] = MappingProxyType(
    {
        "hh_tree": "105 to 130",
        "cascade_10": "4700",
        "cascade_20": "18000",
        "cascade_40": "84000",
        "cawave": "1800 to 2000",
        "d3": "96 to 113",
        "d3_buffer": "566",
        "voxelise": "70000 to 110000",
        "ecs": "64",
    }
)
"""What NEURON took, in ns a unit, on the machine and in the hour where the targets were set."""
