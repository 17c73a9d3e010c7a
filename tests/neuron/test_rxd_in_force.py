"""Rates as NEURON applies them, and as they are written: both against exact exponentials."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd


@pytest.fixture(params=[False, True], ids=["as NEURON", "correct"])
def session(request):
    with Session(correct=request.param) as session:
        yield session


def decay(nodes, dt=0.1):
    """Rates at which concentrations decay, 1/ms."""
    before = np.array(nodes.value)
    for _ in range(round(dt / h.dt)):
        h.fadvance()
    return -np.log(np.array(nodes.value) / before) / dt


@pytest.mark.filterwarnings("ignore:.*finitialize")
def test_rates_set_after_finitialize(session):
    sec = h.Section(name="a")
    cyt = rxd.Region(sec, name="cyt")
    x, y, p = (rxd.Species(cyt, name=name, initial=1) for name in "xyp")
    first, second = rxd.Reaction(x > y, 0.1), rxd.Rate(p, -0.1 * p)
    h.dt = 0.005
    h.finitialize(-65)
    found = [decay(x.nodes)[0], decay(p.nodes)[0]]
    first.f_rate = 0.2
    found += [decay(x.nodes)[0], decay(p.nodes)[0]]
    third = rxd.Rate(p, -0.5 * p)
    found += [decay(p.nodes)[0]]
    first.f_rate = 0.3
    found += [decay(x.nodes)[0], decay(p.nodes)[0]]
    sec.nseg = 3
    found += [decay(x.nodes)[0], decay(p.nodes)[0]]
    h.finitialize(-65)
    found += [decay(x.nodes)[0], decay(p.nodes)[0]]
    correct = [0.1, 0.1, 0.2, 0.1, 0.6, 0.3, 0.6, 0.3, 0.6, 0.3, 0.6]
    neuron = [0.1, 0.1, 0.3, 0.2, 0.2, 0.6, 0.8, 0.3, 0.6, 0.3, 0.6]
    assert found == pytest.approx(correct if session.correct else neuron, rel=5e-3)
    assert third.f_rate is not None
    assert second.f_rate is not None


@pytest.mark.filterwarnings("ignore:.*finitialize")
@pytest.mark.parametrize("where", ["cell", "box"])
def test_steps_take_the_new_rate_then_the_old_one(where):
    """Numbers: NEURON 9.0.2, cl, ca and p after 6, 9, 11 and 15 steps."""
    with Session():
        sec = h.Section(name="a")
        place = rxd.Region(sec, name="cyt") if where == "cell" else rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
        cl, ca, salt, p = (rxd.Species(place, initial=initial, name=f"x{i}") for i, initial in enumerate([1, 1, 0, 1]))
        reaction, others = rxd.Reaction(2 * cl + ca, salt, 1, 0.1), [rxd.Rate(p, -0.3 * p)]
        found = []

        def after(steps):
            for _ in range(steps):
                h.fadvance()
            found.append([species.nodes[0].concentration for species in (cl, ca, p)])

        h.finitialize(-65)
        h.continuerun(0.125)
        reaction.f_rate = 5
        after(1)
        after(3)
        reaction.b_rate = 1
        others.append(rxd.Rate(p, 0.7))
        after(2)
        reaction.f_rate = 2
        after(4)
    neuron = [
        [0.6939577476, 0.8469788738, 0.9490402162],
        [0.4878030358, 0.7439015179, 0.9074324119],
        [0.383116257, 0.6915581285, 0.8676487762],
        [0.3159563568, 0.6579781784, 0.834876572],
    ]
    assert np.array(found) == pytest.approx(np.array(neuron), rel=2e-8)


@pytest.mark.filterwarnings("ignore:.*NEURON counts this more than once")
def test_regions_with_different_sections(session):
    a, b, c = (h.Section(name=name) for name in "abc")
    wide, middle, narrow = (rxd.Region(secs, name=f"r{len(secs)}") for secs in ([a, b, c], [b, c], [c]))
    x = rxd.Species([wide, middle, narrow], name="x", initial=1)
    y, z = rxd.Species([wide, middle], name="y", initial=1), rxd.Species(narrow, name="z", initial=1)
    rates = [rxd.Rate(x, -0.1 * x), rxd.Rate(y, -0.1 * y, regions=[middle]), rxd.Reaction(z > 2 * z, -0.1)]
    h.dt = 0.005
    h.finitialize(-65)
    times = np.array([1, 2, 3, 1, 2, 1, 0, 0, 0, 1, 2, 1])
    found = np.concatenate([decay(quantity.nodes) for quantity in (x, y, z)]) / 0.1
    assert found == pytest.approx(np.minimum(times, 1) if session.correct else times, rel=2e-3)
    assert len(rates) == 3


@pytest.mark.filterwarnings("ignore:Reaction.*more than once")
def test_the_warnings_name_reaction_and_remedy():
    with Session():
        a, b = h.Section(name="a"), h.Section(name="b")
        cyt = rxd.Region([a, b], name="cyt")
        x = rxd.Species(cyt, name="x", initial=1)
        reaction = rxd.Reaction(x > 2 * x, 0.1)
        h.finitialize(-65)
        reaction.f_rate = 0.3
        h.finitialize(-65)  # begins anew, and nothing is wrong
        reaction.f_rate = 0.2
        with pytest.warns(UserWarning, match=r"Reaction\(x.*adds the new rate to the old one.*--correct"):
            h.fadvance()
        h.fadvance()
        late = rxd.Rate(x, 1)
        with pytest.warns(UserWarning, match=r"Rate\(x, 1.*declared after finitialize.*finitialize\(\)"):
            h.fadvance()
        spot = rxd.Region(b, name="spot")
        other = rxd.Species(spot, name="other")
        with pytest.warns(UserWarning, match=r"Rate\(x, 1.*more than once in b.*same sections"):
            h.finitialize(-65)
        assert late.regions == []
        assert other.nodes.value == [0]


def test_a_crossing_counts_once_and_says_so():
    with Session():
        a, b = h.Section(name="a"), h.Section(name="b")
        cyt, er = rxd.Region([a, b], name="cyt"), rxd.Region(b, name="er")
        out = rxd.Region([a, b], name="out", geometry=rxd.Shell(1, 2))
        mem = rxd.Region([a, b], name="mem", geometry=rxd.membrane())
        x, only = rxd.Species([cyt, out], name="x", initial=1), rxd.Species(er, name="only")
        leave = rxd.MultiCompartmentReaction(x[cyt] > x[out], 1e5, membrane=mem)
        with pytest.warns(UserWarning, match="MultiCompartmentReaction.*counts once"):
            h.finitialize(-65)
        rate = 1e5 / 602214.076 * 4 / a.diam
        assert decay(x[cyt].nodes) == pytest.approx([rate, rate], rel=1e-2)
        assert (len(only.nodes), leave.membrane_flux) == (1, False)


def test_a_formula_as_source_is_no_reaction():
    with Session():
        sec = h.Section(name="a")
        x, y = (rxd.Species(rxd.Region(sec, name="cyt"), name=name, initial=1) for name in "xy")
        reaction = rxd.Reaction(y > 2 * y, 0.1)
        h.finitialize(-65)
        x.nodes[0].include_flux(-0.1 * x)
        reaction.f_rate = 0.2
        reaction.f_rate = 0.3
        with pytest.warns(UserWarning, match="after finitialize"):
            assert decay(x.nodes) == pytest.approx([0.1], rel=2e-3)


def test_the_switch(tmp_path):
    script = tmp_path / "model.py"
    script.write_text(
        "from neuron import h, rxd\n"
        "sec = h.Section()\n"
        "x = rxd.Species(rxd.Region(sec), initial=1)\n"
        "r = rxd.Reaction(x > 2 * x, -0.1)\n"
        "h.finitialize(-65)\n"
        "r.f_rate = -0.2\n"
        "for _ in range(40): h.fadvance()\n"
        "print(x.nodes[0].value)\n"
    )
    for switch, rate in (([], 0.3), (["--correct"], 0.2)):
        command = [sys.executable, "-W", "ignore", "-m", "rxd.neuron", *switch, str(script)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert float(shown) == pytest.approx(math.exp(-rate), rel=2e-3)


@pytest.mark.parametrize("kind", ["State", "Parameter", "Parameter on a region", "Species", "twice", "one way"])
def test_sides_of_which_the_right_one_is_a_state_or_parameter(session, kind):
    # NEURON 9.0.2 exchanges the rates of a two-way reaction of bare sides then
    sec = h.Section(name="a")
    cyt = rxd.Region(sec, name="cyt")
    x = rxd.Species(cyt, name="x", initial=1)
    other = getattr(rxd, kind.split()[0] if kind[0] in "PS" else "State")(cyt, name="y", initial=0)
    sides = (x[cyt], other[cyt]) if "region" in kind else (2 * x, 2 * other) if kind == "twice" else (x, other)
    rates = [0.1] if kind == "one way" else [0.1, 0.3]
    if kind in {"Species", "twice", "one way"} or session.correct:
        reaction, expected = rxd.Reaction(*sides, *rates), 0.1
    else:
        with pytest.warns(UserWarning, match="NEURON takes the forward rate for the backward one"):
            reaction, expected = rxd.Reaction(*sides, *rates), 0.3
    h.dt = 1e-6
    h.finitialize(-65)
    before = np.array(x.nodes.value)
    h.fadvance()
    lost = (before - np.array(x.nodes.value)) / h.dt * (0.5 if kind == "twice" else 1)
    assert lost == pytest.approx(expected, rel=1e-3)
    assert reaction is not None
