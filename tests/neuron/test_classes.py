"""Classes of hoc that scripts use beside the model: matrices, files, texts, pointers, counters, windows."""

from __future__ import annotations

import weakref

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from rxd.neuron import HocError, Session, h, numpy_element_ref, rxd

pytestmark = pytest.mark.usefixtures("session")


def test_matrix():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    m = h.Matrix(3, 3).set(*a.ravel())
    assert [m.nrow(), m.ncol(), m.getval(1, 2), m.x[1][2]] == [3, 3, a[1, 2], a[1, 2]]
    np.testing.assert_allclose(m.mulv(h.Vector(b)), a @ b)
    np.testing.assert_allclose(a @ np.array(m.solv(h.Vector(b))), b)
    np.testing.assert_allclose(m.mulm(m.inverse()).as_numpy(), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(m.to_vector(), a.T.ravel())
    assert m.c().from_vector(m.to_vector()).getrow(1).to_python() == list(a[1])
    assert m.getdiag(1).to_python() == [a[0, 1], a[1, 2], 0]
    assert m.getdiag(-2).to_python() == [0, 0, a[2, 0]]
    symmetric = h.Matrix(2, 2).set(2, 1, 1, 2)
    vectors = h.Matrix(2, 2)
    np.testing.assert_allclose(symmetric.symmeig(vectors), [1, 3])
    np.testing.assert_allclose(symmetric.as_numpy() @ vectors.as_numpy(), vectors.as_numpy() * [1, 3])
    m.muls(2)
    np.testing.assert_allclose(m.as_numpy(), 2 * a)
    with pytest.raises(HocError, match="3 columns"):
        m.mulv(h.Vector(2))


def test_files(tmp_path):
    file = h.File(str(tmp_path / "data.txt"))
    assert file.wopen() == 1
    assert file.printf("%d %s %g\nline two\n", 3, "abc", 2.5) == 19
    file.close()
    word, line = h.ref(""), h.ref("")
    assert file.ropen() == 1
    assert file.scanvar() == 3
    assert (file.scanstr(word), word[0]) == (3, "abc")
    assert file.scanvar() == 2.5
    assert (file.gets(line), line[0]) == (9, "line two\n")
    assert file.eof() == 1
    assert file.gets(line) == -1
    file.close()
    assert h.File().ropen(str(tmp_path / "none.txt")) == 0
    with pytest.raises(HocError, match="not open"):
        file.scanvar()


def test_texts():
    functions, text = h.StringFunctions(), h.ref("")
    assert (functions.len("hello"), functions.substr("hello", "l"), functions.substr("a", "z")) == (5, 2, -1)
    assert (functions.head("hello world", "o w", text), text[0]) == (4, "hell")
    assert (functions.tail("hello world", "o w", text), text[0]) == (7, "orld")
    text[0] = "  hi "
    functions.ltrim(text, text)
    functions.rtrim(text, text)
    assert text[0] == "hi"
    assert h.String("abc").s == "abc"


def test_pointers_as_objects():
    soma = h.Section(name="soma")
    pointer = h.Pointer(soma(0.5)._ref_v)
    pointer.val = -50
    assert soma(0.5).v == -50
    many, number, values = h.PtrVector(2), h.ref(3), h.Vector(2)
    many.pset(0, soma(0.5)._ref_v)
    many.pset(1, number)
    many.gather(values)
    assert list(values) == [-50, 3]
    many.scatter(h.Vector([1, 2]))
    assert (soma(0.5).v, number[0]) == (1, 2)
    with pytest.raises(HocError, match="sizes must be equal"):
        many.gather(h.Vector(3))


def test_pointers_set_in_a_function_of_their_vector_are_set_before_each_run():
    soma = h.Section(name="soma")
    many, values = h.PtrVector(1), h.Vector(1)
    many.ptr_update_callback(lambda: many.pset(0, soma(0.5)._ref_v))
    h.finitialize(-63)
    many.gather(values)
    assert list(values) == [-63]


def test_a_counter_of_action_potentials_agrees_with_a_netcon():
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 30, 0.5
    connection, times = h.NetCon(soma(0.5)._ref_v, None, sec=soma), h.Vector()
    connection.threshold = 0
    connection.record(times)
    counter, counted = h.APCount(soma(0.5)), h.Vector()
    counter.thresh = 0
    counter.record(counted)
    high = h.APCount(soma(0.5))
    high.thresh = 1000
    h.finitialize(-65)
    h.continuerun(30)
    assert (counter.n, high.n) == (len(times), 0)
    assert counter.n >= 2
    np.testing.assert_allclose(counted, times, atol=1e-9)
    assert counter.time == counted[len(times) - 1]
    h.finitialize(-65)
    assert (counter.n, len(counted)) == (0, 0)


def test_length_constant():
    sec = h.Section(name="sec")
    sec.L, sec.diam = 300, 2
    assert h.lambda_f(50, sec=sec) == pytest.approx(1e5 * np.sqrt(2 / (4 * np.pi * 50 * sec.Ra * sec.cm)))
    for x, diam in ((0, 1), (100, 3), (150, 1)):
        sec.pt3dadd(x, 0, 0, diam)
    assert h.lambda_f(100, sec=sec) == pytest.approx(670.514902685144)  # NEURON 9.0.2


def test_windows_are_accepted():
    box = h.VBox()
    box.intercept(1)
    assert box.map("title") == 0
    shape = h.Shape()
    shape.show(0)
    with pytest.raises(AttributeError, match="no attribute"):
        shape.nothing_of_the_kind()


def test_recording_who_spikes():
    source, times, who = h.NetStim(), h.Vector(), h.Vector()
    source.number, source.start, source.interval = 2, 1, 3
    connection = h.NetCon(source, None)
    connection.record(times, who, 7)
    h.Section(name="a")
    h.finitialize(-65)
    h.continuerun(10)
    assert (list(times), list(who)) == ([1, 4], [7, 7])


class _Cell:
    """A cell with a synapse, as ring networks have."""

    def __init__(self, gid: int) -> None:
        self.gid = gid
        self.soma = h.Section(name="soma", cell=self)
        self.dend = h.Section(name="dend", cell=self)
        self.dend.connect(self.soma(1))
        self.soma.L = self.soma.diam = 12.6
        self.dend.L, self.dend.diam = 200, 1
        self.soma.insert("hh")
        self.dend.insert("pas")
        self.syn = h.ExpSyn(self.dend(0.5))
        self.syn.tau = 2
        self.source = h.NetCon(self.soma(0.5)._ref_v, None, sec=self.soma)
        self.times = h.Vector()
        self.source.record(self.times)


def test_a_ring_by_numbers_that_is_run_again_after_sections_are_divided_anew():
    contexts = h.ParallelContext(), h.ParallelContext()
    cells = [_Cell(gid) for gid in range(3)]
    for cell in cells:
        contexts[0].set_gid2node(cell.gid, 0)
        contexts[0].cell(cell.gid, cell.source)
    connections = [contexts[1].gid_connect((cell.gid - 1) % 3, cell.syn) for cell in cells]
    for connection in connections:
        connection.weight[0], connection.delay = 0.01, 5
    start = h.NetStim()
    start.number, start.start = 1, 1
    connections.append(h.NetCon(start, cells[0].syn, 10, 1, 0.04))
    times, gids = h.Vector(), h.Vector()
    with pytest.warns(UserWarning, match="has one Vector"):
        contexts[1].spike_record(-1, times, gids)
    assert contexts[1].gid2cell(2) is cells[2]
    assert [contexts[1].gid_exists(gid) for gid in (0, 7)] == [3, 0]
    for nseg in (1, 3):
        for cell in cells:
            cell.dend.nseg = nseg
        h.finitialize(-65)
        contexts[0].setup_transfer()
        contexts[0].psolve(20)
        assert [int(gid) for gid in gids] == [0, 1, 2]
        assert [list(cell.times) for cell in cells] == [[], [], []]  # a source has one Vector, that of the last who asked
    with pytest.raises(HocError, match="set_gid2node"):
        contexts[0].cell(9, cells[0].source)


def test_jobs_on_the_bulletin_board():
    context = h.ParallelContext()
    numbers = {context.submit(lambda x: x * x, x): x for x in range(4)}
    found = {}
    while number := context.working():
        found[number] = context.pyret()
    assert {numbers[number]: value for number, value in found.items()} == {x: x * x for x in range(4)}
    context.post("key", 3.5, "text")
    assert context.look("other") == 0
    context.take("key")
    assert (context.upkscalar(), context.upkpyobj()) == (3.5, "text")


def test_a_vector_played_with_interpolation_goes_on_along_its_last_points():
    soma = h.Section(name="soma")
    clamp = h.IClamp(soma(0.5))
    clamp.dur = 100
    seen = h.Vector().record(clamp._ref_amp, 1)
    course, times = h.Vector([1, 2, 5]), h.Vector([2, 4, 6])
    course.play(clamp._ref_amp, times, True)
    h.finitialize(-65)
    h.continuerun(9.5)
    np.testing.assert_allclose(seen, [1, 1, 1, 1.5, 2, 3.5, 5, 6.5, 8, 9.5], atol=1e-9)
    h.cvode_active(1)
    h.finitialize(-65)
    h.continuerun(9.5)
    np.testing.assert_allclose(seen, [1, 1, 1, 1.5, 2, 3.5, 5, 6.5, 8, 9.5], atol=0.05)


def test_signals(tmp_path):
    x = np.arange(1.0, 9)
    source, response = h.Vector(x), h.Vector([1, 2, 3])
    folded = h.Vector().convlv(source, response)
    np.testing.assert_allclose(folded, x + 2 * np.roll(x, 1) + 3 * np.roll(x, -1))
    np.testing.assert_allclose(h.Vector().correl(source, h.Vector([0, 1, 0])), np.roll(x, -1), atol=1e-12)
    mean = h.Vector()
    assert mean.trigavg(h.Vector(100).indgen(), h.Vector([20, 40, 99]), 3, 3) == 2
    np.testing.assert_allclose(mean, 30 + np.arange(-3, 3))
    bells = h.Vector([0.1, 0.77, -1.3]).sumgauss(-2, 0, 0.5, 0.01)
    np.testing.assert_allclose(bells, [1.4867e-5, 3.98942, 1.4867e-5, 1.4867e-5], rtol=1e-4)
    file, back = h.File(str(tmp_path / "v")), h.Vector()
    file.wopen()
    source.vwrite(file)
    file.close()
    file.ropen()
    back.vread(file)
    file.close()
    assert list(back) == list(x)
    file.wopen()
    source.printf(file)
    file.close()
    file.ropen()
    assert back.scantil(file, 4) == 3
    assert back.scanf(file) == 4
    assert list(back) == [5, 6, 7, 8]


def test_impedance_of_a_cable_is_that_of_theory():
    cable = h.Section(name="cable")
    cable.L, cable.diam, cable.nseg, cable.Ra = 500, 2, 501, 100
    cable.insert("pas")
    cable.g_pas = 1e-3
    impedance = h.Impedance()
    impedance.loc(cable(0))
    for frequency in (0.0, 200.0):
        impedance.compute(frequency)
        admittance = 1e-3 + 2e-6j * np.pi * frequency  # S/cm2, of a membrane of 1 uF/cm2
        constant = 1e4 * np.sqrt(2e-4 / (4 * 100 * admittance))  # um
        end = 1e-6 * 100 * constant * 1e-4 / (np.pi * 1e-8) / np.tanh(500 / constant)  # megohm
        assert impedance.input(cable(0)) == pytest.approx(abs(end), rel=1e-4)
        assert impedance.input_phase(cable(0)) == pytest.approx(np.angle(end), abs=1e-4)
        assert impedance.ratio(cable(1)) == pytest.approx(abs(1 / np.cosh(500 / constant)), rel=1e-4)
        assert impedance.transfer(cable(1)) == pytest.approx(abs(end / np.cosh(500 / constant)), rel=1e-4)


def test_impedance_across_branches_is_that_of_neuron():
    soma, dend, side, tip = (h.Section(name=name) for name in ("soma", "dend", "side", "tip"))
    soma.L = soma.diam = 20
    for section, length, diam, nseg in ((dend, 400, 2, 21), (side, 200, 1, 5), (tip, 150, 1, 5)):
        section.L, section.diam, section.nseg = length, diam, nseg
    dend.connect(soma(1))
    side.connect(dend(0.5))
    tip.connect(dend(1))
    for section in h.allsec():
        section.insert("pas")
    clamp = h.SEClamp(soma(0.5))
    clamp.rs, clamp.dur1 = 20, 10
    impedance = h.Impedance()
    impedance.loc(soma(0.5))
    impedance.compute(100)
    # printed by NEURON 9.0.2
    assert impedance.input(soma(0.5)) == pytest.approx(11.371580632295538, rel=1e-6)
    assert impedance.transfer(side(0.5)) == pytest.approx(5.594927498805569, rel=1e-6)
    assert impedance.transfer_phase(side(1)) == pytest.approx(-0.5530827423079578, rel=1e-6)
    assert impedance.input(tip(1)) == pytest.approx(81.76093295927022, rel=1e-6)


@pytest.mark.parametrize("clamped", [False, True])
def test_membrane_currents_of_the_second_order_are_those_of_the_middle_of_a_step(clamped):
    """What flows into a segment in a step flows out at the mean voltage: NEURON's balance, and what charges the membrane."""
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    dend.connect(soma)
    for section in (soma, dend):
        section.L, section.diam, section.nseg = 100, 1, 3
        section.insert("pas")
    clamp = (h.SEClamp if clamped else h.IClamp)(soma(0.5))
    if clamped:
        clamp.dur1, clamp.amp1, clamp.rs = 5, -40, 20
    else:
        clamp.dur, clamp.amp = 5, 0.1
    h.cvode.use_fast_imem(True)
    h.secondorder = 2
    segments = [seg for section in (soma, dend) for seg in section]
    recorded = [h.Vector().record(seg._ref_i_membrane_) for seg in segments]
    h.finitialize(-65)
    h.continuerun(1)
    before = [seg.v for seg in segments]
    h.fadvance()
    for seg, v, vector in zip(segments, before, recorded, strict=True):
        charging = 1e-3 * seg.cm * (seg.v - v) / h.dt
        leaving = seg.g_pas * (0.5 * (v + seg.v) - seg.e_pas)
        wanted = 1e-2 * seg.area() * (charging + leaving)
        assert seg.i_membrane_ == pytest.approx(wanted, rel=1e-8, abs=1e-12)
        assert vector[len(vector) - 1] == pytest.approx(wanted, rel=1e-8, abs=1e-12)
    h.finitialize(-65)
    h.continuerun(1)
    at_once = [vector.to_python() for vector in recorded]
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    for vector, before in zip(recorded, at_once, strict=True):
        assert vector.to_python() == pytest.approx(before, rel=1e-9, abs=1e-12)


def test_membrane_currents_balance_electrodes():
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L = soma.diam = 20
    dend.L, dend.diam, dend.nseg = 300, 2, 5
    dend.connect(soma(1))
    for section in h.allsec():
        section.insert("pas")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 100, 0.5
    with pytest.raises(AttributeError):
        soma(0.5).i_membrane_  # noqa: B018
    h.cvode.use_fast_imem(True)
    recorded = h.Vector().record(dend(0.5)._ref_i_membrane_)
    h.finitialize(-70)
    h.continuerun(3)
    currents = [seg.i_membrane_ for section in h.allsec() for seg in section]
    assert sum(currents) == pytest.approx(0.5, rel=1e-9)
    assert recorded[len(recorded) - 1] == pytest.approx(dend(0.5).i_membrane_, rel=1e-9)
    h.continuerun(60)  # at rest the membrane current is that of the conductance
    assert dend(0.5).i_membrane_ == pytest.approx(1e-2 * dend(0.5).i_pas * dend(0.5).area(), rel=1e-6)


def test_lists_of_netcons():
    cells = [_Cell(gid) for gid in range(2)]
    connection = h.NetCon(cells[0].soma(0.5)._ref_v, cells[1].syn, sec=cells[0].soma)
    everything = h.cvode.netconlist("", "", "")
    assert everything.count() == 3 == h.List("NetCon").count()
    chosen = h.cvode.netconlist(cells[0], cells[1], "")
    assert [chosen.o(0)] == [connection]
    assert h.cvode.netconlist("", "", cells[0].syn).count() == 0
    assert h.cvode.netconlist("", "", "ExpSyn").count() == 1


def test_what_hoc_calls_del_is_delay_in_python():
    sec = h.Section(name="s")
    clamp = h.IClamp(sec(0.5))
    setattr(clamp, "del", 3)
    assert getattr(clamp, "del") == clamp.delay == clamp._ref_delay[0] == 3


def test_places_are_marked_in_a_picture():
    sec = h.Section(name="s")
    figure = plt.figure()
    axes = h.PlotShape(False).plot(figure)
    assert axes.mark(sec(0.5), "xr") is axes
    assert [line.get_marker() for line in axes.lines] == ["x"]
    assert axes.lines[0].get_data_3d()[0] == pytest.approx([50])
    plt.close(figure)


def _shades(**settings):
    figure = plt.figure()
    shape = settings.pop("of")
    (drawn,) = shape.plot(figure, **settings).collections
    plt.close(figure)
    return [to_hex(color) for color in drawn.get_colors()], list(drawn.get_linewidths())


def test_colours_and_widths_of_a_picture():
    sec = h.Section(name="s")
    sec.nseg, sec.diam = 3, 7
    sec.insert("hh")
    for seg, v, m in zip(sec, (-80, -20, 40), (0.0, 0.5, 1.0), strict=True):
        seg.v, seg.hh.m = v, m
    shape = h.PlotShape(False)
    ends = [to_hex(plt.get_cmap("cool")(i)) for i in (0, 127, 255)]
    assert _shades(of=shape) == (ends, [2, 2, 2])  # v from -80 to 40 mV, as in NEURON
    shape.variable("hh.m")
    assert _shades(of=shape)[0] == ends
    shape.scale(0, 0.5)
    assert _shades(of=shape)[0] == [ends[0], ends[2], ends[2]]
    shape.variable("m_hh")
    assert _shades(of=shape, cmap=plt.get_cmap("jet"), line_width=4) == (
        [to_hex(plt.get_cmap("jet")(i)) for i in (0, 127, 255)],
        [4, 4, 4],
    )
    shape.variable("nothing")
    assert _shades(of=shape)[0] == ["#000000"] * 3
    assert shape.show() == 1 == shape.show(0)
    assert _shades(of=shape, color="red") == (["#ff0000"] * 3, pytest.approx([7, 7, 7]))
    with pytest.raises(RuntimeError, match="show"):
        shape.show(3)


def test_plots_are_told_by_their_numbers():
    sec = h.Section(name="s")
    assert [repr(h.PlotShape(False)), h.PlotShape(False).hname()] == ["PlotShape[0]", "PlotShape[1]"]
    profile = h.RangeVarPlot("v", sec(0), sec(1))
    assert repr(profile) == profile.hname() == "RangeVarPlot[0]"
    with pytest.raises(RuntimeError, match="axes, not on a figure"):
        profile.plot(plt.figure())
    plt.close("all")


def test_objects_are_those_of_hoc() -> None:
    from rxd.neuron import h, hoc, rxd
    from rxd.neuron.errors import NotSupported
    from rxd.neuron.session import Session

    with Session():
        section = h.Section(name="section").insert("pas")
        things = [h, h.Vector(2), h.IClamp(section(0.5)), h.NetStim(), h.finitialize, h.ref(1), section(0.5)._ref_v, h.List()]
        assert all(isinstance(thing, hoc.HocObject) for thing in things)
        others = (section, section(0.5), section(0.5).pas, rxd.Region([section]), 3, "text", [1])
        assert not any(isinstance(thing, hoc.HocObject) for thing in others)
        assert hoc.Vector is h.Vector
        with pytest.raises(NotSupported, match="HocObject"):
            _ = hoc.nothing


def test_values_along_a_path_as_a_vector_and_in_a_graph():
    axon = h.Section(name="axon")
    axon.nseg = 3
    h.finitialize(-60)
    profile, graph = h.RangeVarPlot("v", axon(0), axon(1)), h.Graph(False)
    assert profile.vector().to_python() == [-60] * 5
    assert graph.addobject(profile) == h.flush_list.append(graph) == 1
    assert graph.show().lines[0].get_ydata().tolist() == [-60] * 5


def test_objects_are_listed_by_class(capsys):
    soma = h.Section(name="soma")
    clamps = [h.IClamp(soma(0.5)) for _ in range(2)]
    h("objref nobody, stim")
    h.stim = clamps[1]
    h.allobjects("IClamp")
    h.allobjectvars()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"{clamp} with 1 refs" for clamp in clamps]
    assert lines[-2:] == ["obp nobody[0] -> NULL", f"obp stim[0] -> {clamps[1]} with 1 refs."]  # after those of the library


def test_a_pointer_to_an_element_of_an_array():
    numbers = np.array([1.0, 2.0])
    pointer = numpy_element_ref(numbers, 1)
    pointer[0] += 1
    assert numbers.tolist() == [1, 3]


def test_a_shape_takes_the_section_to_be_coloured():
    soma = h.Section(name="soma")
    assert h.PlotShape(False).color(2, sec=soma) == 0


def test_recordings_outlive_what_they_record():
    def cell():
        sec = h.Section(name="gone")
        sec.insert("hh")
        return h.Vector().record(sec(0.5)._ref_v), h.Vector().record(sec(0.5).hh._ref_m, 0.1)

    v, m = cell()
    sec = h.Section(name="s")
    kept = h.Vector().record(sec(0.5)._ref_v)
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(1)
        assert (len(v), len(m)) == (0, 0)
        assert kept[-1] == -65
        h.CVode().active(True)


def test_nernst_of_a_place():
    sec = h.Section(name="s")
    sec.insert("hh")
    volts = h.R * (h.celsius + 273.15) / h.FARADAY
    assert h.nernst("ena", sec=sec) == pytest.approx(1e3 * volts * np.log(140 / 10), rel=1e-14)
    assert h.nernst("nai", 0.5, sec=sec) == pytest.approx(140 * np.exp(-0.05 / volts), rel=1e-14)
    assert h.nernst("nao", sec=sec) == pytest.approx(10 * np.exp(0.05 / volts), rel=1e-14)
    assert h.nernst(1, 2, 0) == 0
    with pytest.raises(RuntimeError, match="ina"):
        h.nernst("ina", sec=sec)


def test_objects_are_found_by_class_and_number():
    gone = weakref.proxy(h.Matrix(1, 1))  # noqa: F841 - somebody's, to nothing any more
    first, second = h.Vector([1]), h.Vector([2])
    assert list(h.List("Vector")) == [first, second]
    assert h.Vector[1] is second
    with pytest.raises(IndexError, match=r"Vector\[2\]"):
        _ = h.Vector[2]
    with pytest.raises(RuntimeError, match="NetCom"):
        h.List("NetCom")
    from rxd.neuron.session import Session

    with Session():
        assert h.List("Vector").count() == 0


def test_names_change_what_they_are():
    h("objref thing")
    h.thing = [1]
    h("objref thing")
    assert h.thing is None
    h("objref thing[2]")
    h.thing[1] = [3]
    assert (str(h.thing), h.thing[1], len(h.thing)) == ("thing[?]", [3], 2)
    h("objref thing")
    assert h.thing is None
    h("create parts[2]")
    with pytest.raises(TypeError, match="not assignable"):
        h.parts[1] = 3
    h('strdef text\ntext = "5 \u00b5m, \u4e2d\\t"')
    assert h.text == "5 \u00b5m, \u4e2d\t"


def test_deleted_sections_in_text():
    sec = h.Section(name="s")
    sec.insert("hh")
    segment, mechanism = sec(0.5), sec(0.5).hh
    h.delete_section(sec=sec)
    assert [str(sec), str(segment), str(mechanism)] == [
        "<deleted section>",
        "<segment of deleted section>",
        "<mechanism of deleted section>",
    ]
    with pytest.raises(ReferenceError, match="deleted"):
        sec(0.5)


def test_arrays_in_standards_of_mechanisms():
    sec = h.Section(name="s")
    sec.insert("extracellular")
    standard, name = h.MechanismStandard("extracellular", 0), h.ref("")
    told = [(standard.name(name, i), name[0], standard.is_array(i)) for i in range(standard.count())]
    assert told[:4] == [(2, "xraxial", True), (2, "xg", True), (2, "xc", True), (1, "e_extracellular", False)]
    standard.set("xg", 5, 1)
    standard.out(sec(0.5))
    assert list(sec(0.5).xg) == [1e9, 5]
    other = h.MechanismStandard("extracellular", 0)
    other._in(standard)
    assert [other.get("xg", i) for i in (0, 1)] == [1e9, 5]
    with pytest.raises(RuntimeError, match="not a variable"):
        standard.get("xg", 2)


def test_the_names_of_pushed_sections():
    made, nameless = h.Section(name="s"), h.Section()
    for sec, name in ((made, "_pysec.s"), (nameless, nameless.name())):
        assert h.secname(sec=sec) == name
        h.push_section(name)
        assert h.cas() == sec
        h.pop_section()


def test_functions_say_what_they_do():
    from rxd.neuron import hoc

    assert h.area.__doc__ == "Membrane area of a segment, um2."
    assert hoc.HocObject() is h


def test_profiles_of_species_go_to_the_ends_of_the_path() -> None:
    """With the value beside an end, as in NEURON 9.0.2; 0 in sections without the species."""
    with Session():
        a, b, c = (h.Section(name) for name in "abc")
        b.connect(a(1))
        c.connect(a(1))
        a.nseg, b.nseg = 3, 2
        ca = rxd.Species(rxd.Region([a, b], name="cyt"), name="ca", initial=lambda node: node.x + (node.sec == b))
        h.finitialize(-65)
        y, x = h.Vector(), h.Vector()
        expected = {
            (a(0), b(1)): ([1 / 6, 1 / 6, 0.5, 5 / 6, 1.25, 1.75, 1.75], [0, 100 / 6, 50, 500 / 6, 125, 175, 200]),
            (b(1), c(1)): ([1.75, 1.75, 1.25, 0, 0], [-100, -75, -25, 50, 100]),
            (a(1), b(1)): ([1.25, 1.25, 1.75, 1.75], [0, 25, 75, 100]),
        }
        for (first, last), (values, places) in expected.items():
            h.RangeVarPlot(ca, first, last).to_vector(y, x)
            assert y.to_python() == pytest.approx(values)
            assert x.to_python() == pytest.approx(places)
