"""Events of mod files: WATCH, FOR_NETCONS, net_move, `return` and random numbers in C code, NEURON's own generator."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.neuron.errors import HocError
from rxd.neuron.mods import points as modpoints

WATCHING = """
DEFINE Fallen 3
NEURON { POINT_PROCESS Watching RANGE ups, downs, when }
PARAMETER { high = -60  low = -68 }
ASSIGNED { v ups downs when }
INITIAL { ups = 0  downs = 0  net_send(0, 1) }
NET_RECEIVE(w) {
    if (flag == 1) {
        WATCH (v > high) 2
    } else if (flag == 2) {
        ups = ups + 1  when = t
        net_event(t)
        WATCH (v < low) Fallen
    } else if (flag == 3) {
        downs = downs + 1
        net_send(0, 1)
    }
}
"""

SHARING = """
NEURON { POINT_PROCESS Sharing RANGE total, got }
ASSIGNED { total got }
INITIAL { got = 0 }
NET_RECEIVE(w, use) {
    INITIAL { use = 1 }
    if (w < 0) {
VERBATIM
        return;
ENDVERBATIM
    }
    use = use/2
    total = 0
    FOR_NETCONS(weight, share) {
        total = total + share
        share = share + 0.125
    }
    got = got + 1
}
"""

MOVING = """
NEURON { ARTIFICIAL_CELL Moving }
INITIAL { net_send(5, 1)  net_send(6, 2) }
NET_RECEIVE(w) {
    if (flag == 0) { net_move(t + 1) } else { net_event(t) }
}
"""

NOISY = """
NEURON { ARTIFICIAL_CELL Noisy RANGE a, b, c, d }
ASSIGNED { a b c d }
INITIAL { set_seed(123)  net_send(1, 1) }
NET_RECEIVE(w) { a = scop_random()  b = exprand(2)  c = normrand(1, 3)  d = poisrand(4.5) }
"""

DRAWING = """
NEURON { ARTIFICIAL_CELL Drawing POINTER rng RANGE seen }
ASSIGNED { rng seen usingR123 }
VERBATIM
extern double nrn_random_pick(void* r);
ENDVERBATIM
INITIAL {
VERBATIM
    if (usingR123) { nrnran123_setseq((nrnran123_State*)_p_rng, 0, 0); }
ENDVERBATIM
    net_send(1, 1)
}
NET_RECEIVE(w) { seen = draw()  net_send(1, 1) }
FUNCTION draw() {
VERBATIM
    double value = 0.0;
    if (usingR123) {  // a stream of its own
        value = nrnran123_dblpick((nrnran123_State*)_p_rng);
    } else if (_p_rng) {
        value = nrn_random_pick((Rand*)_p_rng);
    }
    _ldraw = value;
ENDVERBATIM
}
PROCEDURE setRNG() {
VERBATIM
    usingR123 = 0;
    if (ifarg(1) && hoc_is_double_arg(1)) {
        nrnran123_State** pv = (nrnran123_State**)(&_p_rng);
        if (*pv) { nrnran123_deletestream(*pv); *pv = (nrnran123_State*)0; }
        *pv = nrnran123_newstream3((uint32_t)*getarg(1), (uint32_t)*getarg(2), (uint32_t)*getarg(3));
        usingR123 = 1;
    } else if (ifarg(1)) {
        void** pv = (void**)(&_p_rng);
        *pv = nrn_random_arg(1);
    }
ENDVERBATIM
}
FUNCTION other() {
VERBATIM
    _lother = secret(1) + 2;
ENDVERBATIM
}
"""

CROSSING = """
NEURON { POINT_PROCESS Crossing RANGE x, level }
PARAMETER { level = -60 }
ASSIGNED { v x }
INITIAL { x = -1 }
BREAKPOINT { x = v - level }
"""

SILENT = """
NEURON { POINT_PROCESS Silent RANGE y }
ASSIGNED { x y }
"""

MODS = {
    "crossing": CROSSING,
    "silent": SILENT,
    "watching": WATCHING,
    "sharing": SHARING,
    "moving": MOVING,
    "noisy": NOISY,
    "drawing": DRAWING,
}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.L = section.diam = 10
    section.insert("pas")
    return section


def spikes_of(source):
    times = h.Vector()
    connection = h.NetCon(source, None)
    connection.record(times)
    return connection, times


def test_watched_conditions_fire_when_they_come_true(soma):
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 5, 0.1
    watching = h.Watching(soma(0.5))
    connection, times = spikes_of(watching)
    v, t = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(h._ref_t)
    h.finitialize(-70)
    h.continuerun(10)
    first = np.array(t)[np.flatnonzero(np.array(v) > -60)[0]]
    assert list(times) == pytest.approx([first], abs=1e-9)
    assert watching.when == pytest.approx(first, abs=1e-12)
    assert connection.pre() is watching
    assert (watching.ups, watching.downs) == (1, 1)
    clamp.delay, clamp.dur = 11, 4
    h.continuerun(20)
    assert (watching.ups, watching.downs) == (2, 2)
    clamp.delay = 100
    h.finitialize(-50)
    h.continuerun(1)
    assert watching.ups == 0  # what holds already when WATCH is run is no event


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_point_process_without_net_event_is_watched_through_its_variable_x(soma, adaptive):
    """As in NEURON 9.0.2: thresholds of 10 unless given, one for all connections from it."""
    crossing, clamp = h.Crossing(soma(0.5)), h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 5, 0.1
    connection, times = spikes_of(crossing)
    other = h.NetCon(crossing, None, 2, 1, 0)
    assert (connection.threshold, connection.pre(), connection.preseg()) == (2, crossing, None)
    v, t = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(h._ref_t)
    h.cvode_active(adaptive)
    h.finitialize(-70)
    h.continuerun(4)
    h.cvode_active(False)
    first = np.array(t)[np.flatnonzero(np.array(v) > -58)[0]]
    assert list(times) == pytest.approx([first], abs=1e-9)
    assert other.x == crossing.x > 2
    with pytest.warns(UserWarning, match=r"Silent\[0\] is the source of a NetCon, but never fires"):
        spikes_of(h.Silent(soma(0.5)))


def test_connections_from_a_point_process_do_not_look_through_its_file(soma, monkeypatch):
    """Networks have a hundred thousand of them; a file takes a millisecond."""
    crossing, watching = h.Crossing(soma(0.5)), h.Watching(soma(0.5))
    monkeypatch.delattr(modpoints, "calls_of")
    assert [h.NetCon(source, None).pre() for source in (crossing, watching)] == [crossing, watching]


def test_every_connection_and_return(soma):
    sharing = h.Sharing(soma(0.5))
    connections = [h.NetCon(None, sharing, 0, 0, weight) for weight in (1, -1, 2)]
    h.finitialize(-70)
    connections[0].event(1)
    connections[1].event(2)
    h.continuerun(3)
    assert [c.weight[1] for c in connections] == [0.625, 1.125, 1.125]
    assert (sharing.total, sharing.got) == (2.5, 1)


def test_an_event_is_moved_and_others_stay(soma):
    moving = h.Moving()
    _, times = spikes_of(moving)
    connection = h.NetCon(None, moving)
    h.finitialize(-70)
    connection.event(2)
    h.continuerun(8)
    assert list(times) == [3, 6]
    connection.event(9)
    with pytest.raises(HocError, match=r"net_move of Moving\[0\]: no net_send with flag 1"):
        h.continuerun(10)


def test_neurons_random_numbers(soma):
    """Those of NEURON 9.0.2 for the same seed."""
    noisy = h.Noisy()
    h.finitialize(-70)
    h.continuerun(2)
    assert noisy.a == pytest.approx(0.6043352067014983, rel=1e-15)
    assert noisy.b == pytest.approx(-2 * math.log(0.9818440270567881), rel=1e-14)
    assert noisy.c == pytest.approx(-0.5701632978603137, rel=1e-13)
    assert noisy.d == 8


def test_functions_that_draw_take_what_scripts_give_them(soma):
    one, two, three = h.Drawing(), h.Drawing(), h.Drawing()
    source, same = h.Random(), h.Random()
    for random in (source, same):
        random.Random123(3, 4, 5)
        random.normal(0, 1)
    one.setRNG(source)
    two.setRNG(7, 8, 9)
    stream = h.Random()
    stream.Random123(7, 8, 9)
    stream.uniform(0, 1)
    three.setRNG(stream)
    h.finitialize(-70)
    h.continuerun(2.5)
    assert one.seen == [same.repick(), same.repick()][1]
    assert 0 < two.seen < 1
    second = two.seen
    assert two.draw() != second
    h.finitialize(-70)
    h.continuerun(2.5)
    assert two.seen == second


def test_what_c_code_is_refused(soma):
    drawing = h.Drawing()
    with pytest.raises(HocError, match="draw of Drawing draws random numbers from nothing: call setRNG"):
        drawing.draw()
    with pytest.raises(ValueError, match=r"drawing\.mod, line 4\d: VERBATIM holds C code.*secret"):
        drawing.other()


RANDOM = """
NEURON { ARTIFICIAL_CELL Ran RANGE a, b, c RANDOM r, q }
ASSIGNED { a b c }
INITIAL { random_setseq(r, 0)  net_send(1, 1) }
NET_RECEIVE(w) { a = random_uniform(r, 2, 5)  b = random_negexp(r, 2)  c = random_normal(r, 1, 3)  net_send(1, 1) }
FUNCTION next() { next = random_dpick(q) }
"""


def test_random_variables(soma, tmp_path):
    (tmp_path / "ran.mod").write_text(RANDOM)
    with Session():
        one, two = h.Ran(), h.Ran()
        assert [list(x.get_ids()) for x in (one.r, one.q, two.r)] == [[1, 0, 1], [1, 0, 2], [1, 0, 3]]
        one.r.set_ids(7, 8, 9)
        same = h.Random()
        same.Random123(7, 8, 9)
        values = [same.uniform(0, 1), *(same.repick() for _ in range(20))]
        h.finitialize(-65)
        h.continuerun(1.5)
        assert one.a == 2 + 3 * values[0]
        assert one.b == -2 * math.log(values[1])
        pairs = ((2 * values[i] - 1, 2 * values[i + 1] - 1) for i in range(2, 20, 2))
        x, square = next((x, x * x + y * y) for x, y in pairs if x * x + y * y <= 1)
        assert one.c == pytest.approx(1 + 3 * x * math.sqrt(-2 * math.log(square) / square), rel=1e-14)
        first = one.q.get_seq()
        drawn = one.next()
        assert one.q.get_seq() == first + 1
        one.q.set_seq(first)
        assert one.next() == drawn


def test_another_name_of_a_random_variable_leaves_its_place(soma, tmp_path):
    """NEURON 9.0.2's numbers: those up to the end of the block of four begun are of the stream before, until set_seq."""
    (tmp_path / "ran.mod").write_text(RANDOM)
    with Session():
        q = h.Ran().q
        assert q.set_seq(5).set_ids(7, 8, 9).get_seq() == 5
        of_1_2_3 = [0.980862, 0.229103, 0.12487, 0.126555, 0.778545, 0.655735, 0.873824, 0.819035]
        of_7_8_9 = [0.016313, 0.26798, 0.050972, 0.446459, 0.333155, 0.077353, 0.292396, 0.941402, 0.202898, 0.151994]
        for drawn in (0, 2, 4):
            q.set_ids(1, 2, 3).set_seq(0)
            numbers = [q.uniform() for _ in range(drawn)]
            q.set_ids(7, 8, 9)
            numbers += [q.uniform() for _ in range(10 - drawn)]
            end = 4 * (drawn // 4) + 4
            assert numbers == pytest.approx(of_1_2_3[:end] + of_7_8_9[end:], abs=1e-6)
        assert [q.set_seq(place).get_seq() for place in (-1, 2**34 - 1, 2**34 + 5)] == [0, 2**34 - 1, 5]
