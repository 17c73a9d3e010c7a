"""Sections follow NEURON's rules for sizes, segments and trees; the numbers were observed in NEURON 9.0.2."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest

from rxd.neuron import HocError, Session, h, rxd

pytestmark = pytest.mark.usefixtures("session")


def tapered():
    sec = h.Section(name="s")
    for point in ((0, 0, 0, 4), (10, 0, 0, 3.2), (13, 0, 1, 2.9), (30, 4, 1, 1.8)):
        sec.pt3dadd(*point)
    return sec


def test_defaults():
    sec = h.Section(name="a")
    assert (sec.L, sec.diam, sec.nseg, sec.Ra, sec.cm) == (100, 500, 1, 35.4, 1)
    assert sec(0.5).area() == pytest.approx(157079.63267948964, rel=1e-12)
    assert sec(0.5).ri() == pytest.approx(9.014535976724952e-05, rel=1e-12)
    assert sec(0).ri() == 1e30
    assert sec(0).area() == 0


def test_points_give_sizes():
    sec = tapered()
    observed = [
        30.626526856741357,
        2.8304199742244567,
        272.5203247738367,
        202.46106830751202,
        0.6266509907587463,
        1.3870405022952381,
    ]
    found = [sec.L, sec.diam, sec(0.5).area(), sec(0.5).volume(), sec(0.5).ri(), sec(1).ri()]
    assert found == pytest.approx(observed, rel=2e-7)  # NEURON keeps points in single precision


def test_three_segments_of_points():
    sec = tapered()
    sec.nseg = 3
    assert [seg.diam for seg in sec] == pytest.approx([3.5916145720553803, 2.7781392216511596, 2.12150612896683], rel=2e-7)
    assert [seg.ri() for seg in sec] == pytest.approx([0.16014239629585414, 0.46650859446289217, 0.7845598633608657], rel=2e-7)


def test_setting_length_scales_points():
    sec = tapered()
    sec.L = 60
    assert pytest.approx(60) == sec.L
    assert sec.x3d(1) == pytest.approx(19.59086036682129, rel=2e-7)
    assert sec.diam3d(1) == 3.2


def test_points_get_the_diameters_of_their_segments():
    """NEURON 9.0.2's figures: of one segment, of all one after the other after a look at each, of all without looking."""

    def made(nseg):
        section = h.Section(name="section")
        section.nseg = nseg
        for x, diam in ((0, 1), (10, 3), (22, 2), (31, 4), (45, 1.5), (60, 1)):
            section.pt3dadd(x, 0, 0, diam)
        return section

    def points(section):
        return [section.diam3d(i) for i in range(6)]

    section = made(3)
    assert [seg.diam for seg in section] == pytest.approx([2.291667, 2.996726, 1.424107], abs=1e-6)
    section(0.5).diam = 5
    assert points(section) == pytest.approx([2.29167, 2.29167, 5, 5, 1.42411, 1.42411], abs=1e-5)
    assert [seg.area() for seg in section] == pytest.approx([180.12364, 281.3175, 99.7728], abs=1e-4)
    section = made(3)
    for seg in section:
        seg.diam *= 2
    assert points(section) == pytest.approx([4.52616, 4.52616, 4.96524, 4.96524, 3.35208, 3.35208], abs=2e-5)
    assert [seg.area() for seg in section] == pytest.approx([290.15922, 297.29803, 215.23694], abs=1e-4)
    section = made(5)
    for seg in section:
        seg.diam = 3
    assert points(section) == [3] * 6


def test_setting_diameter_changes_the_points_of_the_segment():
    sec = tapered()
    sec.L, sec.diam = 60, 5
    assert [sec.diam3d(i) for i in range(4)] == [5, 5, 5, 5]
    sec.nseg = 3
    sec(0.5).diam = 2
    assert [sec.diam3d(i) for i in range(4)] == [5, 5, 2, 5]
    assert [seg.diam for seg in sec] == pytest.approx([4.997973476522159, 2.848175936832405, 4.123165086800547], rel=2e-7)


def test_clearing_points_keeps_sizes():
    sec = tapered()
    length, diam = sec.L, sec.diam
    sec.pt3dclear()
    assert sec.n3d() == 0
    assert (sec.L, sec.diam) == (length, diam)


def test_first_point_is_the_connected_end():
    parent, sec = h.Section(name="p"), h.Section(name="d")
    sec.connect(parent(0.5), 1)
    sec.nseg = 3
    sec.pt3dadd(0, 0, 0, 1)
    sec.pt3dadd(0, 9, 0, 3)
    assert [seg.diam for seg in sec] == pytest.approx([8 / 3, 2, 4 / 3])
    observed = [0.08451127478179642, 0.25353382434538924, 0.5070676486907785, 0.5070676486907785]
    assert [seg.ri() for seg in sec.allseg()][:4] == pytest.approx(observed, rel=1e-7)


def test_more_segments_take_the_values_of_the_old_ones():
    sec = h.Section(name="a")
    sec.nseg = 3
    for seg, cm in zip(sec, (1, 2, 3), strict=True):
        seg.cm = cm
    sec.nseg = 9
    assert [seg.cm for seg in sec] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    sec.nseg = 1
    assert sec.cm == 2


def test_children_are_ordered_by_place_then_newest_first():
    names = "abcdef"
    a, b, c, d, e, f = (h.Section(name=name) for name in names)
    a.nseg = 3
    b.connect(a(1))
    c.connect(a(0.3))
    d.connect(a(1))
    e.connect(a(0))
    f.connect(a(0.7))
    assert [str(child) for child in a.children()] == ["e", "c", "f", "d", "b"]
    assert [str(sec) for sec in d.wholetree()] == ["a", "e", "c", "f", "d", "b"]
    g = h.Section(name="g")
    g.connect(e(1))
    assert [str(sec) for sec in d.wholetree()] == ["a", "e", "g", "c", "f", "d", "b"]
    listed = h.SectionList()
    listed.wholetree(sec=d)
    assert [str(sec) for sec in listed] == ["a", "e", "c", "f", "d", "b", "g"]  # lists go level by level


def test_true_parent_skips_starts():
    a, b, c = (h.Section(name=name) for name in "abc")
    c.connect(b(0))
    assert c.trueparentseg() is None
    b.connect(a(1))
    assert c.parentseg().sec == b
    assert c.trueparentseg() == a(1)


def test_no_loops():
    a, b = h.Section(name="a"), h.Section(name="b")
    b.connect(a)
    with pytest.raises(RuntimeError, match="loop"):
        a.connect(b)


def test_reconnecting_warns():
    a, b, c = (h.Section(name=name) for name in "abc")
    c.connect(a)
    with pytest.warns(UserWarning, match="previously been connected"):
        c.connect(b)
    assert c.parentseg() == b(1)


def test_distance():
    a, b, lone = (h.Section(name=name) for name in ("a", "b", "lone"))
    b.connect(a(1))
    with pytest.raises(RuntimeError, match="origin"):
        h.distance(b(0.5))
    h.distance(0, a(0.5))
    assert [h.distance(b(1)), h.distance(b(0.3)), h.distance(a(0))] == [150, 100, 50]
    assert h.distance(a(0.5), b(0.5)) == 100
    assert h.distance(a(0.5), lone(0.5)) == 1e20


def test_a_section_lives_as_long_as_its_last_reference():
    a, b = h.Section(name="a"), h.Section(name="b")
    b.connect(a)
    segment = b(0.5)
    del b
    assert [str(sec) for sec in h.allsec()] == ["a", "b"]
    del segment
    gc.collect()
    assert [str(sec) for sec in h.allsec()] == ["a"]
    assert a.children() == []


def test_deleted_sections_say_so():
    a = h.Section(name="a")
    h.delete_section(sec=a)
    assert str(a) == "<deleted section>"
    with pytest.raises(ReferenceError, match="deleted section"):
        a.L  # noqa: B018


def test_range_variables():
    sec = h.Section(name="a")
    with pytest.raises(AttributeError, match="insert"):
        sec.gnabar_hh  # noqa: B018
    assert sec.insert("hh").insert("pas") is sec
    assert [mechanism.name() for mechanism in sec(0.5)] == ["pas", "k_ion", "na_ion", "hh"]
    sec.nseg = 2
    sec(0.1).hh.gnabar = 0.5
    assert (sec(0.1).gnabar_hh, sec(0.9).hh.gnabar) == (0.5, 0.12)
    sec.gnabar_hh = 0.2
    assert sec(0.9).gnabar_hh == 0.2
    assert (sec.ena, sec.ek, sec.nai, sec.ko) == (50, -77, 10, 2.5)
    sec.uninsert("hh")
    assert not sec.has_membrane("hh")
    assert sec.has_membrane("na_ion")
    with pytest.raises(ValueError, match="nope"):
        sec.insert("nope")
    with pytest.raises(AttributeError):
        sec.nope = 3


@pytest.mark.parametrize(("name", "value"), [("L", 0), ("Ra", -1), ("nseg", 0), ("nseg", 2.5), ("diam", 0), ("cm", "x")])
def test_wrong_values_are_refused(name, value):
    sec = h.Section(name="a")
    with pytest.raises(ValueError, match=name):
        setattr(sec, name, value)


def test_psection():
    sec = h.Section(name="a")
    sec.insert("pas")
    clamp = h.IClamp(sec(0.5))
    found = sec.psection()
    assert found["density_mechs"] == {"pas": {"g": [0.001], "e": [-70.0], "i": [0.0]}}
    assert found["morphology"]["L"] == 100
    assert found["point_processes"] == {"IClamp": {clamp}}
    assert (found["name"], found["nseg"], found["cm"]) == ("a", 1, [1.0])


def test_psection_has_an_array_as_a_list_for_each_segment():
    sec = h.Section(name="a")
    sec.nseg = 2
    sec.insert("extracellular")
    sec(0.75).xg[1] = 5
    found = sec.psection()["density_mechs"]["extracellular"]
    assert found["xg"] == [[1e9, 1e9], [1e9, 5]]
    assert found["vext"] == [[0, 0], [0, 0]]
    assert not any(name.endswith(("_0", "_1")) for name in found)


def test_the_text_of_psection_names_what_is_in_the_first_segment(capsys):
    sec = h.Section(name="a")
    sec.nseg = 3
    for name in ("pas", "extracellular"):
        sec.insert(name)
    clamp, _synapse, last = h.IClamp(sec(0.1)), h.ExpSyn(sec(0)), h.Exp2Syn(sec(0.9))
    clamp.delay, clamp.amp = 2, 0.5
    h.psection(sec=sec)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == [
        "\t/* First segment only */",
        "\tinsert morphology { diam=500}",
        "\tinsert capacitance { cm=1}",
        "\tinsert pas { g_pas=0.001 e_pas=-70}",
        "\tinsert extracellular { xraxial=1e+09 xg=1e+09 xc=0 e_extracellular=0}",
        "\tinsert IClamp { del=2 dur=0 amp=0.5}",
        "\tinsert ExpSyn { tau=0.1 e=0}",
        "}",
    ]
    assert last.get_segment() == sec(0.9)


def test_units_of_names():
    sec = h.Section(name="a")
    sec.insert("hh")
    known = {
        "v": "mV", "gnabar_hh": "S/cm2", "m_hh": "", "ena": "mV", "nai": "mM", "ina": "mA/cm2", "nai0_na_ion": "mM",
        "xg": "S/cm2", "IClamp.del": "ms", "ExpSyn.g": "uS", "IntFire1.tau": "ms", "IntFire1.m": "", "APCount.n": "",
    }  # fmt: skip
    assert {name: h.units(name) for name in known} == known
    for unknown in ("foo", "ExpSyn.foo", "Foo.x"):
        with pytest.raises(RuntimeError, match=unknown):
            h.units(unknown)


def test_segments_are_equal_within_a_segment():
    sec = h.Section(name="a")
    assert sec(0.3) == sec(0.7)
    assert sec(0) != sec(0.5)
    assert hash(sec(0.3)) == hash(sec(0.7))
    assert sec(0.2) in sec
    assert repr(sec(0.25)) == "a(0.25)"
    with pytest.raises(ValueError, match="0 <= x <= 1"):
        sec(1.1)


def test_section_lists_and_references():
    a, b = h.Section(name="a"), h.Section(name="b")
    b.connect(a)
    chosen = h.SectionList([b])
    chosen.wholetree(sec=b)
    assert [str(sec) for sec in chosen] == ["b", "a", "b"]
    assert chosen.unique() == 1
    assert chosen.contains(a)
    reference = h.SectionRef(sec=b)
    assert reference.parent == a
    assert reference.root == a
    with pytest.raises(RuntimeError, match="no parent"):
        h.SectionRef(sec=a).parent  # noqa: B018


def test_cells_name_their_sections():
    class Cell:
        def __str__(self):
            return "cell7"

    cell = Cell()
    sec = h.Section(name="soma", cell=cell)
    assert sec.name() == "cell7.soma"
    assert sec.cell() is cell
    with pytest.raises(TypeError, match="weak reference"):
        h.Section(name="soma", cell="cell8")


def test_define_shape_draws_straight_lines():
    a, b, c = (h.Section(name=name) for name in "abc")
    b.connect(a)
    c.connect(a(0.5), 1)
    h.define_shape()
    assert [a.x3d(i) for i in range(3)] == [0, 50, 100]
    assert [b.x3d(i) for i in range(3)] == [100, 150, 200]
    assert [(c.x3d(i), c.y3d(i)) for i in range(3)] == [(50, 0), (50, 50), (50, 100)]


def test_define_shape_takes_places_on_the_chord_of_the_parent_and_spreads_siblings():
    # numbers of NEURON 9.0.2
    a, b, c, d = (h.Section(name=name) for name in "abcd")
    for section, x in ((b, 1), (c, 1), (d, 0.5)):
        section.L = 10
        section.connect(a(x))
    for point in ((0, 0, 0, 2), (10, 10, 3, 2), (20, 0, 6, 2)):
        a.pt3dadd(*point)
    h.define_shape()
    assert [d.x3d(0), d.y3d(0), d.z3d(0)] == [10, 0, 3]  # not the point (10, 10, 3) half way along the parent
    assert (d.x3d(2), d.y3d(2), d.z3d(2)) == pytest.approx((10, 10, 3))
    ends = sorted((section.x3d(2), section.y3d(2), section.z3d(2)) for section in (b, c))
    side = 10 * np.array([np.cos(0.4), np.sin(0.4)])
    assert ends == [pytest.approx((20 + side[0], -side[1], 6)), pytest.approx((20 + side[0], side[1], 6))]


def test_define_shape_moves_sections_to_their_parents():
    a, b, c = (h.Section(name=name) for name in "abc")
    a.L = 30
    for section in (b, c):
        section.connect(a(1))
        for x in (0, 10):
            section.pt3dadd(x, 5, 7, 1)
    assert not c.pt3dstyle()
    assert c.pt3dstyle(1, 0, 4, 7)
    with pytest.raises(TypeError, match="x, y, z"):
        c.pt3dstyle(1)
    h.define_shape()
    assert [(b.x3d(i), b.y3d(i), b.z3d(i)) for i in range(2)] == [(30, 0, 0), (40, 0, 0)]
    assert [(c.x3d(i), c.y3d(i), c.z3d(i)) for i in range(2)] == [(30, 1, 0), (40, 1, 0)]  # by its logical connection
    place = [h.ref(0), h.ref(0), h.ref(0)]
    assert h.pt3dstyle(1, *place, sec=c) == 1
    assert [one[0] for one in place] == [30, 0, 0]
    assert h.pt3dstyle(0, sec=c) == 0
    h.define_shape()
    assert (c.x3d(0), c.y3d(0), c.z3d(0)) == (30, 0, 0)


def test_rxd_gives_sections_without_points_a_shape_as_neuron_does():
    a = h.Section(name="a")
    a.L, a.nseg = 30, 3
    for number, segment in enumerate(a):
        segment.diam = 1 + number
    ca = rxd.Species(rxd.Region([a]), name="ca", charge=2)
    h.finitialize(-65)
    assert a.n3d() == 5  # ends and middles, so that diameters are interpolated between middles
    assert [segment.diam for segment in a] == pytest.approx([1.125, 2, 2.875], rel=1e-12)
    assert [segment.area() for segment in a] == pytest.approx(
        [35.36744572482832, 62.91034386201394, 90.3747512089815], rel=1e-7
    )
    assert ca.nodes.volume == pytest.approx([10.14472627721704, 32.070425005395805, 65.12259771503842], rel=1e-7)


def test_unknown_names_are_refused_with_a_reason():
    with pytest.raises(AttributeError, match=r"h\.OClamp is not supported"):
        h.OClamp  # noqa: B018
    with pytest.raises(AttributeError, match="no such name"):
        h.nothing_of_the_kind  # noqa: B018
    with pytest.raises(LookupError, match="not a defined hoc variable"):
        h.nothing_of_the_kind = 3


def test_two_sessions_do_not_meet():
    a = h.Section(name="a")
    with Session():
        assert list(h.allsec()) == []
        h.dt = 0.5
        inner = h.Section(name="inner")
        assert [str(sec) for sec in h.allsec()] == ["inner"]
        del inner
    assert list(h.allsec()) == [a]
    assert h.dt == 0.025


@pytest.mark.parametrize(
    "mix",
    [
        lambda soma, cytosol, ca, synapse: h.IClamp(soma(0.5)),
        lambda soma, cytosol, ca, synapse: h.Section(name="dend").connect(soma(1)),
        lambda soma, cytosol, ca, synapse: h.Vector().record(soma(0.5)._ref_v),
        lambda soma, cytosol, ca, synapse: h.NetCon(None, synapse),
        lambda soma, cytosol, ca, synapse: rxd.Region([h.Section(name="dend"), soma]),
        lambda soma, cytosol, ca, synapse: rxd.Species(cytosol),
        lambda soma, cytosol, ca, synapse: rxd.Rate(ca, -ca),
        lambda soma, cytosol, ca, synapse: rxd.Reaction(ca, 2 * ca, 0.1),
    ],
    ids=["clamp", "connect", "record", "netcon", "region", "species", "rate", "reaction"],
)
def test_what_one_session_made_another_refuses(mix):
    soma = h.Section(name="soma")
    cytosol = rxd.Region([soma], name="cyt")
    ca = rxd.Species(cytosol, name="ca")
    synapse = h.ExpSyn(soma(0.5))
    with Session(), pytest.raises(RuntimeError, match="belongs to another Session"):
        mix(soma, cytosol, ca, synapse)


def test_pushing_accesses():
    a, b = h.Section(name="a"), h.Section(name="b")
    assert h.cas() == a
    b.push()
    assert h.cas() == b
    h.pop_section()
    assert h.cas() == a


def test_nothing_warns_without_need():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        a, b = h.Section(name="a"), h.Section(name="b")
        b.connect(a)
        assert np.isfinite(b(0.5).ri())


def test_topology_is_drawn_like_neurons(capsys):
    a, b, c = (h.Section(name=name) for name in "abc")
    a.nseg, b.nseg = 3, 2
    b.connect(a(1))
    c.connect(b(0.3), 1)
    h.topology()
    assert capsys.readouterr().out == "\n|---|       a(0-1)\n     `-|       b(0-1)\n      `|       c(1-0)\n\n"


def test_a_section_without_capacitance():
    """v follows the currents at once; numbers of NEURON 9.0.2, which fails with CVode."""
    cells = a, b, c = [h.Section(name=name) for name in "abc"]
    for cell in cells:
        cell.L, cell.diam, cell.nseg = 100, 2, 3
        cell.insert("pas")
    a.insert("hh")
    b.connect(a(1))
    c.connect(b(1))
    b.cm = 0
    clamp = h.IClamp(a(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 5, 0.3
    courses = [h.Vector().record(cell(0.5)._ref_v) for cell in cells]
    h.finitialize(-65)
    h.continuerun(5)
    assert [v[200] for v in courses] == pytest.approx([-18.1929437, -21.4232987, -22.4149219], abs=1e-6)
    assert b(0.5).i_cap == pytest.approx(0, abs=1e-9)
    h.cvode_active(1)
    h.CVode().atol(1e-6)
    found = []
    for b.cm in (0, 1e-5):
        h.finitialize(-65)
        h.continuerun(5)
        found.append((a(0.5).v, b(0.5).v))
    assert found[0] == pytest.approx(found[1], abs=1e-3)
    h.cvode_active(0)
    b.cm, c(0.5).cm = 1, 0
    h.finitialize(-65)
    h.continuerun(5)
    assert [v[200] for v in courses] == pytest.approx([4.9105227, 0.7925852, -2.2754952], abs=1e-6)
    b.cm = -1
    with pytest.raises(HocError, match="not negative"):
        h.finitialize(-65)


def test_numbers_of_point_processes_begin_anew_when_none_is_left():
    soma = h.Section(name="soma")

    def two():
        clamps = h.IClamp(soma(0.5)), h.IClamp(soma(0.5))
        return [str(clamp) for clamp in clamps]

    assert two() == two() == ["IClamp[0]", "IClamp[1]"]
    first = h.IClamp(soma(0.5))
    assert h.IClamp[0] is first
    second = h.IClamp(soma(0.5))
    del first
    third = h.IClamp(soma(0.5))
    assert [str(second), str(third)] == ["IClamp[1]", "IClamp[2]"]


def test_streams_of_later_generators_are_others_whatever_their_numbers():
    """NEURON 9.0.2: the first interval of the second NetStim with noise, the first being gone."""
    h.NetStim()
    train, times = h.NetStim(), h.Vector()
    train.noise, train.interval, train.start = 1, 5, 0
    connection = h.NetCon(train, None)
    connection.record(times)
    other = h.Section(name="other")
    h.finitialize(-65)
    h.continuerun(20)
    assert (str(train), other.nseg) == ("NetStim[0]", 1)
    assert times[0] == pytest.approx(0.8878412130240353)
