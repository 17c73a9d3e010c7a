"""Rallpacks 1 to 3: cables with exact or refined answers (Bhalla, Bilitch and Bower 1992).

See https://doi.org/10.1016/0166-2236(92)90009-W. The passive answers are sums over the eigenfunctions of a sealed cable, with
the steady state in closed form, so that what is left to sum dies out exponentially.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import geometry
import rxd
from geometry import SectionSpec
from rxd import library

RA, RM, CM, REST = 100.0, 40_000.0, 1.0, -65.0  # ohm cm, ohm cm2, uF/cm2, mV
TAU = 1e-3 * RM * CM  # ms
INJECTED = 0.1  # nA


def sealed_cable(length: float, diam: float, x: float, t: np.ndarray, terms: int = 3000) -> np.ndarray:
    """Voltage (mV) at x (um) of a sealed passive cable with a current step into its left end, from t > 0 (ms)."""
    reach = 1e4 * math.sqrt(1e-4 * diam / 4 * RM / RA)  # um
    input_resistance = 1e-6 * RA * (1e-4 * reach) / (math.pi / 4 * (1e-4 * diam) ** 2)  # Mohm, of the half-infinite cable
    steady = INJECTED * input_resistance * math.cosh((length - x) / reach) / math.sinh(length / reach)
    n = np.arange(terms)
    speed = (1 + (n * math.pi * reach / length) ** 2) / TAU
    capacitance = 1e-5 * CM * math.pi * diam * length  # nF
    weight = np.where(n == 0, 1, 2) * INJECTED / capacitance / speed * np.cos(n * math.pi * x / length)
    return REST + steady - np.exp(-np.outer(t, speed)) @ weight


def rms(found: np.ndarray, exact: np.ndarray) -> float:
    """Root mean square difference as a fraction of the range."""
    return float(np.sqrt(np.mean((found - exact) ** 2)) / np.ptp(exact))


def passive(cell: geometry.Morphology, ends: list, segments: int, dt: float) -> tuple[np.ndarray, list[np.ndarray]]:
    model = rxd.Model(cell, segments=segments, Ra=RA, cm=CM, v_init=REST)
    model.insert(library.pas(g=1 / RM, e=REST), on=cell.all)
    model.add(rxd.IClamp(ends[0], amp=INJECTED, delay=0, dur=1e9))
    result = model.compile("split", dt=dt).run(250, record=[rxd.v(end) for end in ends], every=0.5)
    return result.t[1:], [values[1:, 0] for values in result.values]


def test_series_meets_its_own_limits() -> None:
    """At the start all current charges the first stretch of membrane like an infinite cable; at the end the steady state."""
    t = np.array([0.01, 1e4])
    start, end = sealed_cable(1000, 1, 0, t, terms=30_000) - REST
    resistance = sealed_cable(1e5, 1, 0, np.array([1e4]))[0] - REST  # half-infinite: coth -> 1
    assert start == pytest.approx(resistance * math.erf(math.sqrt(0.01 / TAU)), rel=1e-6)
    assert end == pytest.approx(resistance / math.tanh(1), rel=1e-9)


def test_rallpack_1_passive_cable() -> None:
    cell = geometry.cylinder(1000, 1)
    t, (near, far) = passive(cell, [cell.all(0.0), cell.all(1.0)], 1000, 0.05)
    assert rms(near, sealed_cable(1000, 1, 0.0, t)) < 1e-3
    assert rms(far, sealed_cable(1000, 1, 1000.0, t)) < 1e-3
    # The first and last segment stand for their middles, where the agreement is far closer.
    assert rms(near, sealed_cable(1000, 1, 0.5, t)) < 2e-5
    assert rms(far, sealed_cable(1000, 1, 999.5, t)) < 2e-5


def rall_tree(orders: int = 10, diam: float = 16.0, length: float = 32.0) -> geometry.Morphology:
    """A binary tree by Rall's 3/2 rule: electrically one cylinder. Branches of an order lie on one another."""
    specs = []
    start = 0.0
    for order in range(orders):
        thin, long = diam / 2 ** (2 * order / 3), length / 2 ** (order / 3)
        for k in range(2**order):
            points = [(start, 0, 0, thin), (start + long, 0, 0, thin)]
            specs.append(SectionSpec(f"b{order}_{k}", points, "dendrite", f"b{order - 1}_{k // 2}" if order else None))
        start += long
    return geometry.Morphology.from_sections(specs)


def test_rallpack_2_binary_tree_is_its_equivalent_cylinder() -> None:
    cell = rall_tree()
    root, leaf = cell["b0_0"](0.0), cell["b9_77"](1.0)
    t, (near, far) = passive(cell, [root, leaf], 1, 0.05)
    assert len(cell) == 1023
    # With one segment a branch, root and leaf stand for the middles of theirs.
    assert rms(near, sealed_cable(320, 16, 16, t)) < 1e-4
    assert rms(far, sealed_cable(320, 16, 304, t)) < 1e-4
    assert rms(near, sealed_cable(320, 16, 0, t)) < 2.5e-3
    assert rms(far, sealed_cable(320, 16, 320, t)) < 2.5e-3


def axon(dt: float, until: float = 250.0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Voltages and spike times at both ends of the squid axon of Rallpack 3."""
    cell = geometry.cylinder(1000, 1)
    ends = [cell.all(0.0), cell.all(1.0)]
    model = rxd.Model(cell, segments=200, Ra=RA, cm=CM, v_init=REST)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(ends[0], amp=INJECTED, delay=0, dur=1e9), [rxd.Detector(end, threshold=0.0) for end in ends])
    result = model.compile("split", dt=dt).run(until, record=[rxd.v(end) for end in ends], every=0.1)
    return [values[:, 0] for values in result.values], list(result.spikes.values())


def test_rallpack_3_squid_axon_against_a_refined_run() -> None:
    refined_v, refined_spikes = axon(0.00125)
    found_v, found_spikes = axon(0.005)
    for found, exact in zip(found_v, refined_v, strict=True):
        assert np.ptp(exact) > 90
        assert rms(found, exact) < 1e-3
    for found, exact in zip(found_spikes, refined_spikes, strict=True):
        assert len(exact) == 18
        np.testing.assert_allclose(found, exact, rtol=0, atol=5e-3)
    assert np.all(refined_spikes[1] > refined_spikes[0])  # they travel


def test_rallpack_3_spike_times_converge_at_second_order() -> None:
    exact = axon(0.003125, 60)[1]
    errors = [np.max(np.abs(np.subtract(axon(dt, 60)[1], exact))) for dt in (0.1, 0.05, 0.025)]
    assert errors[-1] < 0.03
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.2)
