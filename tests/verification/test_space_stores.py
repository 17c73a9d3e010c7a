"""Stores in voxels: a fraction of every voxel, its membrane spread through it, reactions between the two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from geometry import SectionSpec

MOLECULES_PER_MM_UM3 = 602214.076
CYT, ER, AREA = 0.7, 0.2, 2.0
"""Fractions of the volume, and membrane in um2 per um3 of cell."""
RATE = 4000.0


def rod() -> geometry.Morphology:
    axis = np.array([1, 0.4, 0.3]) / np.linalg.norm([1, 0.4, 0.3])
    ends = [tuple(axis * 4 * i) for i in range(4)]
    specs = [
        SectionSpec(f"rod{i}", [(*ends[i], 1.2), (*ends[i + 1], 1.2)], parent=f"rod{i - 1}" if i else None) for i in range(3)
    ]
    return geometry.Morphology.from_sections(specs)


def with_store(dimension: Any, initial: Any, leak_only: bool, method: str = "split") -> rxd.Simulation:
    """Calcium in cytosol and store; between them a leak, or a leak that calcium opens and a pump."""
    cell = rod()
    where = {"dimension": cell["rod1"] if dimension == "hybrid" else dimension, "dx": 0.25}
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(CYT, surface_fraction=1), **where)
    er = rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(ER), **where)
    membrane = rxd.Region(cell.all, "er_membrane", shape=rxd.DistributedBoundary(AREA), **where)
    ca = rxd.Species([cyt, er], "ca", d={cyt: 0.3, er: 0.1}, charge=2, initial={cyt: initial, er: 2.0})
    c, e = ca[cyt], ca[er]
    if leak_only:
        exchange = rxd.MultiCompartmentReaction(e, c, RATE, RATE, membrane=membrane)
    else:
        flow = RATE * (e - c) * c**2 / (0.2 + c**2) - RATE * c**2 / (0.01 + c**2)
        exchange = rxd.MultiCompartmentReaction(e, c, flow, membrane=membrane, custom_dynamics=True)
    model = rxd.Model(cell, segments=9)
    model.add(ca, exchange)
    return model.compile(method, dt=0.05)


def means(sim: rxd.Simulation) -> tuple[np.ndarray, float]:
    """Mean in every segment, cytosol and store one after the other; and all calcium."""
    parts, total = [], 0.0
    for label in ("ca[cyt]", "ca[er]"):
        block = sim.discretization.layout[label]
        volume, segment = sim.discretization.capacity[block.order], block.segment[block.order - block.start]
        values = sim.values(label)
        parts.append(np.bincount(segment, volume * values) / np.bincount(segment, volume))
        total += float(volume @ values)
    return np.concatenate(parts), total


@pytest.mark.parametrize("dimension", [3, "hybrid"])
def test_a_leak_between_store_and_cytosol_is_exponential_in_every_voxel(dimension: Any) -> None:
    sim = with_store(dimension, 0.1, leak_only=True)
    sim.run(20.0)
    mean = (CYT * 0.1 + ER * 2.0) / (CYT + ER)
    apart = 1.9 * np.exp(-20.0 * RATE * AREA / MOLECULES_PER_MM_UM3 * (1 / CYT + 1 / ER))
    np.testing.assert_allclose(sim.values("ca[cyt]"), mean - apart * ER / (CYT + ER), rtol=1e-5)
    np.testing.assert_allclose(sim.values("ca[er]"), mean + apart * CYT / (CYT + ER), rtol=1e-5)


def test_a_wave_of_release_is_the_same_in_one_dimension_in_voxels_and_in_both() -> None:
    def initial(nodes: Any) -> np.ndarray:
        return 0.05 + 0.5 * np.exp(-((nodes.position[:, 0] / 3) ** 2))

    found = {}
    for dimension in (1, 3, "hybrid"):
        sim = with_store(dimension, initial, leak_only=False)
        _, before = means(sim)
        sim.run(15.0)
        found[dimension], after = means(sim)
        assert after == pytest.approx(before, rel=1e-12)
    assert np.ptp(found[1][:27]) > 0.1
    for dimension in (3, "hybrid"):
        np.testing.assert_allclose(found[dimension], found[1], rtol=0.01)
