"""The same cell in one dimension and in three: how fast its slowest mode of diffusion decays."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from geometry import SectionSpec


def rate(cell: geometry.Morphology, dimension: int, segments: int) -> float:
    """Rate at which the slowest mode decays, 1/ms: which voxel belongs to which segment does not matter to it."""
    model = rxd.Model(cell, segments=segments)
    cyt = rxd.Region(cell.all, "cyt", dimension=dimension, dx=0.2)
    ends = cell.points[[0, -1], :3]
    u = rxd.Species(cyt, "u", d=1.0, initial=lambda n: (n.position - ends.mean(axis=0)) @ (ends[1] - ends[0]))
    model.add(u)
    sim = model.compile("split", dt=0.02)
    block = sim.discretization.layout["u[cyt]"]
    volume = sim.discretization.capacity[block.order]
    spread = []
    for time in (4.0, 8.0):
        sim.run(time)
        values = sim.values("u[cyt]")
        spread.append(float(np.sqrt(volume @ (values - volume @ values / volume.sum()) ** 2)))
    return float(np.log(spread[0] / spread[1]) / 4.0)


@pytest.mark.parametrize(("first", "last", "length"), [(1.1, 1.1, 10.0), (2.1, 0.7, 10.0), (3.1, 0.5, 5.0)])
def test_a_taper_diffuses_slower_in_voxels_by_the_root_of_its_slope(first: float, last: float, length: float) -> None:
    """In one dimension concentrations are the same across a section at once; Reguera and Rubi 2001,
    doi:10.1103/PhysRevE.64.061106, have what is left of D in three: D / sqrt(1 + r'^2)."""
    end = (length, 0.3 * length, 0.1 * length)
    cell = geometry.Morphology.from_sections([SectionSpec("dend", [(0, 0, 0, first), (*end, last)])])
    slope = 0.5 * (first - last) / np.linalg.norm(end)
    expected = 1 / np.sqrt(1 + slope**2)
    assert rate(cell, 3, 5) / rate(cell, 1, 61) == pytest.approx(expected, abs=2e-3)


def test_a_neck_in_voxels_has_the_resistance_of_its_mouths_too() -> None:
    """A disc on a wall of a wide space adds 1 / (4 D a), of which less is left where the space is not so wide."""
    specs = [
        SectionSpec("dend", [(0, 0, 0, 1.1), (6, 0, 0, 1.1)]),
        SectionSpec("neck", [(3, 0.55, 0, 0.4), (3, 3.55, 0, 0.4)], parent="dend", parent_x=0.5),
        SectionSpec("head", [(3, 3.55, 0, 0.9), (3, 4.35, 0, 0.9)], parent="neck"),
    ]
    cell = geometry.Morphology.from_sections(specs)
    mouth, neck = 1 / (4 * 0.2), 3.0 / (np.pi * 0.2**2)
    ratio = rate(cell, 3, 5) / rate(cell, 1, 61)
    assert 1 / (1 + 2 * mouth / neck) < ratio < 1 / (1 + mouth / neck)
