"""Extracellular boxes against closed forms: image sums, layers in series, and what crosses the sides."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd.fields3d import boundary_flow, grid_of_results

LOW, SIZE = np.array([-4.0, 1.0, -2.0]), np.array([8.0, 6.0, 5.0])
D, LAMBDA = (2.0, 1.0, 1.5), 1.6
SOURCE = np.array([-1.3, 3.1, 1.2])
SIDES = ("xlo", "xhi", "ylo", "yhi", "zlo", "zhi")


def box(dx: Any = 0.5, dt: float = 0.05, size: Any = SIZE, alpha: Any = 0.2, tortuosity: Any = LAMBDA, **species: Any) -> Any:
    """One species in a box with nothing else: simulation, species, box."""
    model = rxd.Model(geometry.cylinder(10, 1), segments=1)
    ecs = rxd.Extracellular(*LOW, *(LOW + size), dx=dx, volume_fraction=alpha, tortuosity=tortuosity)
    boundary = species.pop("boundary", None)
    k = rxd.Species(ecs, "k", boundary=None if boundary is None else {ecs: boundary}, **species)
    model.add(k)
    return model.compile("split", dt=dt), k, ecs


def line(x: np.ndarray, source: float, low: float, size: float, spread: float, signs: tuple[int, int]) -> np.ndarray:
    """Point source on a line between two ends that reflect (1) or absorb (-1): sum of images; ``spread`` is ``4 D t``."""
    total = np.zeros_like(x)
    for n in range(-8, 9):
        both = (signs[0] * signs[1]) ** abs(n)
        near = signs[1] * (signs[0] * signs[1]) ** (n - 1) if n > 0 else signs[0] * both
        for sign, at in ((both, source - low + 2 * n * size), (near, low - source + 2 * n * size)):
            total += sign * np.exp(-((x - low - at) ** 2) / spread)
    return total / math.sqrt(math.pi * spread)


def green(position: np.ndarray, t: float, absorbing: str | None) -> np.ndarray:
    """A point source in the box after a time, one side of it absorbing."""
    result = np.ones(len(position))
    for axis, name in enumerate("xyz"):
        signs = (-1 if absorbing == f"{name}lo" else 1, -1 if absorbing == f"{name}hi" else 1)
        spread = 4 * D[axis] / LAMBDA**2 * t
        result *= line(position[:, axis], SOURCE[axis], LOW[axis], SIZE[axis], spread, signs)
    return result


def green_error(dx: float, absorbing: str | None) -> float:
    """Largest error between t = 1 and t = 5 ms of a source that is spread already, over the largest value."""
    sides = None if absorbing is None else {absorbing: 0.0}
    sim, k, ecs = box(dx, 0.1, d=D, initial=lambda n: green(n.position, 1.0, absorbing), boundary=sides)
    sim.run(4.0)
    exact = green(ecs.box.position, 5.0, absorbing)
    return float(np.abs(sim.values(k[ecs]) - exact).max() / exact.max())


@pytest.mark.parametrize("absorbing", [None, *SIDES])
def test_source_in_a_box_is_the_sum_of_its_images_whichever_side_absorbs(absorbing: str | None) -> None:
    coarse, fine = green_error(1.0, absorbing), green_error(0.5, absorbing)
    assert fine < 0.015
    assert math.log2(coarse / fine) >= 1.8


def test_held_side_with_another_value_shifts_everything_by_it() -> None:
    first, k, ecs = box(1.0, d=D, initial=lambda n: green(n.position, 1.0, "zlo"), boundary={"zlo": 0.0})
    other, k2, ecs2 = box(1.0, d=D, initial=lambda n: 3 + green(n.position, 1.0, "zlo"), boundary={"zlo": 3.0})
    first.run(2), other.run(2)
    np.testing.assert_allclose(other.values(k2[ecs2]), 3 + first.values(k[ecs]), rtol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_layers_of_tissue_in_series_give_a_profile_of_straight_lines(axis: int) -> None:
    """Free volume fraction and tortuosity differ: a thin fast layer between slow ones. Exact, since halves are in series."""
    name = "xyz"[axis]

    def within(*xyz: np.ndarray) -> np.ndarray:
        return (xyz[axis] - LOW[axis] > 2) & (xyz[axis] - LOW[axis] < 3)

    alpha, tortuosity = lambda *p: np.where(within(*p), 0.4, 0.1), lambda *p: np.where(within(*p), 1.0, 4.0)
    held = {f"{name}lo": 5.0, f"{name}hi": 1.0}
    sim, k, ecs = box(1.0, 50.0, alpha=alpha, tortuosity=tortuosity, d=3.0, initial=2.0, boundary=held)
    assert ecs.box.fraction.shape == ecs.box.shape
    sim.run(150_000.0)
    ease = (ecs.box.fraction / ecs.box.lambda_**2).ravel()
    line_of = np.argsort(ecs.box.position[:, axis], kind="stable")[:: len(ease) // ecs.box.shape[axis]]
    resistance = 1 / ease[line_of]
    flux = 4.0 / resistance.sum()
    exact = 5.0 - flux * (np.cumsum(resistance) - 0.5 * resistance)
    field = sim.grid(k[ecs])
    across = [other for other in "xyz" if other != name]
    np.testing.assert_allclose(field.mean(across), exact, rtol=1e-9)
    assert float((field.max(across) - field.min(across)).max()) < 1e-9
    face = np.prod(SIZE) / SIZE[axis]
    flow = boundary_flow(sim, k[ecs])
    assert flow == pytest.approx({f"{name}lo": 3.0 * flux * face, f"{name}hi": -3.0 * flux * face}, rel=1e-8)


def test_arrays_and_functions_say_the_same_about_tissue() -> None:
    shape = (8, 6, 5)
    x = np.broadcast_to((LOW[0] + 0.5 + np.arange(8))[:, None, None], shape)
    start: dict[str, Any] = {"d": D, "initial": lambda n: n.position[:, 0] ** 2}
    by_function = box(1.0, alpha=lambda x, y, z: 0.2 + 0.02 * x, tortuosity=lambda x, y, z: 1.5 + 0.1 * x, **start)
    by_array = box(1.0, alpha=0.2 + 0.02 * x, tortuosity=1.5 + 0.1 * x, **start)
    for sim, *_ in (by_function, by_array):
        sim.run(2.0)
    assert np.array_equal(by_function[0].values("k[ecs]"), by_array[0].values("k[ecs]"))


def test_closed_box_keeps_what_it_has_for_ten_seconds() -> None:
    sim, k, ecs = box(
        1.0, 2.0, alpha=lambda x, y, z: 0.2 + 0.02 * x, d=D, initial=lambda n: np.where(n.position[:, 0] < -3, 1.0, 0.0)
    )
    volume = ecs.box.volume
    before = volume @ sim.values(k[ecs])
    sim.run(10_000.0)
    assert volume @ sim.values(k[ecs]) == pytest.approx(before, rel=1e-12)
    assert np.ptp(sim.values(k[ecs])) < 1e-9


def test_open_box_changes_by_what_crosses_its_sides() -> None:
    sim, k, ecs = box(1.0, 0.02, d=D, initial=1.0, boundary={"xlo": 3.0, "zhi": 0.5})
    volume, flows, before = ecs.box.volume, [], float(ecs.box.volume.sum())
    for step in range(201):
        sim.run(0.02 * step)
        flows.append(sum(boundary_flow(sim, k[ecs]).values()))
    through = 0.02 * (np.sum(flows) - 0.5 * (flows[0] + flows[-1]))
    assert volume @ sim.values(k[ecs]) - before == pytest.approx(through, rel=1e-3)
    assert abs(through) > 0.01 * before


def test_all_sides_held_settle_at_their_value() -> None:
    sim, k, ecs = box(1.0, 1.0, d=1.0, initial=2.5, boundary=140.0)
    sim.run(1000.0)
    np.testing.assert_allclose(sim.values(k[ecs]), 140.0, rtol=1e-9)


def test_nodes_are_found_by_place_and_by_index() -> None:
    sim, k, ecs = box(1.0, d=1.0, initial=lambda n: n.position @ [1.0, 10.0, 100.0])
    field = sim.grid(k[ecs])
    assert field.dims == ("x", "y", "z")
    assert field.shape == ecs.box.shape == (8, 6, 5)
    assert field.units == "mM"
    assert float(field.isel(x=2, y=0, z=4)) == pytest.approx(-1.5 + 15.0 + 250.0)
    assert float(field.sel(x=-1.4, y=1.2, z=2.7, method="nearest")) == pytest.approx(-1.5 + 15.0 + 250.0)
    voxel = ecs.box.locate(np.array([[-1.4, 1.2, 2.7]]))[0]
    assert voxel == ecs.box.index((2, 0, 4))
    assert sim.values(k[ecs])[voxel] == float(field.isel(x=2, y=0, z=4))
    result = sim.run(0.1, record=[k[ecs]], every=0.05)
    over_time = grid_of_results(result, k[ecs])
    assert over_time.dims == ("time", "x", "y", "z")
    assert np.array_equal(over_time.isel(time=0), field)
    assert np.array_equal(over_time.isel(x=2, y=0, z=4), result[k[ecs]].isel(node=voxel))


def test_coupled_steps_hold_the_same_sides() -> None:
    model = rxd.Model(geometry.cylinder(10, 1), segments=1)
    ecs = rxd.Extracellular(*LOW, *(LOW + SIZE), dx=1.0)
    k = rxd.Species(ecs, "k", d=D, initial=1.0, boundary={ecs: {"ylo": 3.0, "yhi": 1.0}})
    model.add(k)
    sim = model.compile("coupled", solver="scipy")
    sim.run(1000.0)
    profile = sim.grid(k[ecs]).mean(["x", "z"])
    np.testing.assert_allclose(profile, 3 - 2 * (np.arange(6) + 0.5) / 6, rtol=1e-4)
