"""Parameters in the bounds of loops of equations. Numbers without a remark are those of NEURON 9.0.2."""

from __future__ import annotations

import pytest
import sympy

import rxd
from rxd.neuron import h
from rxd.neuron.errors import HocError
from rxd.nmodl import NmodlError

LOOPS = """
NEURON { SUFFIX lq NONSPECIFIC_CURRENT i RANGE n, g, b, x0 GLOBAL k }
PARAMETER { n = 0  g = 1e-4  k = 1 }
ASSIGNED { v i b x0 kf }
STATE { c[4] }
INITIAL {
    FROM j=0 TO 3 { c[j] = 1/(j+1) }
    x0 = 0
    FROM j=1 TO n { x0 = x0 + j }
}
BREAKPOINT { LOCAL s
    SOLVE kin METHOD sparse
    s = 0
    FROM j=0 TO n-1 { FROM l=0 TO k { s = s + c[j]/(1+l) } }
    b = s
    i = g*s*(v+50) + 1e-6*x0
}
KINETIC kin {
    kf = 0
    FROM j=1 TO n { kf = kf + 0.1*j }
    FROM j=0 TO 2 { ~ c[j] <-> c[j+1] (kf, 0.1) }
}
"""
SYNAPSE = """
NEURON { POINT_PROCESS lqp NONSPECIFIC_CURRENT i RANGE n, g, b }
PARAMETER { n = 1  g = 1e-2 }
ASSIGNED { v i b }
STATE { s }
INITIAL { s = 0.1 }
BREAKPOINT { LOCAL q
    SOLVE d METHOD cnexp
    q = 0
    FROM j=1 TO n { q = q + s*j }
    b = q
    i = g*q*(v-10)
}
DERIVATIVE d { LOCAL r
    r = 0
    FROM j=1 TO n { r = r + 0.1 }
    s' = -r*s
}
NET_RECEIVE(w) { FROM j=1 TO n { s = s + w } }
"""
MODS = {"lq": LOOPS, "lqp": SYNAPSE}

# what `Cells.go_on` gives
ONE = [-64.412232, -64.420984, 0.0, 2.4604938, 0.0, 6.0, 0.44102623, 1.0228776, 0.55668065, 1.025438, 0.55807409]
TWO = [-56.485905, -56.599513, 1.7508599, 1.7508599, 2.5197403, 1.0, 0.34269355, 2.5058346, 0.55668065, 15.148194, 0.55807409]
FIRST = [-54.119119, -54.135563, 3.8194444, 1.6783569, 2.2684443, 1.0, 0.35328296, 2.2673729, 0.50370548, 2.2730484, 0.50496632]
SECOND = [-52.339641, -52.354068, 2.0833333, 0.8813105, 1.1056841, 1.0, 0.36427325, 2.0516038, 0.41239917, 2.0567392, 1.243399]
PLAYED = [-62.45008, -62.457323, 0.0, 2.4636416, 0.0, 1.0, 0.44727153, 0.88039888, 0.39228623, 0.88260263, 2.3714366]
VARIABLE = [-64.7076342, 0.0904837418, 0.0740818211]  # of one section, and states of two synapses


class Cells:
    """Two sections and two synapses, and what NEURON would print of them."""

    def __init__(self) -> None:
        self.s, self.d = h.Section(name="s"), h.Section(name="d")
        self.s.L = self.s.diam = 20
        self.s.nseg = 3
        self.d.L = 100
        self.d.connect(self.s)
        for section in (self.s, self.d):
            section.insert("lq")
        self.p, self.q = h.lqp(self.s(0.5)), h.lqp(self.d(0.5))
        self.connections = [h.NetCon(None, point) for point in (self.p, self.q)]
        for connection, weight in zip(self.connections, (1, 0.5), strict=True):
            connection.weight[0] = weight

    def run(self, until: float) -> list[float]:
        h.finitialize(-65)
        for connection in self.connections:
            connection.event(0.3)
        return self.go_on(until)

    def go_on(self, until: float) -> list[float]:
        h.load_file("stdrun.hoc")
        h.continuerun(until)
        s, d = self.s, self.d
        seen = [s(0.5).v, d(0.5).v, s(0.1).b_lq, s(0.5).b_lq, d(0.5).b_lq, s(0.5).x0_lq, s(0.5).c_lq[2]]
        return [*seen, self.p.s, self.q.s, self.p.b, self.q.b]


def test_loops_turn_as_often_as_parameters_say(mods):
    cells = Cells()
    cells.s(0.5).n_lq = 3
    found = cells.run(1)
    assert found == pytest.approx(ONE, rel=1e-6)
    cells.d.n_lq, cells.s.n_lq, h.k_lq, cells.p.n = 2, 1, 2, 3
    assert cells.run(1) == pytest.approx(TWO, rel=1e-6)


def test_loops_turn_otherwise_in_the_middle_of_a_run(mods):
    cells = Cells()
    cells.d.n_lq, cells.s.n_lq, h.k_lq, cells.p.n = 2, 1, 2, 3
    cells.run(1)
    cells.s(0.1).n_lq, cells.p.n = 4, 1
    first = cells.go_on(2)
    h.k_lq, cells.q.n = 0, 2
    second = cells.go_on(3)
    assert (first, second) == (pytest.approx(FIRST, rel=1e-6), pytest.approx(SECOND, rel=1e-6))


def test_loops_turn_as_often_as_a_vector_plays(mods):
    cells, times, turns = Cells(), h.Vector([0, 1, 2, 3]), h.Vector([1, 2, 3, 0])
    turns.play(cells.s(0.5)._ref_n_lq, times)
    turns.play(cells.q._ref_n, times)
    assert cells.run(2.5) == pytest.approx(PLAYED, rel=1e-6)


def test_loops_turn_as_often_as_parameters_say_in_variable_steps(mods):
    section = h.Section(name="s")
    points = [h.lqp(section(0.5)) for _ in range(2)]
    points[1].n = 3
    h.cvode_active(True)
    h.cvode.atol(1e-7)
    h.finitialize(-65)
    h.cvode.solve(1)
    found = [section(0.5).v, *(point.s for point in points)]
    assert found == pytest.approx(VARIABLE, rel=1e-6)


def test_too_many_ways_of_turning_are_refused(mods):
    section = h.Section(name="many")
    section.nseg = 41
    section.insert("lq")
    for i, segment in enumerate(section):
        segment.n_lq = i % 7 + 0.01 * i
    with pytest.raises(HocError, match="n of lq say how often a loop turns, and there are 41 ways"):
        h.finitialize(-65)


def test_a_bound_that_follows_another_variable_is_refused(mods):
    cells = Cells()
    pc = h.ParallelContext()
    pc.source_var(cells.s(0.5)._ref_v, 1, sec=cells.s)
    pc.target_var(cells.p, cells.p._ref_n, 1)
    pc.setup_transfer()
    with pytest.raises(HocError, match="n says how often a loop of lqp turns: it cannot follow another variable"):
        h.finitialize(-65)


def test_a_model_takes_a_number_for_a_bound_and_has_no_such_parameter(mods):
    made = rxd.read_nmodl("lqp.mod", n=4, g=0.5)
    (current,) = made.currents
    s, v = sympy.Symbol("s", real=True), rxd.v
    assert sympy.simplify(current.density - 10 * sympy.Symbol("g", real=True) * s * (v - 10)) == 0
    assert dict(made.parameters) == {"g": 0.5}
    assert made.on_event == {"s": 4 * sympy.Symbol("weight", real=True)}
    inner = rxd.read_nmodl("lq.mod", n=2, k=2)
    assert not {"n", "k"} & inner.parameters.keys()
    with pytest.raises(NmodlError, match="n is in the bound of a loop: it takes one number"):
        rxd.read_nmodl("lq.mod", n=lambda nodes: nodes.x)


def test_a_temperature_that_is_played_leaves_the_voltages_of_finitialize(session):
    """No NEURON needed: the voltage is that of `finitialize` (here it was that of the end of the last run)."""
    section = h.Section(name="warm")
    section.insert("hh")
    h.finitialize(-60)
    h.fadvance()
    times, degrees = h.Vector([0, 1]), h.Vector([10, 20])
    degrees.play(h._ref_celsius, times)
    h.finitialize(-70)
    assert section(0.5).v == -70
