"""Currents through membranes in voxels and boxes: potassium of spikes, charge and moles, second order in time.

One structure again: a squid axon in voxels in a box, potassium and sodium as species on both sides, and a pump.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from cable.constants import FARADAY, thermal_voltage
from rxd import library


@dataclass(frozen=True)
class Axon:
    """The model, and sums over its parts."""

    sim: rxd.Simulation
    k: rxd.Species
    na: rxd.Species
    cyt: rxd.Region
    ecs: rxd.Region

    def moles(self, *labels: str) -> float:
        """Amount of what is named, mM um3."""
        layout, capacity, y = self.sim.discretization.layout, self.sim.discretization.capacity, self.sim.state.y
        return sum(float(capacity[b.start : b.stop] @ y[b.start : b.stop]) for b in (layout[label] for label in labels))

    @property
    def charge(self) -> float:
        """Charge on the membrane, pC."""
        return self.moles("v")


def axon(dt: float = 0.025, clamp: tuple[float, float] = (0.3, 0.5), space: float = 10.0, pump: float = 150.0) -> Axon:
    """An axon of 20 x 4 um whose membrane only potassium and sodium cross, in a box that is ``space`` wider on all sides."""
    cell = geometry.cylinder(20, 4)
    model = rxd.Model(cell, segments=2)
    model.insert(library.hh(gl=0.0), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i", dimension=3, dx=1.0)
    mem = rxd.Region(cell.all, "mem", shape=rxd.membrane, dimension=3, dx=1.0)
    ecs = rxd.Extracellular(-space, -space, -space, 20 + space, space, space, dx=5, volume_fraction=0.2, tortuosity=1.6)
    k = rxd.Species([cyt, ecs], "k", d=2.0, charge=1, initial={cyt: 54.4, ecs: 2.5})
    na = rxd.Species([cyt, ecs], "na", d=1.3, charge=1, initial={cyt: 10.0, ecs: 140.0})
    fastest = rxd.Parameter(mem, "fastest", value=pump)
    rate = fastest * (1 / (1 + (20 / na[cyt]) ** 3)) * (1 / (1 + 2.5 / k[ecs]) ** 2)
    lhs, rhs = 3 * na[cyt] + 2 * k[ecs], 3 * na[ecs] + 2 * k[cyt]
    model.add(k, na, rxd.MultiCompartmentReaction(lhs, rhs, rate, membrane=mem, custom_dynamics=True, membrane_flux=True))
    model.add(rxd.IClamp(cell.all(0.5), amp=clamp[0], delay=1.0, dur=clamp[1]))
    return Axon(model.compile("split", dt=dt), k, na, cyt, ecs)


@pytest.fixture(scope="module")
def train() -> tuple[Axon, rxd.Results, tuple[float, ...], tuple[float, ...]]:
    """Six spikes and a long rest: the axon, what it recorded, and its amounts before and after."""
    made = axon(0.05, clamp=(0.06, 60.0), space=25.0)

    def amounts() -> tuple[float, ...]:
        inside = made.moles("k[cyt]", "na[cyt]")
        return made.moles("k[cyt]", "k[ecs]"), made.moles("na[cyt]", "na[ecs]"), inside, made.charge

    before = amounts()
    result = made.sim.run(300.0, record=[rxd.v, made.k[made.ecs], made.k[made.cyt]], every=0.1)
    return made, result, before, amounts()


def test_ions_are_conserved_over_both_sides_of_a_membrane_in_voxels(train: Any) -> None:
    _, _, before, after = train
    assert after[:2] == pytest.approx(before[:2], rel=1e-12)
    assert abs(after[2] - before[2]) > 1e-3 * before[2]


def test_charge_on_the_membrane_is_faradays_times_the_moles_that_crossed(train: Any) -> None:
    _, _, before, after = train
    injected, crossed = 0.06 * 60.0, 1e-6 * FARADAY * (after[2] - before[2])  # pC
    assert abs(crossed) > 3
    assert after[3] - before[3] == pytest.approx(injected + crossed, abs=1e-9)


def test_spikes_raise_potassium_outside_which_moves_its_reversal_potential_and_returns(train: Any) -> None:
    made, result, _, _ = train
    beside = int(made.ecs.box.locate(np.array([[7.0, 0.1, 0.1]]))[0])
    far = int(made.ecs.box.locate(np.array([[44.0, 24.0, 24.0]]))[0])
    outside = result[made.k[made.ecs]].values
    reversal = thermal_voltage(6.3) * np.log(outside[:, beside] / result[made.k[made.cyt]].values.mean(axis=1))
    v = result[rxd.v].values[:, 0]
    peaks = np.flatnonzero((v[1:-1] > v[:-2]) & (v[1:-1] > v[2:]) & (v[1:-1] > 0)) + 1
    assert len(peaks) == 6
    rise = outside[:, beside] - 2.5
    assert rise.max() > 0.1
    assert result.t[np.argmax(rise)] < 65
    assert rise[-1] < 0.15 * rise.max()
    assert np.all(rise[result.t > 1] > outside[result.t > 1, far] - 2.5)
    assert reversal.max() - reversal[0] > 1.5
    assert reversal[-1] - reversal[0] < 0.4 * (reversal.max() - reversal[0])
    # with less of a gradient the membrane comes back less far after every spike
    lowest = [v[a:b].min() for a, b in itertools.pairwise(peaks)]
    assert np.all(np.diff(lowest) > 0.1)


def test_voxels_box_and_channels_together_are_second_order_in_time() -> None:
    ends = []
    for dt in (0.1, 0.05, 0.025, 0.0125):
        made = axon(dt, space=5.0, pump=3000.0)
        made.sim.run(3.0)
        ends.append({label: made.sim.values(label) for label in ("v", "k[ecs]", "na[cyt]", "hh.m")})
    for label in ends[0]:
        changes = [float(np.abs(a[label] - b[label]).max()) for a, b in itertools.pairwise(ends)]
        assert math.log2(changes[1] / changes[2]) == pytest.approx(2, abs=0.2), label
