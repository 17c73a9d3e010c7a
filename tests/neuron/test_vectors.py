"""Vectors follow NEURON 9.0.2: results of its methods, errors, views."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from rxd.neuron import HocError, h

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def v():
    return h.Vector([3, 1, 2, 5, 4])


CHANGED = {
    "add": (lambda v: v.add(1), [4, 2, 3, 6, 5]),
    "sub": (lambda v: v.sub(v.c()), [0, 0, 0, 0, 0]),
    "mul div": (lambda v: v.mul(2).div(4), [1.5, 0.5, 1, 2.5, 2]),
    "pow": (lambda v: v.pow(2), [9, 1, 4, 25, 16]),
    "pow of another": (lambda v: v.pow(h.Vector([2, 3]), 2), [4, 9]),
    "reverse": (lambda v: v.reverse(), [4, 5, 2, 1, 3]),
    "sort": (lambda v: v.sort(), [1, 2, 3, 4, 5]),
    "sortindex": (lambda v: v.sortindex(), [1, 2, 0, 4, 3]),
    "rotate": (lambda v: v.rotate(2), [5, 4, 3, 1, 2]),
    "rotate back": (lambda v: v.rotate(-1), [1, 2, 5, 4, 3]),
    "rotate and lose": (lambda v: v.rotate(2, 0), [0, 0, 3, 1, 2]),
    "fill": (lambda v: v.fill(9), [9] * 5),
    "fill a part": (lambda v: v.fill(9, 1, 2), [3, 9, 9, 5, 4]),
    "append": (lambda v: v.append(7, h.Vector([8, 9])), [3, 1, 2, 5, 4, 7, 8, 9]),
    "insert": (lambda v: v.insrt(1, 99), [3, 99, 1, 2, 5, 4]),
    "insert a vector": (lambda v: v.insrt(1, h.Vector([8, 9])), [3, 8, 9, 1, 2, 5, 4]),
    "remove": (lambda v: v.remove(1), [3, 2, 5, 4]),
    "remove a span": (lambda v: v.remove(1, 3), [3, 4]),
    "resize": (lambda v: v.resize(7), [3, 1, 2, 5, 4, 0, 0]),
    "where": (lambda v: v.where(">", 2), [3, 5, 4]),
    "where of another": (lambda v: h.Vector().where(v, "[]", 2, 4), [3, 2, 4]),
    "indvwhere": (lambda v: v.indvwhere(">", 2), [0, 3, 4]),
    "deriv": (lambda v: h.Vector().deriv(v), [-2, -0.5, 2, 1, -1]),
    "deriv dx": (lambda v: h.Vector().deriv(v, 2), [-1, -0.25, 1, 0.5, -0.5]),
    "deriv forward": (lambda v: h.Vector().deriv(v, 1, 1), [-2, 1, 3, -1]),
    "integral": (lambda v: h.Vector().integral(h.Vector([5, 2, 4]), 2), [5, 9, 17]),
    "histogram": (lambda v: v.histogram(0, 6, 2), [0, 1, 2, 2, 0]),
    "hist": (lambda v: h.Vector().hist(v, 0, 3, 2), [1, 2, 2]),
    "copy to a place": (lambda v: v.copy(h.Vector([7, 8]), 1), [3, 7, 8, 5, 4]),
    "copy a part": (lambda v: h.Vector().copy(v, 1, 2), [1, 2]),
    "copy a part to a place": (lambda v: h.Vector().copy(v, 2, 1, 3), [0, 0, 1, 2, 5]),
    "indgen": (lambda v: v.indgen(1, 2), [1, 3, 5, 7, 9]),
    "indgen to": (lambda v: v.indgen(0, 1.1, 0.25), [0, 0.25, 0.5, 0.75, 1]),
    "interpolate": (lambda v: v.interpolate(h.Vector([-1, 0.25, 9]), h.Vector([0, 1, 2]), h.Vector([0, 10, 40])), [0, 2.5, 40]),
    "resample": (lambda v: v.resample(h.Vector([0, 2, 4, 6]), 1.5), [0, 0, 2, 4, 4, 6]),
    "rebin": (lambda v: v.rebin(2), [4, 7]),
    "fft": (lambda v: h.Vector([1, 2, 3, 4]).fft(1), [10, -2, -2, -2]),
    "fft and back": (lambda v: h.Vector([1, 2, 3, 4]).fft(1).fft(-1), [2, 4, 6, 8]),
    "spikebin": (lambda v: h.Vector().spikebin(h.Vector([0, 1, 5, 1, 6, 7, 0]), 4), [0, 0, 1, 0, 1, 0, 0]),
    "sumgauss": (lambda v: v.sumgauss(0, 2, 1, 0.5), [0.2179569314044901, 0.7821465149522463]),
    "sin": (lambda v: v.sin(100, 1, 0.5), [0.8414709848, 0.9672490580, 0.9983460542, 0.9317179826, 0.7738868633]),
    "plus": (lambda v: 2 * v + v, [9, 3, 6, 15, 12]),
    "one over": (lambda v: 1 / h.Vector([2, 4]), [0.5, 0.25]),
    "apply": (lambda v: v.sub(3).apply("abs"), [0, 2, 1, 2, 1]),
    "index": (lambda v: h.Vector().index(v, h.Vector([0, 2])), [3, 2]),
}


@pytest.mark.parametrize("name", CHANGED)
def test_elements(name, v):
    compute, expected = CHANGED[name]
    assert compute(v).to_python() == pytest.approx(expected)


NUMBERS = {
    "max": (lambda v: v.max(), 5),
    "max of a part": (lambda v: v.max(1, 2), 2),
    "max of nothing": (lambda v: h.Vector().max(), 0),
    "max_ind": (lambda v: v.max_ind(), 3),
    "min_ind": (lambda v: v.min_ind(), 1),
    "mean": (lambda v: v.mean(), 3),
    "var": (lambda v: v.var(), 2.5),
    "stdev": (lambda v: v.stdev(), 1.5811388300841898),
    "stderr": (lambda v: v.stderr(), 0.7071067811865476),
    "sum": (lambda v: v.sum(1, 3), 8),
    "sumsq": (lambda v: v.sumsq(), 55),
    "mag": (lambda v: v.mag(), 7.416198487095663),
    "median": (lambda v: v.median(), 3),
    "indwhere": (lambda v: v.indwhere(">", 3), 3),
    "indwhere nothing": (lambda v: v.indwhere(">", 30), -1),
    "meansqerr": (lambda v: v.meansqerr(h.Vector(5, 1), h.Vector([1, 2, 3, 4, 5])), 23.2),
    "reduce": (lambda v: h.Vector([4, 9]).reduce("sqrt", 2), 7),
    "scale": (lambda v: v.scale(0, 1), 0.25),
    "eq": (lambda v: v.eq(v.c()), 1),
    "negative index": (lambda v: v[-1], 4),
    "x": (lambda v: v.x[3], 5),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name, v):
    compute, expected = NUMBERS[name]
    assert compute(v) == pytest.approx(expected)


def test_numpy_sees_the_same_memory(v):
    array = v.as_numpy()
    array[0] = 9
    assert v[0] == 9
    v.add(1)
    assert array[0] == 10
    assert np.array_equal(np.sqrt(v), np.sqrt(array))
    assert isinstance(v + np.ones(5), np.ndarray)


def test_many_pushes_are_cheap():
    v = h.Vector()
    for i in range(1000):
        v.push(i)
    assert v.sum() == 499500
    assert v.buffer_size() < 4000


def test_pointers_to_elements(v):
    pointer = v._ref_x[2]
    pointer[0] = 8
    assert v[2] == 8
    with pytest.raises(IndexError):
        v._ref_x[9]


def test_copies(v):
    assert list(pickle.loads(pickle.dumps(v))) == list(v)
    assert list(copy.deepcopy(v)) == list(v)


@pytest.mark.parametrize(
    "call",
    [
        lambda v: v.get(9),
        lambda v: v.sub(h.Vector([1])),
        lambda v: v.where("~", 3),
        lambda v: h.Vector().mean(),
        lambda v: h.Vector([1]).stdev(),
        lambda v: h.Vector([1, "a"]),
        lambda v: h.Vector("abc"),
        lambda v: v.apply("nope"),
        lambda v: v.remove(9),
        lambda v: v.sum(2, 1),
    ],
)
def test_errors(call, v):
    with pytest.raises(HocError):
        call(v)


def test_printf(capsys):
    h.Vector([1, 2, 3]).printf("%g,")
    h.Vector([1, 2, 3]).printf()
    assert capsys.readouterr().out == "1,2,3,1\t2\t3\t\n"


def test_random_streams_repeat():
    first, second = h.Random(), h.Random()
    for random in (first, second):
        random.Random123(1, 2, 3)
        random.negexp(1)
    assert list(h.Vector(5).setrand(first)) == list(h.Vector(5).setrand(second))
    second.Random123(1, 2, 4)
    second.negexp(1)
    assert list(h.Vector(5).setrand(first)) != list(h.Vector(5).setrand(second))


def test_random_numbers_are_those_of_neuron():
    # printed by NEURON 9.0.2
    known = {
        "uniform": ((0, 1), [0.5070558778226711, 0.44623076299991676, 0.33150863872573044]),
        "normal": ((0, 1), [0.05635461693835818, -0.6198460020549879, -1.942350356701117]),
        "negexp": ((2,), [1.3582681375918668, 1.6138381098818118, 2.208202820382594]),
        "poisson": ((3,), [2, 4, 5]),
        "discunif": ((1, 10), [6, 5, 4]),
        "lognormal": ((2, 3), [1.5769565431224404, 0.9508948043802876, 0.3535664216097296]),
        "binomial": ((10, 0.3), [1, 3, 3]),
        "weibull": ((2, 3), [1.4567355152559593, 1.3315485932432107, 1.09917942813066]),
        "erlang": ((5, 3), [2.8322779450308357, 2.6885014812284633, 6.3485389810051505]),
        "geometric": ((0.3,), [1, 1, 1]),
        "hypergeo": ((5, 30), [4.2416127019987275, 9.073627085068397, 11.539251672190815]),
    }
    for name, (arguments, numbers) in known.items():
        random = h.Random()
        random.Random123(1, 2, 0)
        getattr(random, name)(*arguments)
        np.testing.assert_allclose([random.repick() for _ in range(3)], numbers, rtol=1e-12, err_msg=name)
    assert h.Random(1).uniform(0, 1) == pytest.approx(0.025035319844019757, rel=1e-12)
    random = h.Random()
    random.Random123(4, 5, 6)
    random.uniform(0, 1)
    one_by_one = [random.repick() for _ in range(300)]
    random.seq(1)
    assert list(h.Vector(300).setrand(random)) == one_by_one
    assert random.seq() == 301


def test_noisy_spikes_are_those_of_neuron():
    section, stimuli = h.Section(), [h.NetStim(), h.NetStim()]
    times = [h.Vector(), h.Vector()]
    connections = [h.NetCon(stimulus, None) for stimulus in stimuli]
    for stimulus, connection, found in zip(stimuli, connections, times, strict=True):
        stimulus.noise, stimulus.start = 1, 1
        connection.record(found)
    stimuli[1].noiseFromRandom123(1, 2, 3)
    for _ in range(2):  # the streams begin anew at every initialisation
        h.finitialize()
        h.continuerun(20)
        np.testing.assert_allclose(times[0], [8.42548410828236, 18.687848365455338], rtol=1e-12)
        np.testing.assert_allclose(times[1], [1.1932360674585516, 15.929075955876932], rtol=1e-12)
    assert section.nseg == 1


def test_conditions_take_numbers_that_hardly_differ_for_equal():
    v = h.Vector([0.1 * 3, 0.3 + 1e-12, 0.3 - 1e-12, 0.5])
    found = {sign: v.c().indvwhere(sign, 0.3).to_python() for sign in ("==", "!=", ">", "<", ">=", "<=")}
    assert found == {"==": [0, 1, 2], "!=": [3], ">": [3], "<": [], ">=": [0, 1, 2, 3], "<=": [0, 1, 2]}
    assert [v.indwhere(ends, 0.3, 0.5) for ends in ("[]", "[)", "(]", "()")] == [0, 0, 3, -1]
    h.float_epsilon = 0
    assert v.indwhere(">", 0.3) == 0
