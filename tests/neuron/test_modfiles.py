"""Mechanisms of mod files in scripts. Trajectories are compared with NEURON's operations, written out below for one segment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h, rxd
from rxd.neuron.errors import HocError
from rxd.nmodl import NmodlError

POOL = """
NEURON { SUFFIX pool USEION ca READ ica WRITE cai RANGE depth GLOBAL tau }
UNITS { F = (faraday) (coulomb) }
PARAMETER { depth = 0.2 (um)  tau = 15 (ms)  rest = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) }
STATE { cai (mM) }
INITIAL { cai = rest }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { cai' = -1e4*ica/(2*F*depth) + (rest - cai)/tau }
"""

CHANNEL = """
NEURON { SUFFIX cah USEION ca READ eca WRITE ica RANGE gbar, g, minf }
PARAMETER { gbar = 0.001 (S/cm2) }
ASSIGNED { v (mV) eca (mV) ica (mA/cm2) g (S/cm2) minf mtau (ms) }
STATE { m }
INITIAL { rates(v)  m = minf }
BREAKPOINT { SOLVE s METHOD cnexp  g = gbar*m*m  ica = g*(v - eca) }
DERIVATIVE s { rates(v)  m' = (minf - m)/mtau }
PROCEDURE rates(u (mV)) { minf = 1/(1 + exp(-(u + 40)/8))  mtau = 1 + 2/(1 + exp((u + 50)/10)) }
"""

POTASSIUM = """
NEURON { SUFFIX kca USEION ca READ cai USEION k READ ek WRITE ik RANGE gbar, ninf }
PARAMETER { gbar = 0.002 (S/cm2)  half = 3e-4 (mM) }
ASSIGNED { v ek cai ik ninf }
STATE { n }
INITIAL { n = 1/(1 + (half/cai)^4) }
BREAKPOINT { SOLVE s METHOD cnexp  ik = gbar*n*(v - ek) }
DERIVATIVE s { ninf = 1/(1 + (half/cai)^4)  n' = (ninf - n)/3 }
"""

MARKOV = """
NEURON { SUFFIX markov NONSPECIFIC_CURRENT i RANGE g, e }
PARAMETER { g = 0.0005 (S/cm2)  e = -20 (mV) }
ASSIGNED { v i }
STATE { c o d }
INITIAL { SOLVE k STEADYSTATE sparse }
BREAKPOINT { SOLVE k METHOD sparse  i = g*o*(v - e) }
KINETIC k { ~ c <-> o (exp((v + 50)/20), exp(-(v + 50)/20))  ~ o <-> d (0.1, 0.02)  CONSERVE c + o + d = 1 }
"""


LATE = """
NEURON { SUFFIX late NONSPECIFIC_CURRENT i }
ASSIGNED { v i minf mtau w }
STATE { m }
INITIAL { rates(v)  m = minf  open() }
BREAKPOINT { rates(v)  SOLVE s METHOD cnexp  i = 0.001*m*w*(v + 20) }
DERIVATIVE s { open()  m' = (minf - m)/mtau }
PROCEDURE rates(u) { minf = 1/(1 + exp(-(u + 40)/8))  mtau = 1 + 2/(1 + exp((u + 50)/10)) }
PROCEDURE open() { w = 1/(1 + exp(-(v + 30)/10)) }
"""


OXYGEN = """
NEURON { SUFFIX oxygen USEION ox READ oxi VALENCE 0 RANGE flow }
ASSIGNED { oxi flow }
BREAKPOINT { flow = 2*oxi }
"""


GOLDMAN = """
NEURON { SUFFIX goldman USEION cal READ cali, calo WRITE ical VALENCE 2 RANGE p }
PARAMETER { p = 1e-5 }
ASSIGNED { v (mV) cali calo ical z }
BREAKPOINT { z = 0.075*v  ical = p*(factor(-z)*cali - factor(z)*calo) }
FUNCTION factor(z) { if (fabs(z) < 1e-4) { factor = 1 - z/2 } else { factor = z/(exp(z) - 1) } }
"""
SPARING = """
NEURON { SUFFIX sparing USEION cal READ ical, cali WRITE cali VALENCE 2 }
ASSIGNED { ical drive }
STATE { cali }
INITIAL { cali = 1e-4 }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { drive = -50*ical  if (drive <= 0) { drive = 0 }  cali' = drive + (1e-4 - cali)/40 }
"""


MODS = {
    "goldman": GOLDMAN,
    "sparing": SPARING,
    "oxygen": OXYGEN,
    "pool": POOL,
    "cah": CHANNEL,
    "kca": POTASSIUM,
    "markov": MARKOV,
    "late": LATE,
}


def soma(*mechanisms):
    section = h.Section(name="soma")
    section.L = section.diam = 10
    for mechanism in ("pas", *mechanisms):
        section.insert(mechanism)
    return section


def test_variables(mods):
    section = soma("cah", h.pool)
    assert section.gbar_cah == section(0.5).cah.gbar == 0.001
    section(0.5).cah.gbar = 0.002
    assert section(0.5).gbar_cah == 0.002
    assert h.tau_pool == 15
    h.tau_pool = 20
    assert h.tau_pool == 20
    assert {"ca_ion", "cah", "pool"} <= set(section.psection()["density_mechs"]) | {"ca_ion"}
    assert set(section.psection()["density_mechs"]["cah"]) == {"gbar", "g", "minf", "m"}
    assert section.has_membrane("ca_ion")
    with pytest.raises(AttributeError, match="kca, the mechanism does not exist"):
        section(0.5).kca  # noqa: B018


def test_a_style_that_lets_the_reversal_potential_be(mods):
    one, other, third = (soma("cah", "pool") for _ in range(3))
    h.ion_style("ca_ion", 3, 1, 0, 0, 1, sec=other)
    h.ion_style("ca_ion", 3, 1, 1, 0, 1, sec=third)
    other.eca = 100
    h.finitialize(-20)
    start = h.nernst(h.cai0_ca_ion, h.cao0_ca_ion, 2)
    for _ in range(5):
        before = [section(0.5).v for section in (one, other, third)]
        cai = [section(0.5).cai for section in (one, other, third)]
        h.fadvance()
    for section, v, e in zip((one, other, third), before, (h.nernst(cai[0], 2, 2), 100, start), strict=True):
        assert section(0.5).eca == pytest.approx(e, rel=1e-12)
        assert section(0.5).ica == pytest.approx(section(0.5).g_cah * (v - e), rel=1e-10)
    assert cai[0] > 1e-3


def test_a_global_before_anything_is_inserted(mods):
    h.tau_pool = 30
    assert h.tau_pool == 30
    assert h.half_kca == 3e-4


def by_hand(steps, dt, celsius):
    """What NEURON does in a fixed step with these mechanisms in one segment (voltage, calcium, gates m and n)."""
    ktf = 1000 * 8.31446261815324 * (celsius + 273.15) / 96485.33212331001
    v, cai = -50.0, 1e-4
    m, n = 1 / (1 + math.exp(-(v + 40) / 8)), 1 / (1 + (3e-4 / cai) ** 4)
    rows = [(v, cai, m, n)]
    for _ in range(steps):
        eca = ktf / 2 * math.log(2 / cai)
        g_ca, g_k = 0.001 * m * m, 0.002 * n
        ica = g_ca * (v - eca)
        total = ica + g_k * (v + 77) + 0.001 * (v + 70)
        v -= total / (1e-3 / dt + g_ca + g_k + 0.001)
        goal = 1e-4 + 15 * -1e4 * ica / (2 * 96485.33212331001 * 0.2)
        cai = goal + (cai - goal) * math.exp(-dt / 15)
        minf, mtau = 1 / (1 + math.exp(-(v + 40) / 8)), 1 + 2 / (1 + math.exp((v + 50) / 10))
        m = minf + (m - minf) * math.exp(-dt / mtau)
        ninf = 1 / (1 + (3e-4 / cai) ** 4)
        n = ninf + (n - ninf) * math.exp(-dt / 3)
        rows.append((v, cai, m, n))
    return np.array(rows).T


@pytest.mark.parametrize("order", [("cah", "pool", "kca"), ("kca", "pool", "cah")])
def test_steps_are_neurons(mods, order):
    section = soma(*order)
    place = section(0.5)
    names = ("v", "cai", "m_cah", "n_kca")
    recorded = [h.Vector().record(getattr(place, f"_ref_{name}")) for name in names]
    ninf = h.Vector().record(place._ref_ninf_kca)
    h.finitialize(-50)
    h.continuerun(10)
    expected = by_hand(400, 0.025, h.celsius)
    for name, vector, values in zip(names, recorded, expected, strict=True):
        assert np.array(vector) == pytest.approx(values, rel=1e-10), name
    assert np.array(ninf)[1:] == pytest.approx(1 / (1 + (3e-4 / expected[1][1:]) ** 4), rel=1e-9)


def test_what_is_recorded_in_the_compiled_loop_is_what_a_script_sees(mods):
    section = soma("cah", "pool", "kca")
    names = ("g_cah", "minf_cah", "ninf_kca", "ica", "cai", "v")
    recorded = [h.Vector().record(getattr(section(0.5), f"_ref_{name}")) for name in names]
    h.finitialize(-50)
    h.continuerun(1)
    h.finitialize(-50)
    seen = [[getattr(section, name) for name in names]]
    for _ in range(40):
        h.fadvance()
        seen.append([getattr(section, name) for name in names])
    kept = [np.array(vector) for vector in recorded]
    assert np.array(kept) == pytest.approx(np.array(seen).T, rel=1e-13)
    h.finitialize(-50)
    h.continuerun(1)
    assert np.array(recorded) == pytest.approx(np.array(seen).T, rel=1e-12)


def test_what_one_block_leaves_to_another_keeps_its_time(mods):
    """BREAKPOINT computes rates before the step, SOLVE's block an opening that no slope of the current sees."""
    section = soma("late")
    recorded = [h.Vector().record(getattr(section(0.5), f"_ref_{name}")) for name in ("v", "m_late")]
    h.finitialize(-50)
    h.continuerun(5)
    v = -50.0
    m = 1 / (1 + math.exp(-(v + 40) / 8))
    rows = [(v, m)]
    for _ in range(200):
        minf, mtau = 1 / (1 + math.exp(-(v + 40) / 8)), 1 + 2 / (1 + math.exp((v + 50) / 10))
        g = 0.001 * m / (1 + math.exp(-(v + 30) / 10))
        v -= (g * (v + 20) + 0.001 * (v + 70)) / (1e-3 / 0.025 + g + 0.001)
        m = minf + (m - minf) * math.exp(-0.025 / mtau)
        rows.append((v, m))
    assert np.array(recorded) == pytest.approx(np.array(rows).T, rel=1e-11)


def test_variable_steps_agree_with_short_fixed_ones(mods):
    section = soma("cah", "pool", "kca")
    found = []
    for adaptive in (False, True):
        h.cvode.active(adaptive)
        h.cvode.atol(1e-7)
        h.dt, h.steps_per_ms = 0.0025, 400
        h.finitialize(-50)
        h.continuerun(5)
        found.append((section.v, section.cai * 1e4, section.m_cah, section.n_kca))
    assert found[0] == pytest.approx(found[1], rel=2e-3)


def test_kinetic_states_start_steady_and_conserve(mods):
    section = soma("markov")
    h.finitialize(-40)
    start = [section.c_markov, section.o_markov, section.d_markov]
    open_, rest = math.exp(0.5), math.exp(-0.5)
    o = 1 / (1 + rest / open_ + 0.1 / 0.02)
    assert start == pytest.approx([o * rest / open_, o, 5 * o])
    h.continuerun(2)
    assert section.o_markov != pytest.approx(o)
    assert section.c_markov + section.o_markov + section.d_markov == pytest.approx(1, rel=1e-12)
    assert section.i_markov == pytest.approx(0.0005 * section.o_markov * (section.v + 20), rel=1e-2)


def test_a_mechanism_feeds_and_reads_a_species(mods):
    section = soma("cah", "kca")
    ca = rxd.Species(rxd.Region(section, nrn_region="i"), name="ca", charge=2, initial=1e-4)
    h.finitialize(-40)
    entered = 0.0
    for _ in range(40):
        h.fadvance()
        entered -= section.ica * 1e4 * h.dt / (2 * 96485.33212331001) * 4 / 10  # surface per volume of the cylinder
    assert ca.nodes[0].value == pytest.approx(1e-4 + entered, rel=1e-9)
    assert section.cai == ca.nodes[0].value
    assert section.n_kca > 1 / (1 + 3**4)


def test_a_current_with_cases_is_taken_up_once(mods):
    section = soma("goldman", "sparing")
    h.finitialize(-40)
    found = section.cali
    for _ in range(3):
        h.fadvance()
        drive = max(-50 * section.ical, 0)  # currents are those of the step's start
        found = drive * 40 + 1e-4 + (found - drive * 40 - 1e-4) * math.exp(-h.dt / 40)
    assert drive > 1e-6
    assert section.cali == pytest.approx(found, rel=1e-9)


def test_a_mechanism_reads_a_species_without_charge(mods):
    section = soma("oxygen")
    ox = rxd.Species(rxd.Region(section, nrn_region="i"), name="ox", initial=7)
    decay = rxd.Rate(ox, -0.5 * ox)  # noqa: F841
    h.finitialize(-65)
    for _ in range(3):
        h.fadvance()
        assert section(0.5).oxygen.flow == 2 * ox.nodes[0].value < 14


@pytest.mark.parametrize(("name", "charge"), [("na", 1), ("k", 1), ("ca", 2)])
def test_the_charge_of_a_usual_ion_is_known(mods, name, charge):
    cyt = rxd.Region(soma(), nrn_region="i")
    with pytest.raises(HocError, match=f"{name}_ion already defined with charge {charge}, cannot redefine with charge 0"):
        rxd.Species(cyt, name=name)


def test_initial_blocks_see_ions_before_rxd_sets_them(mods):
    section = soma("kca")
    cytosol = rxd.Region([section], nrn_region="i")
    calcium = rxd.Species(cytosol, name="ca", charge=2, initial=3e-4)
    h.cai0_ca_ion = 1e-4
    for _ in range(2):
        h.finitialize(-65)
        assert section(0.5).kca.n == pytest.approx(1 / (1 + 3.0**4), rel=1e-12)  # NEURON 9: half is 3e-4, cai0_ca_ion 1e-4
        assert section(0.5).cai == calcium.nodes[0].concentration == 3e-4


def test_a_mod_file_and_rxd_both_writing_calcium_are_named(mods):
    section = soma("cah", "pool")
    ca = rxd.Species(rxd.Region(section, name="cyt", nrn_region="i"), name="ca", charge=2, initial=1e-4)
    with pytest.warns(UserWarning, match="cai in soma is written by mechanism 'pool' and is the species ca"):
        h.finitialize(-40)
    assert ca.nodes[0].value == 1e-4


def test_other_folders(mods, monkeypatch):
    elsewhere = mods / "elsewhere"
    (elsewhere / "mods").mkdir(parents=True)
    (elsewhere / "mods" / "far.mod").write_text(MARKOV.replace("SUFFIX markov", "SUFFIX far"))
    section = soma()
    with pytest.raises(ValueError, match="There is no 'far'"):
        section.insert("far")
    assert h.nrn_load_dll(str(elsewhere / "x86_64" / ".libs" / "libnrnmech.so"))
    section.insert("far")
    assert section.g_far == 0.0005
    with pytest.warns(UserWarning, match="there are none where it lies"):
        assert h.nrn_load_dll(str(mods / "nowhere" / "libnrnmech.so")) == 0


def test_what_cannot_be_translated_is_refused_where_it_is_inserted(mods):
    (mods / "c.mod").write_text("NEURON { SUFFIX c }\nBREAKPOINT {\n VERBATIM\n x = 1;\n ENDVERBATIM\n }")
    with pytest.raises(NmodlError, match=r"c\.mod, line 3: VERBATIM"):
        soma("c")
    assert soma("markov").has_membrane("markov")
