"""Parameters that INITIAL blocks of mod files set: scripts see them, and what scripts set afterwards counts."""

from __future__ import annotations

import pytest

from rxd.neuron import h
from rxd.nmodl import parse
from rxd.nmodl.presets import preset, with_presets

pytestmark = pytest.mark.usefixtures("session")

CODE = """
PARAMETER { tadj = 1  gg = 0  vin = 0  u[2]  temp = 23  fac = 1  count = 0 }
ASSIGNED { i v celsius minf mtau half }
STATE { m }
INITIAL {
    LOCAL x
    adjust()  x = 3  half = x/2  gg = half*1e-3  vin = v  u[1] = vin + tadj  count = count + 1  rates(v)  m = minf*tadj
}
BREAKPOINT { SOLVE s METHOD cnexp  i = gg*m*(v + 65) + 1e-3*fac*(v + 60 + count) }
DERIVATIVE s { rates(v)  m' = (minf - m)/mtau }
PROCEDURE rates(v) { minf = 1/(1 + exp(-(v + 40)/10))  mtau = 2/tadj }
PROCEDURE adjust() { tadj = 3^((celsius - temp)/10)  fac = 2 }
"""
# NEURON 9.0.2: v after 40 steps, 40 with other parameters, 40 after the mechanism's procedure was called, in two runs
VOLTAGES = {
    "SUFFIX": [[-63.906867228, -62.899673954, -64.212634128], [-64.49439803, -63.591915329, -64.718284457]],
    "POINT_PROCESS": [[-65.983089439, -66.99274966, -68.100132915], [-66.075819905, -67.220773197, -68.261092218]],
}


@pytest.mark.parametrize("kind", VOLTAGES)
def test_what_initial_sets_is_seen_and_can_be_set_again(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = f"NEURON {{ {kind} Pre RANGE gg, vin, tadj, u, count NONSPECIFIC_CURRENT i }} {CODE}"
    (tmp_path / "pre.mod").write_text(text)
    section = h.Section(name="section")
    section.L = section.diam = 20
    section.insert("pas")
    if kind == "SUFFIX":
        section.insert("Pre")
    own = section(0.5).Pre if kind == "SUFFIX" else h.Pre(section(0.5))
    h.celsius, h.dt = 30, 0.025
    for run, wanted in enumerate(VOLTAGES[kind], 1):
        h.finitialize(-60)
        seen = [own.gg, own.vin, own.tadj, own.u[1], own.count, h.fac_Pre]
        assert seen == pytest.approx([0.0015, -60, 2.15766928, -57.84233072, run, 2], rel=1e-8)
        found = []
        for part in range(3):
            for _ in range(40):
                h.fadvance()
            found.append(section(0.5).v)
            if part == 0:
                own.gg, h.fac_Pre = 0.01, 5
            elif part == 1:
                own.adjust()
                assert h.fac_Pre == 2
        assert found == pytest.approx(wanted, abs=2e-7)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("INITIAL { a = 1 }", {"a"}),
        ("INITIAL { b = 2 P() } PROCEDURE P() { a = 1 }", {"a"}),
        ("INITIAL { a = 1 } BREAKPOINT { a = 2 }", set()),
        ("INITIAL { P() } BREAKPOINT { SOLVE P } PROCEDURE P() { a = 1 }", set()),
        ("INITIAL { m = 1 } STATE { m }", set()),
    ],
)
def test_which_parameters_they_are(code, found):
    file = parse(f"NEURON {{ SUFFIX x RANGE a }} PARAMETER {{ a = 0 }} ASSIGNED {{ b }} {code}", "x.mod")
    assert preset(file) == found
    assert (with_presets(file) is not None) == bool(found)
