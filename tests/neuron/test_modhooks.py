"""BEFORE and AFTER blocks of mod files: what they add up over a cell, step by step."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from rxd.neuron import h
from rxd.neuron.engine import hooks
from rxd.neuron.session import current_session
from rxd.nmodl import NmodlError

METER = """
NEURON { SUFFIX meter RANGE gain, seen POINTER sum }
PARAMETER { gain = 1 }
ASSIGNED { v sum seen turns }
AFTER SOLVE { turns = turns + 1  seen = gain*v  sum = sum + seen + 1000*turns }
"""

TOTAL = """
NEURON { POINT_PROCESS Total RANGE sum, when, steps }
ASSIGNED { sum when steps }
BEFORE INITIAL { steps = -1 }
AFTER INITIAL { steps = steps + 1 }
BEFORE BREAKPOINT { sum = 0 }
BEFORE STEP { when = t  steps = steps + 1 }
"""

PROBE = """
NEURON { POINT_PROCESS Probe RANGE seen }
ASSIGNED { v seen }
AFTER SOLVE { seen = v }
"""

COUNTS = """
NEURON { SUFFIX counts RANGE breaks, solves, steps, highest, last }
ASSIGNED { v breaks solves steps highest last }
STATE { x }
INITIAL { x = 1 breaks = 0 solves = 0 steps = 0 highest = v }
BEFORE BREAKPOINT { breaks = breaks + 1 }
BREAKPOINT { SOLVE decay METHOD cnexp }
DERIVATIVE decay { x' = -0.1*x }
AFTER SOLVE { solves = solves + 1 last = t }
BEFORE STEP { steps = steps + 1 if (v > highest) { highest = v } }
"""

PEAK = """
NEURON { SUFFIX peak RANGE highest, when, n }
ASSIGNED { v highest when n above }
INITIAL { highest = v  when = 0  n = 0  above = 0 }
BREAKPOINT { SOLVE look METHOD after_cvode }
PROCEDURE look() {
    if (v > highest) { highest = v  when = t }
    if (v > level(0) && above == 0) { n = n + 1  above = 1 }
    if (v < level(0)) { above = 0 }
}
FUNCTION level(x) { level = x - 20 }
"""

SLOPE = """
NEURON { SUFFIX slope RANGE dvdt, steepest, when, twice }
ASSIGNED { v v1 v2 t1 t2 dvdt steepest when twice }
INITIAL { v1 = v  v2 = v  t1 = 0  t2 = 0  dvdt = 0  steepest = 0  when = 0  twice = 0  look() }
BREAKPOINT { SOLVE look METHOD after_cvode }
PROCEDURE look() {
    v1 = v2  v2 = v  t1 = t2  t2 = t
    if (t2 - t1 > 0) { dvdt = (v2 - v1)/(t2 - t1) }
}
AFTER SOLVE { twice = 2*dvdt  if (dvdt > steepest) { steepest = dvdt  when = t } }
"""

LOWEST = """
NEURON { POINT_PROCESS Lowest RANGE lowest }
ASSIGNED { v lowest }
INITIAL { lowest = v }
BREAKPOINT { LOCAL twice  twice = 2*v  if (twice < 2*lowest) { lowest = twice/2 } }
"""

MIXED = """
NEURON { POINT_PROCESS Mixed RANGE highest, level }
ASSIGNED { v highest level }
INITIAL { highest = v }
BREAKPOINT { LOCAL x  if (v > -65) { x = v  level = 1 } else { x = -65  level = 2 }  if (x > highest) { highest = x } }
"""

DEEP = """
NEURON { POINT_PROCESS Deep RANGE highest, n }
ASSIGNED { v highest n }
INITIAL { highest = v  n = 0 }
BREAKPOINT { if (v > highest) { highest = v  outer() } }
PROCEDURE outer() { inner() }
PROCEDURE inner() { n = n + 1 }
"""

BESIDE = """
NEURON { POINT_PROCESS Beside RANGE highest NONSPECIFIC_CURRENT i }
ASSIGNED { v i highest }
INITIAL { highest = v }
BREAKPOINT { i = 0.001*v  if (v > highest) { highest = v } }
"""

METERS = """
NEURON { SUFFIX meters RANGE gain, seen, here POINTER other, sum, all }
PARAMETER { gain = 1 }
ASSIGNED { v seen here other sum all }
AFTER SOLVE { here = v*gain  seen = -(other - here)/2 + t  sum = sum + seen  all = all + seen*here }
"""

TOTALS = """
NEURON { POINT_PROCESS Totals RANGE sum, kept POINTER all }
ASSIGNED { sum kept all }
AFTER SOLVE { kept = sum  all = all + 1 }
BEFORE BREAKPOINT { sum = 0  all = 0 }
"""

LINKS = """
NEURON { POINT_PROCESS Links RANGE held, twice POINTER next }
ASSIGNED { held twice next }
BEFORE STEP { twice = 2*held  next = held + 1 }
"""

HIDDEN = """
NEURON { SUFFIX hidden NONSPECIFIC_CURRENT i RANGE early, seen, twice, count, out, runs }
ASSIGNED { v i early seen twice count out runs base start factor }
STATE { s }
BEFORE INITIAL { early = v  base = 3  start = 7  runs = runs + 1 }
INITIAL { s = start  twice = 2*start  count = 0 }
AFTER INITIAL { seen = base + twice + s }
BEFORE BREAKPOINT { factor = 0.001*t  count = count + base }
BREAKPOINT { SOLVE states METHOD cnexp  i = factor*(v + 60) }
DERIVATIVE states { s' = -s*factor*100 }
AFTER SOLVE { out = factor + count }
"""

MODS = {
    "mixed": MIXED,
    "deep": DEEP,
    "beside": BESIDE,
    "hidden": HIDDEN,
    "lowest": LOWEST,
    "peak": PEAK,
    "slope": SLOPE,
    "links": LINKS,
    "meter": METER,
    "total": TOTAL,
    "counts": COUNTS,
    "probe": PROBE,
    "meters": METERS,
    "totals": TOTALS,
}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.nseg = 2
    section.insert("pas")
    section.insert("meter")
    return section


def test_sums_over_segments(soma):
    total = h.Total(soma(0.5))
    soma(0.25).pas.e = -50
    soma(0.75).meter.gain = 2
    for segment in soma:
        segment.meter._ref_sum = total._ref_sum
    places = (soma(0.25)._ref_v, soma(0.75)._ref_v, total._ref_sum, soma(0.75)._ref_seen_meter, total._ref_when)
    recorded = [h.Vector().record(place) for place in places]
    h.finitialize(-65)
    assert (total.steps, total.sum) == (1, 0)
    h.continuerun(1)
    one, two, added, seen, when = (np.array(vector)[1:] for vector in recorded)
    assert np.ptp(one) > 1
    assert seen == pytest.approx(2 * two, rel=1e-14)
    assert added == pytest.approx(one + 2 * two + 2000 * np.arange(1, 41), rel=1e-12)
    assert when == pytest.approx(0.025 * np.arange(1, 41))
    assert total.steps == 41


@pytest.fixture
def bare(mods):
    section = h.Section(name="bare")
    section.nseg = 2
    section.insert("pas")
    return section


def test_what_initial_sets_is_counted_on(bare):
    soma = bare
    soma.insert("counts")
    h.finitialize(-65)
    counts = soma(0.75).counts
    assert (counts.breaks, counts.solves, counts.steps) == (1, 0, 1)
    h.fadvance()
    assert (counts.breaks, counts.solves, counts.steps) == (2, 1, 2)
    h.continuerun(1)
    assert (counts.breaks, counts.solves, counts.steps) == (41, 40, 41)
    assert counts.x == pytest.approx(np.exp(-0.1), rel=1e-9)


@pytest.mark.parametrize("kind", ["density", "point"])
def test_blocks_share_variables_that_are_not_range_with_all_others(mods, tmp_path, kind):
    bare = h.Section(name="bare")
    bare.L = bare.diam = 10
    if kind == "point":
        (tmp_path / "apart.mod").write_text(HIDDEN.replace("SUFFIX hidden", "POINT_PROCESS Apart"))
        h.nrn_load_dll(str(tmp_path))
        here = h.Apart(bare(0.5))
    else:
        bare.insert("hidden")
        here = bare(0.5).hidden
    for run in (1, 2):
        h.finitialize(-70)
        assert (here.early, here.seen, here.twice, here.s, here.runs) == (-70, 24, 14, 7, run)
        for _ in range(8):
            h.fadvance()
        assert (here.count, here.out) == (27, pytest.approx(27 + 0.001 * 7.5 * 0.025, rel=1e-9))
        # what NEURON 9.0.2 shows for the same file
        voltage, s = {"density": (-69.80231139, 6.98601399), "point": (-69.93657364, 6.98601399)}[kind]
        assert bare.v == pytest.approx(voltage, abs=1e-8)
        assert here.s == pytest.approx(s, abs=1e-8)


def test_variable_steps_run_them_and_go_on_as_without(bare):
    soma = bare
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.5, 3, 0.5
    v, t = h.Vector().record(soma(0.75)._ref_v), h.Vector().record(h._ref_t)
    h.CVode().active(True)
    h.CVode().atol(1e-6)
    h.finitialize(-65)
    h.CVode().solve(5)
    plain = np.interp(np.arange(0, 5, 0.1), t, v)
    count = len(t)
    soma.insert("counts")
    h.finitialize(-65)
    h.CVode().solve(5)
    counts = soma(0.75).counts
    assert abs(len(t) - count) <= 0.1 * count
    np.testing.assert_allclose(np.interp(np.arange(0, 5, 0.1), t, v), plain, atol=5e-3)
    assert counts.highest == pytest.approx(v.max(), abs=1e-9)
    assert counts.last == 5
    assert len(t) - 3 <= counts.solves <= len(t) == counts.steps + np.sum(np.diff(t) == 0)


def test_only_scripts_run_them(soma, tmp_path):
    model = rxd.Model(geometry.cylinder(10, 10))
    with pytest.raises(NmodlError, match=r"total\.mod, line 4: BEFORE INITIAL runs around steps of rxd.neuron only"):
        model.add(rxd.PointProcess(rxd.read_nmodl(tmp_path / "total.mod"), model.morphology.all(0.5)))


def test_points_at_ends_see_the_voltage_there(mods):
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    for section in (soma, dend):
        section.insert("pas")
        section.diam = 2
    dend.connect(soma(1))
    clamp, probes = h.IClamp(soma(0.5)), [h.Probe(soma(x)) for x in (0.5, 1)]
    clamp.dur, clamp.amp = 5, 1
    h.finitialize(-65)
    h.continuerun(1)
    assert [probe.seen for probe in probes] == [soma(0.5).v, soma(1).v]
    assert soma(0.5).v - soma(1).v > 0.1


def test_blocks_run_for_all_places_at_once_as_one_after_the_other(mods, monkeypatch):
    """HNN's dipoles: thousands of segments add to one number."""
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    for section, nseg in ((soma, 1), (dend, 3)):
        section.nseg, section.diam = nseg, 2
        section.insert("pas")
        section.insert("meters")
    dend.connect(soma(1))
    dend(0.5).meters.gain = 3
    clamp, everything, totals = h.IClamp(soma(0.5)), h.Vector(1), [h.Totals(section(1)) for section in (soma, dend)]
    clamp.dur, clamp.amp = 5, 0.1
    for section, total in zip((soma, dend), totals, strict=True):
        total._ref_all = everything._ref_x[0]
        for segment in section:
            segment.meters._ref_other, segment.meters._ref_sum = section(0)._ref_v, total._ref_sum
            segment.meters._ref_all = everything._ref_x[0]
    recorded = [h.Vector().record(place) for place in (everything._ref_x[0], *(one._ref_kept for one in totals))]
    seen = h.Vector().record(dend(0.5).meters._ref_seen)

    def run():
        h.finitialize(-65)
        h.continuerun(1)
        return [vector.to_python() for vector in (*recorded, seen)]

    found = run()
    assert np.ptp(found[0]) > 1
    engine = current_session().run.engine
    assert engine is not None
    assert engine.linked.followed == []  # blocks look themselves; no step has to bring what they follow
    assert totals[1].kept == pytest.approx(sum(segment.meters.seen for segment in dend), rel=1e-14)
    monkeypatch.setattr(hooks, "in_columns", lambda *about: None)
    h.Section(name="other")  # another engine
    for one, other in zip(run(), found, strict=True):  # from the first step on: what is assigned outlives finitialize
        assert one[1:] == pytest.approx(other[1:], rel=1e-12, abs=1e-12)


def test_what_one_place_sets_another_of_its_kind_reads_in_turn(bare):
    chain = [h.Links(bare(0.5)) for _ in range(4)]
    for one, following in zip(chain, [*chain[1:], chain[0]], strict=True):
        one._ref_next = following._ref_held
    h.finitialize(-65)
    chain[0].held = 10
    h.fadvance()
    assert [(one.held, one.twice) for one in chain] == [(14, 20), (11, 22), (12, 24), (13, 26)]


@pytest.mark.parametrize("adaptive", [False, True])
def test_what_a_solved_procedure_keeps_from_step_to_step(bare, adaptive):
    """It is run with numbers where NEURON runs it, at the ends of steps: numbers agree with those of NEURON 9.0.2."""
    soma = bare
    soma.insert("hh")
    soma.insert("peak")
    lowest, clamp = h.Lowest(soma(0.5)), h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 30, 1.5e-3 * soma(0.5).area()
    recorded = [h.Vector().record(at) for at in (soma(0.5)._ref_v, h._ref_t, soma(0.5)._ref_highest_peak)]
    h.cvode_active(adaptive)
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(30)
    h.cvode_active(False)
    v, t, highest = map(np.array, recorded)
    peak = soma(0.5).peak
    assert (peak.highest, peak.when) == pytest.approx((v.max(), t[v.argmax()]), rel=1e-12)
    assert peak.n == np.count_nonzero((v[1:] > -20) & (v[:-1] <= -20)) > 1
    assert lowest.lowest == v.min() < -65
    if not adaptive:  # internal steps are recorded before such code has run
        np.testing.assert_array_equal(highest, np.maximum.accumulate(v))


def test_what_a_solved_procedure_passes_on_from_step_to_step(bare):
    """``v2 = v`` is an equation, ``v1 = v2`` before it none: both run with numbers, before blocks of AFTER SOLVE."""
    bare.insert("hh")
    bare.insert("slope")
    clamp = h.IClamp(bare(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 2, 2e-4 * bare(0.5).area()
    v = h.Vector().record(bare(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(5)
    found, slopes = bare(0.5).slope, np.diff(np.array(v)) / 0.025
    assert found.dvdt == pytest.approx(slopes[-1], rel=1e-9)
    assert found.twice == 2 * found.dvdt
    assert (found.steepest, found.when) == pytest.approx((slopes.max(), 0.025 * (slopes.argmax() + 1)), rel=1e-9)


@pytest.mark.parametrize("kind", ["Beside", "Mixed", "Deep"])
def test_what_is_kept_beside_something_else_is_warned_about(bare, kind):
    with pytest.warns(UserWarning, match=rf"mod: highest of {kind} follow from what they were.*AFTER SOLVE"):
        point = getattr(h, kind)(bare(0.5))
    assert point.kind == kind
