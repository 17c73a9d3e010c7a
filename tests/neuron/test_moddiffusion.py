"""LONGITUDINAL_DIFFUSION of mod files, and pumps: against the same steps written out with matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from rxd.neuron import h
from rxd.nmodl import NmodlError, read_nmodl

DIFFUSING = """
NEURON { SUFFIX diffusing USEION dye READ dyei WRITE dyei VALENCE 1 RANGE far, d }
DEFINE N 2
PARAMETER { d = 1.5  exchange = 0.3 }
ASSIGNED { diam dyei far width[N] }
STATE { dye[N] }
LOCAL made
INITIAL { if (made == 0) { made = 1  widths() }  FROM i=0 TO N-1 { dye[i] = dyei } }
BREAKPOINT { SOLVE mix METHOD sparse  far = dye[N-1] }
PROCEDURE widths() { FROM i=0 TO N-1 { width[i] = 0.3 + 0.1*i } }
KINETIC mix {
    COMPARTMENT i, diam*diam*width[i] {dye}
    LONGITUDINAL_DIFFUSION i, d*diam*diam*width[i] {dye}
    ~ dye[0] <-> dye[1] (exchange*diam, exchange*diam)
    dyei = dye[0]
}
"""

MOVING = """
NEURON { SUFFIX moving }
ASSIGNED { v }
STATE { x }
BREAKPOINT { SOLVE k METHOD sparse }
KINETIC k { LONGITUDINAL_DIFFUSION 1 + v {x}  ~ x << (0) }
"""

PUMP = """
NEURON { SUFFIX pump NONSPECIFIC_CURRENT i RANGE flow }
ASSIGNED { i flow last }
PARAMETER { a0 = 1 }
STATE { a b }
INITIAL { flow = 0 }
BREAKPOINT { SOLVE k METHOD sparse  last = flow  i = 0 }
KINETIC k { ~ a <-> b (0.5, 0.1)  flow = f_flux - b_flux  ~ a << (0.2*last) }
"""

SERIES = """
NEURON { SUFFIX series NONSPECIFIC_CURRENT i }
ASSIGNED { i seen }
STATE { a b }
INITIAL { a = 1 }
BREAKPOINT { SOLVE s METHOD cnexp  seen = 2*a  i = 0 }
DERIVATIVE s { a' = -a  b' = seen + a - b }
"""

MODS = {"diffusing": DIFFUSING, "moving": MOVING, "pump": PUMP, "series": SERIES}
DT = 0.1


@pytest.fixture
def tree(mods):
    """A section with two branches at its end, another in its middle, and one without the mechanism between."""
    made = []
    for name, nseg, length, diam in (("a", 3, 30, 4), ("b", 2, 40, 2), ("c", 2, 10, 1), ("d", 1, 20, 3)):
        section = h.Section(name=name)
        section.nseg, section.L, section.diam = nseg, length, diam
        section.insert("diffusing")
        made.append(section)
    a, b, c, d = made
    b.connect(a(1))
    c.connect(a(1))
    d.connect(a(0.5))
    bare = h.Section(name="bare")
    bare.connect(b(1))
    c(0.25).d_diffusing = 4
    return made


NODES = [("a", 10, 4), ("a", 10, 4), ("a", 10, 4), ("b", 20, 2), ("b", 20, 2), ("c", 5, 1), ("c", 5, 1), ("d", 20, 3)]
EDGES = [(0, 1), (1, 2), (2, 3), (3, 4), (2, 5), (5, 6), (1, 7)]


def exchange(shell):
    """The matrix of the diffusion of one shell."""
    widths = np.array([(0.3 + 0.1 * shell) * diam**2 for _, _, diam in NODES])
    d = np.full(len(NODES), 1.5)
    d[5] = 4
    lengths = np.array([length for _, length, _ in NODES])
    matrix = np.zeros((len(NODES), len(NODES)))
    for one, other in EDGES:
        g = (d[one] * widths[one] + d[other] * widths[other]) / (lengths[one] + lengths[other])
        for x, y in ((one, other), (other, one)):
            matrix[x, x] -= g / (widths[x] * lengths[x])
            matrix[x, y] += g / (widths[x] * lengths[x])
    return matrix, widths, lengths


def started(tree):
    segments = [segment for section in tree for segment in section]
    h.finitialize(-65)
    for number, segment in enumerate(segments):
        segment.diffusing.dye[0] = number
    return segments, np.array([np.arange(8.0), np.full(8, segments[0].diffusing.dye[1])])


def between_shells(widths):
    k = 0.3 * np.array([diam for _, _, diam in NODES])
    return [
        np.array([[-k[n] / widths[0][n], k[n] / widths[0][n]], [k[n] / widths[1][n], -k[n] / widths[1][n]]]) for n in range(8)
    ]


def test_steps_diffuse_last_of_all(tree):
    h.dt = DT
    segments, x = started(tree)
    parts = [exchange(shell) for shell in range(2)]
    mixing = between_shells([widths for _, widths, _ in parts])
    for _ in range(5):
        h.fadvance()
        x = np.array([np.linalg.solve(np.eye(2) - DT * mixing[n], x[:, n]) for n in range(8)]).T
        shown = x[0].copy()
        x = np.array([np.linalg.solve(np.eye(8) - DT * parts[shell][0], x[shell]) for shell in range(2)])
        assert [[s.diffusing.dye[shell] for s in segments] for shell in range(2)] == [
            pytest.approx(row, rel=1e-11) for row in x
        ]
        assert [s.dyei for s in segments] == pytest.approx(shown, rel=1e-11)


def test_variable_steps_diffuse_at_once(tree):
    cvode = h.CVode()
    cvode.active(True)
    cvode.atol(1e-9)
    cvode.rtol(1e-9)
    segments, x = started(tree)
    cvode.re_init()
    cvode.solve(2)
    parts = [exchange(shell) for shell in range(2)]
    whole = np.zeros((16, 16))
    for shell in range(2):
        whole[8 * shell : 8 * shell + 8, 8 * shell : 8 * shell + 8] = parts[shell][0]
    for n, rates in enumerate(between_shells([widths for _, widths, _ in parts])):
        whole[np.ix_([n, n + 8], [n, n + 8])] += rates
    expected = expm(2 * whole) @ x.ravel()
    assert [s.diffusing.dye[shell] for shell in range(2) for s in segments] == pytest.approx(expected, rel=1e-6)
    assert [s.dyei for s in segments] == pytest.approx(expected[:8], rel=1e-6)


def test_a_coefficient_may_be_changed(tree):
    h.dt = DT
    segments, _ = started(tree)
    h.fadvance()
    for section in tree:
        section.d_diffusing = 0
    before = [s.diffusing.dye[1] for s in segments]
    total = [0.3 * s.diffusing.dye[0] + 0.4 * s.diffusing.dye[1] for s in segments]
    h.fadvance()
    assert [0.3 * s.diffusing.dye[0] + 0.4 * s.diffusing.dye[1] for s in segments] == pytest.approx(total, rel=1e-12)
    assert [s.diffusing.dye[1] for s in segments] != pytest.approx(before, rel=1e-6)


def test_what_cannot_diffuse_is_refused(mods):
    section = h.Section(name="soma")
    with pytest.raises(NmodlError, match=r"moving\.mod.*LONGITUDINAL_DIFFUSION of x depends on v"):
        section.insert("moving")
    with pytest.raises(NmodlError, match=r"diffusing\.mod.*dye_0.*rxd\.neuron only"):
        read_nmodl("diffusing.mod")


def test_what_breakpoint_has_left_is_of_the_steps_start(mods):
    section = h.Section(name="soma")
    section.insert("pump")
    other = h.Section(name="other")
    other.insert("series")
    h.dt = DT
    places = [(section, "a_pump"), (section, "b_pump"), (other, "a_series"), (other, "b_series")]
    recorded = [h.Vector().record(getattr(place(0.5), f"_ref_{name}")) for place, name in places]
    h.finitialize(-65)
    for _ in range(10):
        h.fadvance()
    x, flow, a, b = np.array([1.0, 0.0]), 0.0, 1.0, 0.0
    rates = np.array([[-0.5, 0.1], [0.5, -0.1]])
    for step in range(1, 11):
        x = np.linalg.solve(np.eye(2) - DT * rates, x + DT * np.array([0.2 * flow, 0]))
        flow = 0.5 * x[0] - 0.1 * x[1]
        seen, a = 2 * a, a * np.exp(-DT)
        b = (seen + a) + (b - (seen + a)) * np.exp(-DT)
        assert [vector[step] for vector in recorded] == pytest.approx([*x, a, b], rel=1e-12)
