"""What is known about targets that are missed: the limit and what was tried, by job; printed where a target is missed.

The profiles behind the sentences are made by ``python -m benchmarks.profile JOB``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CHAIN = (
    "The reactions' linear systems, written out as vector code for eight nodes at once, take two fifths of the time, the "
    "sweeps along the cable with eight species side by side a third. What is left is moving numbers."
)
CABLE = (
    "The sweeps along one unbranched cable, with its three species side by side, take most of the time: each number waits "
    "for the one before it, and five of eight lanes are idle."
)
VOXELS = (
    "Diffusion in voxels is explicit, in stabilised stages of second order (`sweeps` under Roofline), which take nearly all "
    "the time: a quarter to a third for whole voxels in rows, which vectorise, the rest for cut voxels, whose neighbours lie "
    "anywhere, and the slivers among them. Alternating directions need three sweeps whatever the step is, but are of second "
    "order only where every voxel is whole; they have not been tried on whole boxes."
)

LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "arbor": "Arbor's step is of first order, with one linear stage where ours has two.",
        "nmodl": "That block is one linear stage of first order, and nothing diffuses.",
        "hh_tree": (
            "Nearly half of the time are the gates: two exponentials and three divisions in whole vectors. A quarter are the "
            "sweeps along the tree, eight branches side by side, whose two stages share one factorisation."
        ),
        "spike_ring": (
            "Half of the time are the sweeps along the trees, eight cells side by side, two stages a step where NEURON has one."
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
        "d3_buffer": f"{VOXELS} Bringing voxels to the reactions and back takes a quarter.",
        "ecs": VOXELS,
        "voxelise": (
            "Volume, six apertures and membrane area of every cut voxel are measured: a third of the time. Voxels with one "
            "frustum are measured in vectors, a face between two of them once, 0.07 us for each, of which finding the faces "
            "that the surface crosses takes more than measuring them. A quarter of the voxels is cut here; of finer voxels "
            "fewer are. A fifth of the time finds what is cut, an eighth writes the voxels, a fifth is Python and NumPy around "
            "the kernels, which larger cells do not notice. One thread; the loops can use more."
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
