"""Layers of `extracellular` that resist, and LinearMechanism: exact answers, the cable itself, NEURON 9.0.2's figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.neuron.errors import HocError

# v, vext[0], vext[1], 1000 i_membrane in the middles of the three sections of `mixed` after 2 ms
FIGURES = (
    (37.58829884512597, 7.338278724863751, 1.721687890377519, -53.50990035088706),
    (10.326614708904152, 7.761156010365688, 1.664917358671982, -188.84360630328263),
    (-7.828620571758076, 8.31204103277334, 1.5028102753691677, 228.47077699860552),
)


pytestmark = pytest.mark.usefixtures("session")


def cable(name: str, length: float, nseg: int, mechanism: str = "pas") -> Any:
    section = h.Section(name=name)
    section.L, section.diam, section.nseg, section.Ra = length, 2, nseg, 100
    section.insert(mechanism)
    return section


def layered(section: Any, xg: tuple[float, float], xc: tuple[float, float], xraxial: tuple[float, float]) -> None:
    section.insert("extracellular")
    for seg in section:
        for i in range(2):
            seg.xg[i], seg.xc[i], seg.xraxial[i] = xg[i], xc[i], xraxial[i]


def clamp(place: Any, amp: float, delay: float = 0.0, dur: float = 1e9) -> Any:
    electrode = h.IClamp(place)
    electrode.delay, electrode.dur, electrode.amp = delay, dur, amp
    return electrode


def test_at_rest_with_a_current_everything_follows_ohm() -> None:
    s = cable("s", 50, 1)
    layered(s, (2e-3, 5e-3), (1.0, 0.5), (1e9, 1e9))
    s.e_extracellular = 4
    electrode = clamp(s(0.5), 0.02)
    h.finitialize(-70)
    h.dt = 100
    for _ in range(60):
        h.fadvance()
    density = 100 * electrode.amp / s(0.5).area()
    assert s(0.5).v == pytest.approx(-70 + density / 0.001, rel=1e-9)
    assert s(0.5).vext[1] == pytest.approx(4 + density / 5e-3, rel=1e-9)
    assert s(0.5).vext[0] == pytest.approx(4 + density / 5e-3 + density / 2e-3, rel=1e-9)
    assert s(0.5).i_membrane == pytest.approx(density, rel=1e-9)


def test_a_layer_charges_by_backward_euler() -> None:
    """The membrane's current is given (a clamp, no conductance): the layer is one resistor and one capacitor."""
    s = cable("s", 50, 1)
    s.g_pas = 0
    layered(s, (1e-3, 1e9), (2.0, 0.0), (1e9, 1e9))
    current = clamp(s(0.5), 0.05)
    h.finitialize(-65)
    density, expected = 100 * current.amp / s(0.5).area(), 0.0
    for _ in range(20):
        h.fadvance()
        expected = (expected + h.dt * density / 2e-3) / (1 + h.dt * 1e-3 / 2e-3)
        assert s(0.5).vext[0] == pytest.approx(expected, rel=1e-9)


def mixed() -> tuple[list[Any], Any]:
    soma, dend, twig = cable("soma", 20, 1, "hh"), cable("dend", 300, 5, "hh"), cable("twig", 100, 3)
    dend.connect(soma(1))
    twig.connect(dend(0.5))
    for section, factor in ((soma, 1.0), (dend, 1.0), (twig, 2.0)):
        layered(section, (1e-3, 5e-3), (0.5, 0.2), (50 * factor, 200 * factor))
    dend.e_extracellular, twig.e_extracellular = 3, -2
    return [soma, dend, twig], clamp(dend(0.3), 0.5, 0.5, 1)


def test_figures_of_neuron() -> None:
    sections, electrode = mixed()
    assert electrode.amp == 0.5
    h.finitialize(-65)
    for _ in range(80):
        h.fadvance()
    seen = [(s(0.5).v, s(0.5).vext[0], s(0.5).vext[1], 1e3 * s(0.5).i_membrane) for s in sections]
    assert np.array(seen) == pytest.approx(np.array(FIGURES), rel=1e-7, abs=1e-7)


def test_many_steps_at_once_and_one_by_one() -> None:
    sections, electrode = mixed()
    electrode.delay = 0.3
    recorded = [h.Vector().record(s(0.5)._ref_v) for s in sections]
    h.finitialize(-65)
    h.continuerun(2)
    together = np.array(recorded)
    h.finitialize(-65)
    while h.t < 2 - h.dt / 2:
        h.fadvance()
    assert np.array(recorded) == pytest.approx(together, rel=1e-12)


def test_no_charge_is_lost_outside() -> None:
    """Without capacities what clamps inject flows through the outermost layer to ground."""
    sections, first = mixed()
    second = clamp(sections[2](1), -0.1)
    for s in sections:
        s.e_extracellular = 0
        for seg in s:
            seg.xc[0] = seg.xc[1] = 0
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    flow = sum(0.01 * seg.area() * seg.xg[1] * seg.vext[1] for s in sections for seg in s)
    assert flow == pytest.approx(first.i + second.i, rel=1e-9)
    assert flow == pytest.approx(0.4, rel=1e-9)


def test_properties_may_change_between_steps() -> None:
    """Layers that do not resist until a script says so; a state saved and restored goes on the same way."""
    s = cable("s", 100, 3)
    s.insert("extracellular")
    current = clamp(s(0.1), 0.1)
    assert current.amp == 0.1
    h.finitialize(-70)
    for _ in range(10):
        h.fadvance()
    assert s(0.5).vext[0] == 0
    for seg in s:
        seg.xg[0], seg.xc[0] = 1e-3, 0.2
    h.fadvance()
    assert s(0.5).vext[0] != 0
    saved = h.SaveState()
    saved.save()
    ends = []
    for _ in range(2):
        for seg in s:
            seg.xg[0] = 1e-3
        h.fadvance()
        s.e_extracellular = 0
        h.fadvance()
        ends.append([(seg.v, seg.vext[0], seg.vext[1]) for seg in s])
        saved.restore()
    assert ends[0] == ends[1]


def test_a_clamp_of_voltage_holds_the_inside() -> None:
    s = cable("s", 20, 1)
    layered(s, (1e-3, 1e9), (0, 0), (1e9, 1e9))
    electrode = h.SEClamp(s(0.5))
    electrode.rs, electrode.dur1, electrode.amp1 = 0.01, 1e9, -20
    h.finitialize(-70)
    for _ in range(5):
        h.fadvance()
    inside = s(0.5).v + s(0.5).vext[0]
    assert electrode.i == pytest.approx((-20 - inside) / 0.01, rel=1e-9)
    assert s(0.5).i_membrane == pytest.approx(100 * electrode.i / s(0.5).area(), rel=1e-6)
    assert s(0.5).vext[0] == pytest.approx(1e3 * s(0.5).i_membrane, rel=1e-6)


def test_what_does_not_go_with_layers() -> None:
    _sections = mixed()
    h.finitialize(-65)
    h.secondorder = 2
    with pytest.raises(HocError, match="secondorder = 0"):
        h.fadvance()


# ------------------------------------------------------------------------------------------------------------ LinearMechanism


def conductor(first: Any, second: Any, siemens: float) -> tuple[Any, ...]:
    """A conductance between the middles of two sections, uS."""
    c, g, y, b = h.Matrix(2, 2), h.Matrix(2, 2), h.Vector(2), h.Vector(2)
    for i, section in enumerate((first, second)):
        density = 100 * siemens / section(0.5).area()
        g.setval(i, i, density)
        g.setval(i, 1 - i, -density)
    return h.LinearMechanism(c, g, y, b, h.SectionList([first, second]), h.Vector([0.5, 0.5])), y, c, g, b


def test_a_conductor_between_two_sections_is_the_cable_between_them() -> None:
    """Two sections joined end to end, and the same two joined by a circuit of the same conductance."""
    first, second = cable("first", 50, 1, "hh"), cable("second", 70, 1)
    second.connect(first(1))
    current = clamp(first(0.5), 0.3, 0.2, 1)
    g = 1 / (h.ri(first(1)) + h.ri(second(0.5)))
    v = [h.Vector().record(s(0.5)._ref_v) for s in (first, second)]
    h.finitialize(-65)
    h.continuerun(3)
    joined = np.array(v)
    h.disconnect(sec=second)
    made = conductor(first, second, g)
    h.finitialize(-65)
    h.continuerun(3)
    assert np.array(v) == pytest.approx(joined, rel=1e-9)
    assert current.amp == 0.3
    assert list(made[1]) == pytest.approx(joined[:, -1], rel=1e-9)


def test_a_source_of_voltage_has_no_diagonal() -> None:
    s = cable("s", 50, 3, "hh")
    c, g, y, b = h.Matrix(2, 2, 2), h.Matrix(2, 2, 2), h.Vector(2), h.Vector([0, -40])
    g.setval(0, 1, -1)
    g.setval(1, 0, 1)
    source = h.LinearMechanism(c, g, y, b, 0.5, sec=s)
    h.finitialize(-65)
    for _ in range(5):
        h.fadvance()
        assert s(0.5).v == pytest.approx(-40, abs=1e-9)
    b.x[1] = -50
    h.fadvance()
    assert y.x[0] == pytest.approx(-50, abs=1e-9)
    assert y.x[1] < 0  # it takes charge out
    del source


def test_a_circuit_by_itself_moves_by_backward_euler() -> None:
    s = cable("s", 50, 1)
    c, g, y, y0, b = h.Matrix(2, 2), h.Matrix(2, 2), h.Vector(2), h.Vector([1, 2]), h.Vector([0, 0.5])
    c.setval(0, 0, 1)
    c.setval(1, 1, 2)
    g.setval(0, 1, -1)
    g.setval(1, 0, 1)
    calls = []

    def drive() -> None:
        calls.append(h.t)
        b.x[0] = 0.1 * y.x[0] ** 2

    circuit = h.LinearMechanism(drive, c, g, y, y0, b)
    h.finitialize(-65)
    C, G, x = c.as_numpy().copy(), g.as_numpy().copy(), np.array([1.0, 2.0])
    for _ in range(10):
        source = np.array([0.1 * x[0] ** 2, 0.5])
        x = np.linalg.solve(C / h.dt + G, source + C @ x / h.dt)
        h.fadvance()
        assert y.as_numpy() == pytest.approx(x, rel=1e-12)
    assert calls[:3] == [0.0, 0.0, h.dt]
    assert len(calls) == 11
    assert s(0.5).v != -65
    del circuit
    h.fadvance()
    assert len(calls) == 11


def test_a_circuit_on_a_layer_outside() -> None:
    """A resistor to ground from the first layer takes its share of the membrane's current."""
    s = cable("s", 50, 1)
    layered(s, (1e-3, 1e9), (0, 0), (1e9, 1e9))
    current = clamp(s(0.5), 0.02)
    c, g, y, b = h.Matrix(1, 1), h.Matrix(1, 1), h.Vector(1), h.Vector(1)
    g.setval(0, 0, 3e-3)
    shunt = h.LinearMechanism(c, g, y, b, h.SectionList([s]), h.Vector([0.5]), h.Vector([1]))
    h.finitialize(-70)
    h.dt = 100
    for _ in range(40):
        h.fadvance()
    assert s(0.5).vext[0] == pytest.approx(100 * current.amp / s(0.5).area() / 4e-3, rel=1e-9)
    assert y.x[0] == s(0.5).vext[0]
    del shunt


def test_a_conductance_at_an_end_is_a_clamp_there() -> None:
    """In uS, since an end has no membrane: the same as SEClamp."""
    s = cable("s", 100, 3, "hh")
    electrode = h.SEClamp(s(1))
    electrode.rs, electrode.dur1, electrode.amp1 = 4, 1e9, -40
    recorded = h.Vector().record(s(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(3)
    clamped = np.array(recorded)
    del electrode
    c, g, y, b = h.Matrix(1, 1), h.Matrix(1, 1), h.Vector(1), h.Vector([-40 / 4])
    g.setval(0, 0, 1 / 4)
    shunt = h.LinearMechanism(c, g, y, b, 1.0, sec=s)
    h.finitialize(-65)
    h.continuerun(3)
    assert np.array(recorded) == pytest.approx(clamped, rel=1e-6, abs=1e-5)
    assert y.x[0] == s(1).v
    del shunt


def test_mistakes() -> None:
    s = cable("s", 50, 1)
    c, g, y, b = h.Matrix(1, 1), h.Matrix(1, 1), h.Vector(1), h.Vector(1)
    with pytest.raises(HocError, match="square"):
        h.LinearMechanism(c, h.Matrix(2, 2), y, b)
    with pytest.raises(HocError, match=r"y, \[y0,\] b"):
        h.LinearMechanism(c, g, y)
    deep = h.LinearMechanism(c, g, y, b, h.SectionList([s]), h.Vector([0.5]), h.Vector([1]))
    with pytest.raises(HocError, match="no layer 1"):
        h.finitialize(-65)
    del deep


# ----------------------------------------------------------------------------------------------------------- variable steps


def variable(atol: float) -> Any:
    cvode = h.CVode()
    cvode.active(True)
    cvode.atol(atol)
    return cvode


def test_variable_steps_charge_a_layer_as_written_down() -> None:
    """The membrane's current is given from 0.5 ms on, as a step of a clamp: the layer is one resistor and one capacitor."""
    s = cable("s", 50, 1)
    s.g_pas = 0
    layered(s, (1e-3, 1e9), (2.0, 0.0), (1e9, 1e9))
    current = clamp(s(0.5), 0.05, delay=0.5)
    cvode = variable(1e-7)
    recorded, along = h.Vector().record(s(0.5)._ref_vext[0], 0.25), h.Vector().record(h._ref_t)
    h.finitialize(-65)
    cvode.solve(3)
    density = 100 * current.amp / s(0.5).area()

    def expected(t: float) -> float:
        return density / 1e-3 * (1 - np.exp(-max(t - 0.5, 0) / 2))

    assert s(0.5).vext[0] == pytest.approx(expected(3), abs=2e-6)
    assert s(0.5).i_membrane == pytest.approx(density, rel=1e-6)
    assert list(recorded) == pytest.approx([expected(0.25 * k) for k in range(len(recorded))], abs=2e-6)
    assert len(along) < 250


def test_variable_steps_are_where_short_fixed_ones_go() -> None:
    sections, electrode = mixed()
    assert electrode.amp == 0.5

    def seen() -> np.ndarray:
        return np.array([(s(0.5).v, s(0.5).vext[0], s(0.5).vext[1]) for s in sections])

    cvode, found = variable(1e-3), {}
    for atol in (1e-3, 1e-7):
        cvode.atol(atol)
        h.finitialize(-65)
        cvode.solve(1.2)
        found[atol] = seen()
    cvode.active(False)
    errors = []
    for dt in (0.002, 0.001):
        h.dt = dt
        h.finitialize(-65)
        h.continuerun(1.2)
        errors.append(np.abs(seen() - found[1e-7]).max())
    assert np.abs(found[1e-3] - found[1e-7]).max() < 0.02
    assert errors[1] < 0.6 * errors[0] < 0.1  # it is where they go


@pytest.mark.parametrize("mohm", [10.0, 0.0])
def test_a_source_of_voltage_in_variable_steps(mohm: float) -> None:
    """Behind a resistor it is a clamp of voltage; without one it holds the voltage exactly."""
    s = cable("s", 50, 3, "hh")
    electrode = h.SEClamp(s(0.5))
    electrode.rs, electrode.dur1, electrode.amp1 = mohm or 1e-5, 1e9, -40
    cvode = variable(1e-6)
    h.finitialize(-65)
    cvode.solve(1.5)
    clamped, flows = s(0.1).v, electrode.i
    del electrode
    c, g, y, b = h.Matrix(2, 2, 2), h.Matrix(2, 2, 2), h.Vector(2), h.Vector([0, -40])
    g.setval(0, 1, -1)
    g.setval(1, 0, 1)
    scale = 100 / s(0.5).area()  # mA/cm2 per nA
    g.setval(1, 1, mohm / scale)
    source = h.LinearMechanism(c, g, y, b, 0.5, sec=s)
    h.finitialize(-65)
    cvode.solve(1.5)
    assert s(0.1).v == pytest.approx(clamped, abs=2e-5 if mohm else 2e-3)
    assert y.x[0] == s(0.5).v
    assert y.x[1] == pytest.approx(flows * scale, rel=1e-4 if mohm else 1e-2)
    del source


def test_a_circuit_by_itself_in_variable_steps() -> None:
    """An oscillator without loss, that a function drives from time to time."""
    s = cable("s", 50, 1)
    c, g, y, y0, b = h.Matrix(2, 2), h.Matrix(2, 2), h.Vector(2), h.Vector([1, 0]), h.Vector(2)
    c.setval(0, 0, 1)
    c.setval(1, 1, 1)
    g.setval(0, 1, -1)
    g.setval(1, 0, 1)
    circuit = h.LinearMechanism(c, g, y, y0, b)
    cvode = variable(1e-6)
    h.finitialize(-65)
    cvode.solve(2.0)
    assert list(y) == pytest.approx([np.cos(2.0), -np.sin(2.0)], abs=2e-5)
    assert s(0.5).v != -65
    del circuit
    h.finitialize(-65)
    calls = []
    driven = h.LinearMechanism(lambda: calls.append(h.t), c, g, y, y0, b)
    h.finitialize(-65)
    cvode.solve(1.0)
    assert list(y) == pytest.approx([np.cos(1.0), -np.sin(1.0)], abs=2e-5)
    assert np.diff(calls).max() < 0.026
    del driven


# v at a(0), a(0.25) and b(0.75), vext[0] at a(0), a(0.25), a(1), b(0.75) and b(1) after 40 steps, by the number of layers
NUMBERED = {
    1: ([-65.74884256, -65.74884256, -63.8022698], [-4.15115238, -4.15115238, -4.81126221, -6.22632321, -6.22632321]),
    2: ([-65.14394784, -65.14394784, -64.77799395], [-4.81757158, -4.81757158, -4.98672115, -5.20898613, -5.20898613]),
    3: ([-65.01928679, -65.01928679, -64.92877923], [-4.95293924, -4.95293924, -4.99868581, -5.04968915, -5.04968915]),
}


@pytest.mark.parametrize("layers", NUMBERED)
def test_a_number_of_layers(layers: int) -> None:
    """NEURON 9.0.2's figures, also at ends, which have potentials outside of their own."""
    assert h.nlayer_extracellular(layers) == h.nlayer_extracellular() == layers
    a, b = h.Section(name="a"), h.Section(name="b")
    b.connect(a(1))
    for section in (a, b):
        section.nseg, section.L, section.diam, section.Ra = 2, 100, 1, 100
        section.insert("hh")
        section.insert("extracellular")
        assert len(section(0.5).xg) == layers
        for i in range(layers):
            section.xg[i], section.xraxial[i], section.xc[i] = 0.01 * (i + 1), 1e3, 0.1
    b(0.75).e_extracellular = -20
    h.dt = 0.025
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    inside, outside = NUMBERED[layers]
    assert [place.v for place in (a(0), a(0.25), b(0.75))] == pytest.approx(inside, abs=2e-7)
    assert [place.vext[0] for place in (a(0), a(0.25), a(1), b(0.75), b(1))] == pytest.approx(outside, abs=2e-7)


def test_ends_between_sections_with_layers_and_without() -> None:
    """NEURON 9.0.2's figures: currents follow potentials inside; a joint has the layers of the section nearer to the root."""
    a, b, c = (h.Section(name=name) for name in "abc")
    b.connect(a(1))
    c.connect(b(1))
    for section in (a, b, c):
        section.nseg, section.L, section.diam, section.Ra = 2, 50, 1, 100
        section.insert("hh")
    b.insert("extracellular")
    b.xg[0], b.xc[0], b.xraxial[0] = 1e-5, 0.01, 1e3
    electrode = clamp(a(0.25), 0.4, 0.1, 0.1)
    ends = (a(1), b(0), b(1), c(0), c(1))
    v = [h.Vector().record(place._ref_v) for place in ends]
    out = [h.Vector().record(b(x)._ref_vext[0]) for x in (0, 0.25, 1)]
    h.dt = 0.025
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    wanted = [-37.2776998, -37.2776998, -65.3864161, -65.3864161, -39.5872154]
    assert [place.v for place in ends] == pytest.approx(wanted, abs=2e-7)
    assert [one[40] for one in v] == pytest.approx(wanted, abs=2e-7)
    assert [one[20] for one in v] == pytest.approx([-51.9978955, -51.9978955, -65.3903852, -65.3903852, -53.6641226], abs=2e-7)
    assert [b(x).vext[0] for x in (0, 0.25, 1)] == pytest.approx([0, 26.59088, 26.5887725], abs=2e-7)
    assert [one[40] for one in out] == pytest.approx([0, 26.59088, 26.5887725], abs=2e-7)
    assert electrode.amp == 0.4


def test_what_a_linear_mechanism_drives_is_no_current_through_the_membrane(session: Session) -> None:
    """Figures of NEURON 9.0.2: of what its conductances and capacities carry, and what it injects."""
    del session
    left, right = h.Section(name="left"), h.Section(name="right")
    right.connect(left(1))
    for sec in (left, right):
        sec.L, sec.diam, sec.nseg = 400, 2, 3
        sec.insert("pas")
    c, g = h.Matrix(3, 3), h.Matrix(3, 3)
    for matrix, value in ((c, 1e-3), (g, 0.01)):
        for i in range(2):
            for j in range(2):
                matrix.setval(i, j, value if i == j else -value)
    g.setval(2, 2, 1)
    c.setval(2, 2, 0.1)
    y, b = h.Vector(3), h.Vector([0.05, 0, 0])
    clamp = h.IClamp(right(0.9))
    clamp.delay, clamp.dur, clamp.amp = 0.9, 1e9, 1
    linear = h.LinearMechanism(c, g, y, b, h.SectionList([left, right]), h.Vector([0.5, 0.5]))
    h.CVode().use_fast_imem(True)
    recorded = [h.Vector().record(sec(0.5)._ref_i_membrane_, 0.5) for sec in (left, right)]
    h.finitialize(-65)
    h.continuerun(1)
    h.fadvance()
    assert linear is not None
    assert [sec(0.5).i_membrane_ for sec in (left, right)] == pytest.approx([0.1797954, 0.2623917], abs=1e-7)
    assert np.array(recorded) == pytest.approx(np.array([[0.418879, 0.084905, 0.172684], [0, 0.065983, 0.251749]]), abs=1e-6)
    h.cvode_active(True)
    with pytest.warns(UserWarning, match="capacities"):
        h.finitialize(-65)
