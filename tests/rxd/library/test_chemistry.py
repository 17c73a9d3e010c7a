"""Pumps, stores and buffers: what moves where, how fast, with what charge; and runs against closed forms and balances."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import geometry
import rxd
from rxd import library
from rxd.errors import DeclarationError

FARADAY = 96485.33212331001
CA = np.array([0.0, 2e-5, 1e-4, 3.3e-4, 2e-3])
STORE, IP3 = 0.4, 2.5e-4


@pytest.fixture
def cell() -> SimpleNamespace:
    """A cable with cytosol, store, both membranes and an outside; calcium in all, IP3 in the cytosol."""
    morphology = geometry.cylinder(50.0, 4.0, name="dend")
    everywhere = morphology.all
    cyt = rxd.Region(everywhere, name="cyt", side="i", shape=rxd.FractionalVolume(0.8, surface_fraction=1))
    er = rxd.Region(everywhere, name="er", shape=rxd.FractionalVolume(0.2))
    out = rxd.Region(everywhere, name="out", side="o", shape=rxd.Shell(1.0, 2.0))
    membrane = rxd.Region(everywhere, name="mem", shape=rxd.membrane)
    store = rxd.Region(everywhere, name="store_membrane", shape=rxd.DistributedBoundary(2.0))
    ca = rxd.Species([cyt, er, out], name="ca", charge=2, initial={cyt: 1e-4, er: STORE, out: 2.0})
    ip3 = rxd.Species(cyt, name="ip3", initial=IP3)
    regions = {"cyt": cyt, "er": er, "out": out, "membrane": membrane, "store": store}
    return SimpleNamespace(morphology=morphology, **regions, ca=ca, ip3=ip3, i=ca[cyt], e=ca[er], o=ca[out])


def by_name(net: dict[Any, int]) -> dict[str, int]:
    return {symbol.name: number for symbol, number in net.items()}


def test_serca_fills_the_store(cell: SimpleNamespace, numbers: Callable) -> None:
    (pump,) = library.serca(cell.i, cell.e, cell.store, vmax=0.4, kd=1.3e-4)
    assert by_name(pump.net()) == {"ca[cyt]": -1, "ca[er]": 1}
    assert pump.membrane is cell.store
    assert not pump.membrane_flux
    np.testing.assert_allclose(numbers(pump.rate(), **{"ca[cyt]": CA}), 0.4 * CA**2 / (1.3e-4**2 + CA**2), rtol=1e-13)


def test_leak_follows_the_difference(cell: SimpleNamespace, numbers: Callable) -> None:
    (leak,) = library.er_leak(cell.i, cell.e, cell.store, g=6.0)
    assert by_name(leak.net()) == {"ca[er]": -1, "ca[cyt]": 1}
    rate = numbers(leak.rate(), **{"ca[cyt]": CA, "ca[er]": STORE})
    np.testing.assert_allclose(rate, 6.0 * (STORE - CA), rtol=1e-13)


def test_ip3_receptor_is_that_of_li_and_rinzel(cell: SimpleNamespace, numbers: Callable) -> None:
    """Their numbers in uM and s: d1 = 0.13, d2 = 1.049, d3 = 0.9434, d5 = 0.08234 uM, a2 = 0.2 /uM/s."""
    channel, gate = library.ip3r(cell.i, cell.e, cell.ip3[cell.cyt], cell.store, gmax=1.2e4)
    assert by_name(channel.net()) == {"ca[er]": -1, "ca[cyt]": 1}
    assert gate.unknown.owner.regions == (cell.store,)
    ca, ip3, h = 1e3 * CA, 1e3 * IP3, np.linspace(0.1, 0.9, len(CA))
    values = {"ca[cyt]": CA, "ca[er]": STORE, "ip3[cyt]": IP3, "ip3r_h": h, "ip3r_h[store_membrane]": h}
    m, n = ip3 / (ip3 + 0.13), ca / (ca + 0.08234)
    np.testing.assert_allclose(numbers(channel.rate(), **values), 1.2e4 * m**3 * n**3 * h**3 * (STORE - CA), rtol=1e-12)
    q2 = 1.049 * (ip3 + 0.13) / (ip3 + 0.9434)
    steady, tau = q2 / (q2 + ca), 1 / (0.2 * (q2 + ca))
    np.testing.assert_allclose(numbers(gate.expression, **values), (steady - h) / (1e3 * tau), rtol=1e-12)


@pytest.mark.parametrize("initial", [None, 0.7])
def test_ip3_receptor_starts_at_its_steady_state_or_where_it_is_told(cell: SimpleNamespace, initial: float | None) -> None:
    _, gate = library.ip3r(cell.i, cell.e, cell.ip3[cell.cyt], cell.store, gmax=1.0, initial=initial)
    model = rxd.Model(cell.morphology, segments=3)
    model.add(gate)
    value = model.compile(method="split").values(gate.unknown.owner[cell.store])
    q2 = 1.049e-3 * (IP3 + 1.3e-4) / (IP3 + 9.434e-4)
    np.testing.assert_allclose(value, q2 / (q2 + 1e-4) if initial is None else initial, rtol=1e-14)


def test_ip3_receptor_asks_for_what_it_starts_from(cell: SimpleNamespace) -> None:
    ip3 = rxd.Species(cell.cyt, name="ip3")
    with pytest.raises(DeclarationError, match=r"ip3\[cyt\].*initial=") as error:
        library.ip3r(cell.i, cell.e, ip3[cell.cyt], cell.store, gmax=1.0)
    assert "ip3r_h" in str(error.value)
    library.ip3r(cell.i, cell.e, ip3[cell.cyt], cell.store, gmax=1.0, initial=0.8)


def test_buffer_is_mass_action(cell: SimpleNamespace, numbers: Callable) -> None:
    free, bound = (rxd.Species(cell.cyt, name=name, initial=0.01) for name in ("free", "bound"))
    for ca in (cell.ca, cell.i):
        on = {} if ca is cell.ca else {"free": free[cell.cyt], "bound": bound[cell.cyt]}
        (binding,) = library.buffer(ca, on.get("free", free), on.get("bound", bound), kf=75.0, kb=0.03)
        assert sorted(by_name(binding.net()).values()) == [-1, -1, 1]
        names = {symbol.name: value for symbol, value in zip(binding.net(), (2e-4, 0.01, 0.02), strict=True)}
        assert len(names) == 3
    values = {"ca[cyt]": 2e-4, "free[cyt]": 0.01, "bound[cyt]": 0.02}
    assert numbers(binding.rate(), **values) == pytest.approx(75 * 2e-4 * 0.01 - 0.03 * 0.02, rel=1e-13)


@pytest.mark.parametrize("outside", [True, False])
def test_pmca_takes_two_charges_out(cell: SimpleNamespace, outside: bool, numbers: Callable) -> None:
    (pump,) = library.pmca(cell.i, cell.o if outside else None, cell.membrane, vmax=2.0, kd=2e-4)
    assert by_name(pump.net()) == ({"ca[cyt]": -1, "ca[out]": 1} if outside else {"ca[cyt]": -1})
    assert pump.membrane_flux
    assert pump.charge_out() == 2
    np.testing.assert_allclose(numbers(pump.rate(), **{"ca[cyt]": CA}), 2.0 * CA**2 / (2e-4**2 + CA**2), rtol=1e-13)


def test_pmca_without_current_and_with_a_leak(cell: SimpleNamespace, numbers: Callable) -> None:
    (pump,) = library.pmca(cell.i, None, cell.membrane, vmax=2.0, electrogenic=False, rest=1e-4)
    assert not pump.membrane_flux
    assert numbers(pump.rate(), **{"ca[cyt]": 1e-4}) == pytest.approx(0.0, abs=1e-16)
    assert numbers(pump.rate(), **{"ca[cyt]": 2e-4}) == pytest.approx(2.0 * (1 / 2 - 1 / 5), rel=1e-13)


# --- in a running model ---------------------------------------------------------------------------------------------


def volumes(segments: geometry.Segments, region: rxd.Region) -> np.ndarray:
    return region.shape.volumes(segments, np.arange(segments.n))


def totals(simulation: rxd.Simulation, parts: dict[Any, rxd.Region]) -> float:
    """Amount (mM um3) of what lies on the regions."""
    segments = simulation.discretization.segments
    return sum(float(np.sum(volumes(segments, region) * simulation.values(symbol))) for symbol, region in parts.items())


def test_store_keeps_its_calcium_in_balance(cell: SimpleNamespace) -> None:
    """Pump, leak, receptor and buffer move calcium about; its sum and that of the buffer stay."""
    morphology, cyt, er = cell.morphology, cell.cyt, cell.er
    initial = {cyt: lambda nodes: 1e-4 + 1e-3 * (nodes.x < 0.3), er: STORE}
    ca = rxd.Species([cyt, er], name="ca", d=0.2, charge=2, initial=initial)
    free, bound = rxd.Species(cyt, name="free", initial=0.05), rxd.Species(cyt, name="bound", initial=0.0)
    model = rxd.Model(morphology, segments=5)
    model.add(library.serca(ca[cyt], ca[er], cell.store, vmax=0.4))
    model.add(library.er_leak(ca[cyt], ca[er], cell.store, g=6.0))
    model.add(library.ip3r(ca[cyt], ca[er], cell.ip3[cyt], cell.store, gmax=1.2e4))
    model.add(library.buffer(ca[cyt], free[cyt], bound[cyt], kf=75.0, kb=0.03))
    simulation = model.compile(method="split", dt=0.05)
    calcium, buffer = {ca[cyt]: cyt, ca[er]: er, bound[cyt]: cyt}, {free[cyt]: cyt, bound[cyt]: cyt}
    start = totals(simulation, calcium), totals(simulation, buffer), simulation.values(ca[er]).copy()
    simulation.run(50.0)
    assert totals(simulation, calcium) == pytest.approx(start[0], rel=1e-12)
    assert totals(simulation, buffer) == pytest.approx(start[1], rel=1e-12)
    assert np.max(np.abs(simulation.values(ca[er]) - start[2])) > 1e-4
    h = simulation.values("ip3r_h[store_membrane]")
    assert np.all((h > 0) & (h < 1))


def li_rinzel(_: float, y: np.ndarray) -> list[float]:
    """Calcium (uM) and gate of Li and Rinzel 1994 in seconds, as printed there; IP3 = 0.5 uM, c0 = 2 uM, c1 = 0.185."""
    c, h = y
    store = (2.0 - c) / 0.185
    m, n, q2 = 0.5 / (0.5 + 0.13), c / (c + 0.08234), 1.049 * (0.5 + 0.13) / (0.5 + 0.9434)
    flux = 0.185 * (6.0 * (m * n * h) ** 3 + 0.11) * (store - c) - 0.9 * c**2 / (0.1**2 + c**2)
    return [flux, 0.2 * (q2 - (q2 + c) * h)]


def test_store_oscillates_as_li_and_rinzel_say(cell: SimpleNamespace) -> None:
    """The densities in the docstrings are the paper's, for 1 um2 of membrane in each um3 of cytosol."""
    everywhere = cell.morphology.all
    cyt = rxd.Region(everywhere, name="cytosol", shape=rxd.FractionalVolume(1 / 1.185))
    er = rxd.Region(everywhere, name="store", shape=rxd.FractionalVolume(0.185 / 1.185))
    membrane = rxd.Region(everywhere, name="border", shape=rxd.DistributedBoundary(1 / 1.185))
    ca = rxd.Species([cyt, er], name="ca", charge=2, initial={cyt: 1e-4, er: 1e-3 * 1.9 / 0.185})
    ip3 = rxd.Species(cyt, name="ip3", initial=5e-4)
    model = rxd.Model(cell.morphology, segments=1)
    per_second = 602214.076 * 1e-3
    model.add(
        library.ip3r(ca[cyt], ca[er], ip3[cyt], membrane, gmax=6.0 * 0.185 * per_second, initial=0.8),
        library.er_leak(ca[cyt], ca[er], membrane, g=0.11 * 0.185 * per_second),
        library.serca(ca[cyt], ca[er], membrane, vmax=0.9e-3 * per_second),
    )
    result = model.compile(method="split", dt=4.0).run(60e3, record=[ca[cyt], "ip3r_h[border]"], every=100.0)
    exact = solve_ivp(
        li_rinzel, (0, 60), [0.1, 0.8], t_eval=np.minimum(result.t * 1e-3, 60), method="LSODA", rtol=1e-9, atol=1e-11
    )
    calcium, h = (values[:, 0] for values in result.values)
    maxima = np.flatnonzero((np.diff(exact.y[0])[:-1] > 0) & (np.diff(exact.y[0])[1:] <= 0))
    assert len(maxima) >= 3
    np.testing.assert_allclose(1e3 * calcium, exact.y[0], atol=2e-4)
    np.testing.assert_allclose(h, exact.y[1], atol=2e-4)


def test_pmca_current_and_calcium_are_one_flux(cell: SimpleNamespace) -> None:
    """Saturated (kd = 0) the pump is constant: calcium falls and the membrane hyperpolarises along straight lines."""
    morphology, cyt = cell.morphology, cell.cyt
    ca = rxd.Species(cyt, name="ca", charge=2, initial=1e-2)
    model = rxd.Model(morphology, segments=1, v_init=-60.0)
    (pump,) = library.pmca(ca[cyt], None, cell.membrane, vmax=1.5, kd=0.0)
    model.add(ca, pump)
    simulation = model.compile(method="split", dt=0.1)
    segments = simulation.discretization.segments
    simulation.run(10.0)
    area, volume = segments.area[0], volumes(segments, cyt)[0]
    assert simulation.values(ca[cyt])[0] == pytest.approx(1e-2 - 10 * 1.5 * area / 602214.076 / volume, rel=1e-10)
    density = 2 * FARADAY * 1e-4 * 1.5 / 602214.076
    assert simulation.values("v")[0] == pytest.approx(-60.0 - 10 * 1e3 * density, rel=1e-10)


def test_calcium_channel_moves_what_its_charge_says(cell: SimpleNamespace) -> None:
    """Charge that entered with calcium equals 2 F times the calcium gained, to round-off; kca then opens."""
    morphology, cyt = cell.morphology, cell.cyt
    ca = rxd.Species(cyt, name="ca", charge=2, initial=1e-4)
    model = rxd.Model(morphology, segments=1, v_init=-20.0, celsius=30.0)
    model.insert(library.ca_hva(gbar=1e-3), on=morphology.all)
    model.add(ca)
    simulation = model.compile(method="split", dt=0.025)
    segments = simulation.discretization.segments
    simulation.run(5.0)
    gained = (simulation.values(ca[cyt])[0] - 1e-4) * volumes(segments, cyt)[0]
    charge = (simulation.values("v")[0] + 20.0) * 1e-5 * segments.area[0]
    # pC against mM um3 = 1e-18 mol = 2 F 1e-6 pC.
    assert charge == pytest.approx(2 * FARADAY * 1e-6 * gained, rel=1e-9)
    assert gained > 0


def test_exchanger_moves_three_sodium_for_one_calcium(cell: SimpleNamespace) -> None:
    morphology, cyt = cell.morphology, cell.cyt
    ca = rxd.Species(cyt, name="ca", charge=2, initial=1e-3)
    na = rxd.Species(cyt, name="na", charge=1, initial=10.0)
    model = rxd.Model(morphology, segments=1, v_init=-80.0, celsius=30.0)
    model.insert(library.ncx(imax=0.1), on=morphology.all)
    model.add(ca, na)
    simulation = model.compile(method="split", dt=0.025)
    segments = simulation.discretization.segments
    simulation.run(20.0)
    volume = volumes(segments, cyt)[0]
    calcium, sodium = ((simulation.values(s[cyt])[0] - start) * volume for s, start in ((ca, 1e-3), (na, 10.0)))
    assert calcium < -1e-4 * volume
    assert sodium == pytest.approx(-3 * calcium, rel=1e-7)
    charge = (simulation.values("v")[0] + 80.0) * 1e-5 * segments.area[0]
    assert charge == pytest.approx(FARADAY * 1e-6 * (sodium + 2 * calcium), rel=1e-6)
