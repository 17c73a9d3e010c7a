"""Space in voxels against closed forms: modes, fronts, a membrane reaction, and the same cable in one and in three dimensions.

All models here are one structure whose parameters choose the problem, so that three kernels serve every test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.special import spherical_jn

import geometry
import rxd
from cable.constants import MOLECULES_PER_MM_UM3

LEVEL = 2.0  # mM, to which modes are added: concentrations stay positive
BALL_ROOT = 2.0815759778  # first zero of the derivative of the spherical Bessel function j1


@dataclass(frozen=True)
class Solid:
    """A model of one species with a reaction inside and one at the membrane, ready to run."""

    sim: rxd.Simulation
    position: np.ndarray
    volume: np.ndarray

    @property
    def u(self) -> np.ndarray:
        return self.sim.values("u[cyt]")

    @property
    def mass(self) -> float:
        return float(self.volume @ self.u)

    def mode(self, shape: np.ndarray) -> float:
        """Amplitude of a mode on top of `LEVEL`."""
        return float((self.volume * shape) @ (self.u - LEVEL) / ((self.volume * shape) @ shape))

    def per_segment(self) -> np.ndarray:
        """Mean concentration in every segment."""
        block = self.sim.discretization.layout["u[cyt]"]
        segment = block.segment[block.order - block.start]
        return np.bincount(segment, self.volume * self.u) / np.bincount(segment, self.volume)


def solid(
    cell: geometry.Morphology, dx: float, dt: float, initial: Any, dimension: Any = 3, segments: int = 1, **numbers: Any
) -> Solid:
    """``D = 1``; ``speed, threshold`` of a bistable reaction, ``decay``, ``influx`` through the membrane (mM um/ms)."""
    model = rxd.Model(cell, segments=segments)
    cyt = rxd.Region(cell.all, "cyt", side="i", dimension=dimension, dx=dx)
    mem = rxd.Region(cell.all, "mem", shape=rxd.membrane, dimension=dimension, dx=dx)
    u = rxd.Species(cyt, "u", d=1.0, initial=initial)
    values = {"speed": 0.0, "threshold": 0.25, "decay": 0.0} | {name: numbers[name] for name in numbers if name != "influx"}
    p = {name: rxd.Parameter(cyt, name, value=value) for name, value in values.items()}
    influx = rxd.Parameter(mem, "influx", value=numbers.get("influx", 0.0))
    model.add(rxd.Rate(u, p["speed"] * u * (1 - u) * (u - p["threshold"]) - p["decay"] * u))
    model.add(rxd.MultiCompartmentReaction(u[cyt], 0, -MOLECULES_PER_MM_UM3 * influx[mem], membrane=mem, custom_dynamics=True))
    sim = model.compile("split", dt=dt)
    block = sim.discretization.layout["u[cyt]"]
    return Solid(sim, sim.discretization.place_of(block), sim.discretization.capacity[block.order])


def ball(radius: float, middle: tuple[float, float, float]) -> geometry.Morphology:
    """A ball as one section of 200 frusta, 3e-5 too small."""
    at = -np.cos(np.linspace(0, np.pi, 201))
    across = 2 * radius * np.sqrt(np.maximum(1 - at**2, 1e-8))
    x, y, z = middle
    points = np.column_stack([x + radius * at, np.full(201, y), np.full(201, z), across])
    return geometry.Morphology.from_sections([geometry.SectionSpec("ball", points, kind="soma")])


def rod(length: float, diam: float, direction: Any, start: Any = (0.0, 0.0, 0.0), pieces: int = 1) -> geometry.Morphology:
    """A straight cylinder in any direction, in equal sections ``rod0, rod1 ...``."""
    axis = np.array(direction, dtype=float) / np.linalg.norm(direction)
    ends = [np.array(start) + axis * length * i / pieces for i in range(pieces + 1)]
    specs = [
        geometry.SectionSpec(f"rod{i}", np.array([[*ends[i], diam], [*ends[i + 1], diam]]), parent=f"rod{i - 1}" if i else None)
        for i in range(pieces)
    ]
    return geometry.Morphology.from_sections(specs)


def orders(errors: list[float]) -> np.ndarray:
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def decay_rate(made: Solid, shape: np.ndarray, until: float) -> float:
    """Rate at which the amplitude of a mode falls."""
    before = made.mode(shape)
    made.sim.run(until)
    return -math.log(made.mode(shape) / before) / until


def ball_error(dx: float, shift: tuple[float, float, float]) -> float:
    """Relative error of the slowest rate of a closed ball of radius 1, whose middle lies anywhere in the grid."""
    middle, tilt = dx * np.array(shift), np.array([0.6, 0.48, 0.64])

    def shape(nodes: Any) -> np.ndarray:
        away = getattr(nodes, "position", nodes) - middle
        r = np.maximum(np.linalg.norm(away, axis=1), 1e-12)
        return spherical_jn(1, BALL_ROOT * r) * (away @ tilt) / r

    made = solid(ball(1.0, tuple(middle)), dx, 0.01, lambda nodes: LEVEL + shape(nodes))
    return decay_rate(made, shape(made.position), 0.2) / BALL_ROOT**2 - 1


def rod_error(dx: float, direction: Any, start: Any = (0.1, 0.2, 0.05)) -> float:
    """Relative error of the slowest rate of a closed cylinder, 2 um across and 4 um long."""
    axis, length = np.array(direction, dtype=float) / np.linalg.norm(direction), 4.0

    def shape(nodes: Any) -> np.ndarray:
        return np.cos(np.pi * ((getattr(nodes, "position", nodes) - np.array(start)) @ axis) / length)

    made = solid(rod(length, 2.0, direction, start), dx, 0.05, lambda nodes: LEVEL + shape(nodes))
    return decay_rate(made, shape(made.position), 1.0) / (math.pi / length) ** 2 - 1


@pytest.mark.filterwarnings("ignore::geometry.voxelize.VoxelWarning")  # a ball of frusta ends in two points
def test_first_mode_of_a_ball_converges_with_the_second_order_wherever_the_grid_lies() -> None:
    shifts = ((0.1, 0.3, 0.2), (0.6, 0.4, 0.15))
    errors = np.array([[ball_error(1 / n, shift) for shift in shifts] for n in (3, 6, 12)])
    assert np.all(orders(list(np.abs(errors).max(axis=1))) >= 1.8)
    assert np.all(np.abs(errors[-1]) < 3e-3)
    assert np.all(np.ptp(errors, axis=1) < 0.1 * np.abs(errors).max(axis=1))


def test_first_mode_of_tilted_cylinders_converges_with_the_second_order() -> None:
    directions = ((1, 0.6, 0.37), (0.3, 1, -0.2), (0.1, 0.2, 1))
    errors = [float(np.sqrt(np.mean([rod_error(1 / n, way) ** 2 for way in directions]))) for n in (3, 6, 12)]
    assert errors[-1] < 5e-4
    assert np.log2(errors[0] / errors[-1]) / 2 >= 1.8


def test_results_do_not_depend_on_where_the_grid_begins() -> None:
    errors = [rod_error(1 / 6, (1, 0.6, 0.37), start) for start in ((0, 0, 0), (0.08, 0.0, 0.15), (0.03, 0.11, 0.07))]
    assert np.ptp(errors) < 3e-4


def front_speed(direction: Any) -> float:
    """Speed of a bistable front in a cylinder of 2 um, from how fast the mass grows."""
    length, axis = 30.0, np.array(direction, dtype=float) / np.linalg.norm(direction)
    made = solid(
        rod(length, 2.0, direction), 0.25, 0.1, lambda n: 1 / (1 + np.exp((n.position @ axis - 8) / math.sqrt(2))), speed=1.0
    )
    masses = []
    for until in (8.0, 28.0):
        made.sim.run(until)
        masses.append(made.mass)
    return (masses[1] - masses[0]) / 20 / (made.volume.sum() / length)


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 0), (1, 0.6, 0.37)])
def test_front_in_a_tilted_cylinder_has_its_exact_speed(direction: tuple[float, float, float]) -> None:
    assert front_speed(direction) == pytest.approx((1 - 2 * 0.25) / math.sqrt(2), rel=0.01)


@pytest.mark.filterwarnings("ignore::geometry.voxelize.VoxelWarning")
def test_ball_with_a_reaction_at_its_membrane_settles_at_the_hyperbolic_sine() -> None:
    radius, decay, influx = 1.0, 4.0, 0.5
    reach = 1 / math.sqrt(decay)
    made = solid(ball(radius, (0.03, 0.02, 0.01)), 0.125, 0.005, 0.0, decay=decay, influx=influx)
    made.sim.run(4.0)
    # c = 2 C1 sinh(r / L) / r with D c'(R) = influx
    slope = math.cosh(radius / reach) / (reach * radius) - math.sinh(radius / reach) / radius**2
    c1 = influx / slope / 2
    r = np.maximum(np.linalg.norm(made.position - (0.03, 0.02, 0.01), axis=1), 1e-9)
    assert made.volume.min() < 0.06 * 0.125**3  # and so in slivers, which take much flux for what they hold
    np.testing.assert_allclose(made.u, 2 * c1 * np.sinh(r / reach) / r, rtol=0.01)
    # what comes in is what decays
    assert decay * made.mass == pytest.approx(influx * 4 * math.pi * radius**2, rel=0.01)


def cable_in(dimension: Any) -> Solid:
    """The same thin cable of three sections with a front, decay and influx, in 1D, in voxels, or the middle in voxels."""
    cell = rod(18.0, 1.1, (1, 0.4, 0.3), pieces=3)
    chosen = cell["rod1"] if dimension == "hybrid" else dimension
    axis = np.array([1, 0.4, 0.3]) / np.linalg.norm([1, 0.4, 0.3])
    numbers = {"speed": 0.4, "decay": 0.02, "influx": lambda n: np.where(n.section_name == "rod1", 0.005, 0.0)}
    made = solid(cell, 0.2, 0.05, lambda n: 1 / (1 + np.exp((n.position @ axis - 6) / 1.5)), chosen, segments=15, **numbers)
    made.sim.run(20.0)
    return made


def test_a_thin_cable_is_the_same_in_one_dimension_in_three_and_in_both() -> None:
    line, voxels, both = (cable_in(d) for d in (1, 3, "hybrid"))
    assert np.ptp(line.u) > 0.3
    for other in (voxels, both):
        np.testing.assert_allclose(other.per_segment(), line.per_segment(), rtol=0.01)
        assert other.mass == pytest.approx(line.mass, rel=2e-3)


@pytest.mark.parametrize("dimension", [3, "hybrid"])
def test_ten_seconds_of_diffusion_keep_the_mass(dimension: Any) -> None:
    cell = rod(6.0, 1.2, (1, 0.4, 0.3), pieces=3)
    chosen = cell["rod1"] if dimension == "hybrid" else dimension
    made = solid(cell, 0.6, 2.0, lambda n: np.where(n.position[:, 0] < 2, 1.0, 0.0), chosen)
    before = made.mass
    made.sim.run(10_000.0)
    assert made.mass == pytest.approx(before, rel=1e-12)
    assert np.ptp(made.u) < 1e-9 * made.u.mean()
