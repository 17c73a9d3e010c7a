"""Branch points where some sections are voxels and others segments: the same as in one dimension, and conservative."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import geometry
import rxd
from geometry import SectionSpec, VoxelWarning

ENDS = ((13.0, 4.0, 1.0), (13.0, -3.0, 2.0), (12.5, 1.0, -5.0))


def tree(children: int) -> geometry.Morphology:
    fork = (7.0, 1.0, 0.5)
    specs = [SectionSpec("trunk", [(0, 0, 0, 0.8), (*fork, 0.8)])]
    specs += [SectionSpec(f"d{i}", [(*fork, 0.6), (*ENDS[i], 0.6)], parent="trunk") for i in range(children)]
    return geometry.Morphology.from_sections(specs)


def diffused(cell: geometry.Morphology, dimension: object) -> tuple[np.ndarray, float]:
    """Mean of every segment after a front has come to the fork, and how much mass changed on the way, relatively."""
    model = rxd.Model(cell, segments=5)
    cyt = rxd.Region(cell.all, "cyt", dimension=dimension, dx=0.2)
    u = rxd.Species(cyt, "u", d=1.0, initial=lambda n: 0.1 + 1 / (1 + np.exp((n.position[:, 0] - 5) / 2)))
    model.add(u)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoxelWarning)
        sim = model.compile("split", dt=0.05)
    block = sim.discretization.layout["u[cyt]"]
    volume, segment = sim.discretization.capacity[block.order], block.segment[block.order - block.start]
    before = volume @ sim.values("u[cyt]")
    sim.run(10.0)
    values = sim.values("u[cyt]")
    return np.bincount(segment, volume * values) / np.bincount(segment, volume), volume @ values / before - 1


@pytest.mark.parametrize("children", [2, 3])
def test_a_fork_is_the_same_whichever_of_its_sections_are_voxels(children: int) -> None:
    cell = tree(children)
    line, _ = diffused(cell, 1)
    assert np.ptp(line) > 0.2
    some = {"children": cell.all - cell["trunk"], "trunk": cell["trunk"], "one child": cell["d0"]}
    for name, chosen in some.items():
        both, drift = diffused(cell, chosen)
        assert abs(drift) < 1e-12, name
        np.testing.assert_allclose(both, line, rtol=0.01, err_msg=name)


def test_a_fork_partly_in_voxels_is_the_same_as_one_in_voxels() -> None:
    cell = tree(3)
    voxels, _ = diffused(cell, 3)
    for chosen in (cell.all - cell["trunk"], cell.all - cell["d0"]):
        both, _ = diffused(cell, chosen)
        # each child through a half segment of its own was 5 % too strong
        np.testing.assert_allclose(both, voxels, rtol=0.015)
