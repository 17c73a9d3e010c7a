"""Calcium: a wave released from the endoplasmic reticulum converges, and fast buffers act as the rapid-buffer limit says."""

from __future__ import annotations

import math

import numpy as np
import pytest

import geometry
import rxd

CYT, ER = 0.8, 0.2  # fractions of the volume
CA_CYT, CA_MEAN = 1.1e-4, 1.9e-3  # mM
UNKNOWNS = ("ca[cyt]", "ca[er]", "ip3[cyt]", "gate[er_membrane]")


def wave(dt: float) -> rxd.Simulation:
    """Release by calcium and IP3, refilling and a leak along a cable loaded with IP3 at its left end."""
    cell = geometry.cylinder(120, 1.2)
    model = rxd.Model(cell, segments=61)
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(CYT, surface_fraction=1))
    er = rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(ER))
    membrane = rxd.Region(cell.all, "er_membrane", shape=rxd.DistributedBoundary(0.9))
    ca = rxd.Species([cyt, er], "ca", d=0.09, charge=2, initial={cyt: CA_CYT, er: (CA_MEAN - CA_CYT * CYT) / ER})
    ip3 = rxd.Species(cyt, "ip3", d=1.2, initial=lambda node: np.where(node.x < 0.15, 1.2, 0.11))
    gate = rxd.State(membrane, "gate", initial=0.78)
    um = 1000 * ca[cyt]
    release = 11_800 * (ip3[cyt] / (ip3[cyt] + 0.16) * um / (um + 0.38) * gate[membrane]) ** 3
    model.add(
        rxd.MultiCompartmentReaction(
            ca[cyt], ca[er], 0.37 * um**2 / (0.11**2 + um**2), membrane=membrane, custom_dynamics=True
        ),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], 5.4, 5.4, membrane=membrane),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], release, release, membrane=membrane),
        rxd.Rate(gate[membrane], (1 / (1 + um / 0.42) - gate[membrane]) / 1800),
    )
    return model.compile("split", dt=dt)


def distances(found: list[np.ndarray], exact: list[np.ndarray]) -> list[float]:
    return [np.max(np.abs(f - e)) / np.ptp(e) for f, e in zip(found, exact, strict=True)]


def test_wave_travels_and_leaves_calcium_where_it_was_in_all() -> None:
    sim = wave(1.0)
    result = sim.run(1000, record=["ca[cyt]"], every=5)
    volume, layout = sim.discretization.capacity, sim.discretization.layout
    amount = sum(volume[layout[label].order] @ sim.values(label) for label in UNKNOWNS[:2])
    space = sum(volume[layout[label].order].sum() for label in UNKNOWNS[:2])
    assert amount / space == pytest.approx(CA_MEAN, rel=1e-12)
    calcium = result["ca[cyt]"].values
    arrival = result.t[np.argmax(calcium > 5e-4, axis=0)]
    assert calcium.max() > 1e-3
    assert 100 < arrival[5] < arrival[15] < arrival[25] < 1000
    assert calcium[:, 45:].max() < 1.2 * CA_CYT  # where it has not come yet nothing has happened


def test_wave_converges_at_second_order_in_time() -> None:
    """At a time when it is half-way: an error of its speed would show in every unknown."""

    def state(dt: float) -> list[np.ndarray]:
        sim = wave(dt)
        sim.run(320)
        return [sim.values(label) for label in UNKNOWNS]

    exact = state(0.0625)
    errors = np.array(
        [[np.max(np.abs(f - e)) / np.ptp(e) for f, e in zip(state(dt), exact, strict=True)] for dt in (2.0, 1.0, 0.5)]
    )
    assert errors[-1].max() < 0.02
    np.testing.assert_allclose(np.log2(errors[1] / errors[2]), 2, atol=0.15)


LENGTH, D, D_BUFFER, TOTAL, K = 50.0, 0.6, 0.08, 0.1, 0.01  # um, um2/ms, um2/ms, mM, mM
CAPACITY = TOTAL / K


def buffered_decay(on: float) -> float:
    """Decay rate (1/ms) of the first cosine mode of a small calcium signal in much buffer, measured between 150 and 400 ms."""
    cell = geometry.cylinder(LENGTH, 1)
    model = rxd.Model(cell, segments=25)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    small = 1e-6 * K

    def profile(node: rxd.Nodes) -> np.ndarray:
        return small * (1 + 0.5 * np.cos(np.pi * node.x))

    ca = rxd.Species(cyt, "ca", d=D, charge=2, initial=profile)
    buf = rxd.Species(cyt, "buf", d=D_BUFFER, initial=lambda node: TOTAL - CAPACITY * profile(node))
    bound = rxd.Species(cyt, "bound", d=D_BUFFER, initial=lambda node: CAPACITY * profile(node))
    rate = rxd.Parameter(cyt, "on", value=on)
    model.add(rxd.Reaction(ca + buf, bound, rate, rate * K))
    sim = model.compile("split", dt=0.25)
    shape = np.cos(np.pi * sim.discretization.segments.x)
    amplitude = []
    for until in (150.0, 400.0):
        sim.run(until)
        amplitude.append(sim.values(ca) @ shape)
    return math.log(amplitude[0] / amplitude[1]) / 250


def test_fast_buffer_slows_diffusion_as_the_rapid_buffer_limit_says() -> None:
    """``D_eff = (D + kappa D_buffer) / (1 + kappa)`` (Wagner and Keizer 1994, https://doi.org/10.1016/S0006-3495(94)80500-4)."""
    h = LENGTH / 25
    laplacian = (2 / h * math.sin(math.pi * h / (2 * LENGTH))) ** 2
    limit = (D + CAPACITY * D_BUFFER) / (1 + CAPACITY) * laplacian
    assert buffered_decay(1e4) == pytest.approx(limit, rel=1e-4)
    away = []
    for on in (1.0, 10.0):
        # Between the two: the slow eigenvalue of exchange and diffusion together.
        matrix = np.array([[-D * laplacian - on * TOTAL, on * K], [on * TOTAL, -D_BUFFER * laplacian - on * K]])
        slow = -np.max(np.linalg.eigvals(matrix).real)
        found = buffered_decay(on)
        assert found == pytest.approx(slow, rel=1e-4)
        away.append(1 - found / limit)
    assert away[0] / away[1] == pytest.approx(10, rel=0.2)  # the limit is approached as 1 / rate
