"""Mechanisms of mod files in models: the same as the library's, and what they write is read by others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import geometry
import rxd
from rxd import library

HH = """
NEURON { SUFFIX mine USEION na READ ena WRITE ina USEION k READ ek WRITE ik NONSPECIFIC_CURRENT il RANGE gna, gk, gl, el }
PARAMETER { gna = 0.12 gk = 0.036 gl = 0.0003 el = -54.3 celsius (degC) }
ASSIGNED { v ena ek ina ik il }
STATE { m h n }
INITIAL { m = a_m(v)/(a_m(v) + b_m(v))  h = a_h(v)/(a_h(v) + b_h(v))  n = a_n(v)/(a_n(v) + b_n(v)) }
BREAKPOINT {
    SOLVE states METHOD cnexp
    ina = gna*m^3*h*(v - ena)
    ik = gk*n^4*(v - ek)
    il = gl*(v - el)
}
DERIVATIVE states { LOCAL q
    q = 3^((celsius - 6.3)/10)
    m' = q*(a_m(v)*(1 - m) - b_m(v)*m)
    h' = q*(a_h(v)*(1 - h) - b_h(v)*h)
    n' = q*(a_n(v)*(1 - n) - b_n(v)*n)
}
FUNCTION a_m(v) { a_m = 0.1*trap(-(v + 40), 10) }
FUNCTION b_m(v) { b_m = 4*exp(-(v + 65)/18) }
FUNCTION a_h(v) { a_h = 0.07*exp(-(v + 65)/20) }
FUNCTION b_h(v) { b_h = 1/(exp(-(v + 35)/10) + 1) }
FUNCTION a_n(v) { a_n = 0.01*trap(-(v + 55), 10) }
FUNCTION b_n(v) { b_n = 0.125*exp(-(v + 65)/80) }
FUNCTION trap(x, y) { if (fabs(x/y) < 1e-6) { trap = y*(1 - x/y/2) } else { trap = x/(exp(x/y) - 1) } }
"""

CALCIUM = """
NEURON { SUFFIX pool USEION ca READ ica WRITE cai RANGE depth, tau }
UNITS { F = (faraday) (coulomb) }
PARAMETER { depth = 0.5 (um) tau = 20 (ms) rest = 1e-4 (mM) }
ASSIGNED { ica }
STATE { cai (mM) }
INITIAL { cai = rest }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { cai' = -1e4*ica/(2*F*depth) + (rest - cai)/tau }
"""

CHANNEL = """
NEURON { SUFFIX chan USEION ca WRITE ica USEION k READ ek WRITE ik }
ASSIGNED { v ek ica ik }
BREAKPOINT { ica = -0.001  ik = 1e-5*(v - ek) }
"""

READER = """
NEURON { SUFFIX reader USEION ca READ cai NONSPECIFIC_CURRENT i RANGE seen }
ASSIGNED { cai i seen }
STATE { z }
INITIAL { z = cai }
BREAKPOINT { SOLVE s METHOD cnexp  seen = 2*cai  i = 0 }
DERIVATIVE s { z' = cai - z }
"""


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.mod").write_text(text)
    return folder


@pytest.mark.parametrize("method", ["split", "coupled"])
def test_hodgkin_and_huxley_as_the_library_has_them(tmp_path: Path, method: str) -> None:
    cell = geometry.cylinder(20, 20)
    traces = []
    for mechanism in (library.hh(), rxd.read_nmodl(write(tmp_path, hh=HH) / "hh.mod")):
        model = rxd.Model(cell, segments=1)
        model.insert(mechanism, on=cell.all)
        model.add(rxd.IClamp(cell.all(0.5), amp=0.1, delay=1, dur=10))
        sim = model.compile(method=method, dt=0.025 if method == "split" else None)
        traces.append(np.array(sim.run(12, record=[rxd.v(cell.all(0.5))], every=0.5)[rxd.v(cell.all(0.5))]))
    assert traces[0].max() > 20
    assert np.abs(traces[0] - traces[1]).max() < 1e-8


@pytest.mark.parametrize(("method", "dt", "within"), [("split", 0.01, 1e-5), ("coupled", None, 1e-4)])
def test_a_written_concentration_follows_its_current_and_is_read(
    tmp_path: Path, method: str, dt: float | None, within: float
) -> None:
    write(tmp_path, pool=CALCIUM, chan=CHANNEL, reader=READER)
    cell = geometry.cylinder(10, 10)
    model = rxd.Model(cell, segments=1)
    for name in ("reader", "chan", "pool"):
        model.insert(rxd.read_nmodl(tmp_path / f"{name}.mod"), on=cell.all)
    group = model.compile(method=method, dt=dt)
    result = group.run(30, record=["pool.cai", "reader.z"], every=1)
    t = np.array(result.t)
    gain = 1e4 * 0.001 / (2 * 96485.33212331001 * 0.5)
    cai = 1e-4 + gain * 20 * (1 - np.exp(-t / 20))
    assert np.array(result["pool.cai"]).ravel() == pytest.approx(cai, rel=within)
    z = 1e-4 + gain * 20 * (1 - np.exp(-t) - (np.exp(-t / 20) - np.exp(-t)) / (1 - 1 / 20))
    assert np.array(result["reader.z"]).ravel() == pytest.approx(z, rel=20 * within)


def test_two_writers_of_one_concentration_are_refused(tmp_path: Path) -> None:
    write(tmp_path, pool=CALCIUM, other=CALCIUM.replace("SUFFIX pool", "SUFFIX other"))
    cell = geometry.cylinder(10, 10, name="cable")
    model = rxd.Model(cell, segments=1)
    for name in ("pool", "other"):
        model.insert(rxd.read_nmodl(tmp_path / f"{name}.mod"), on=cell.all)
    with pytest.raises(rxd.DeclarationError, match="'pool' and 'other' both write cai in cable"):
        model.compile(method="coupled")


def test_a_mechanism_and_a_species_of_one_concentration_are_warned_about(tmp_path: Path) -> None:
    cell = geometry.cylinder(10, 10, name="cable")
    model = rxd.Model(cell, segments=1)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    model.add(rxd.Species(cyt, name="ca", charge=2, initial=1e-4))
    model.insert(rxd.read_nmodl(write(tmp_path, pool=CALCIUM) / "pool.mod"), on=cell.all)
    with pytest.warns(rxd.RxdWarning, match=r"cai in cable is written by mechanism 'pool' and is the species ca\[cyt\]"):
        model.compile(method="coupled")


INFLUX = """
NEURON { POINT_PROCESS influx USEION ca READ cai, eca WRITE ica RANGE i0, seen }
PARAMETER { i0 = -0.002 (nA) }
ASSIGNED { v cai eca ica seen }
STATE { z }
BREAKPOINT { SOLVE s METHOD cnexp  seen = cai  ica = i0 + 0*eca }
DERIVATIVE s { z' = cai - z }
"""


@pytest.mark.parametrize("method", ["split", "coupled"])
def test_point_currents_move_their_ion(tmp_path: Path, method: str) -> None:
    """Two point processes in one segment and one in another: what enters is charge over 2 F, whoever diffuses where."""
    influx = rxd.read_nmodl(write(tmp_path, influx=INFLUX) / "influx.mod")
    cell = geometry.cylinder(30, 4)
    model = rxd.Model(cell, segments=3)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    ca = rxd.Species(cyt, name="ca", charge=2, d=0.2, initial=1e-4)
    model.add(ca, *(rxd.PointProcess(influx, cell.all(x)) for x in (0.2, 0.2, 0.8)))
    sim = model.compile(method=method, dt=0.05 if method == "split" else None)
    result = sim.run(10, record=[ca[cyt], "influx.z"], every=5)
    values = np.array(result[ca[cyt]])[-1].ravel()
    volume = np.pi * 4 * 10
    assert values.sum() * volume == pytest.approx(3e-4 * volume + 3 * 0.002 * 1e6 * 10 / (2 * 96485.33212331001), rel=1e-9)
    assert values[0] > values[2] > values[1]
    assert np.array(result["influx.z"])[-1].max() > 1e-4


def test_a_total_current_without_point_processes_is_warned_about(tmp_path: Path) -> None:
    write(tmp_path, pool=CALCIUM, influx=INFLUX)
    cell = geometry.cylinder(10, 10, name="cable")
    model = rxd.Model(cell, segments=1)
    model.insert(rxd.read_nmodl(tmp_path / "pool.mod"), on=cell.all)
    model.add(rxd.PointProcess(rxd.read_nmodl(tmp_path / "influx.mod"), cell.all(0.5)))
    with pytest.warns(rxd.RxdWarning, match=r"'influx.ica' carries 'ca', and 'pool.cai' follows the total current of 'ca'"):
        model.compile(method="coupled")
