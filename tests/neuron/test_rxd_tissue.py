"""Boxes whose properties differ from voxel to voxel, or change; arrays over their voxels; sources in them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.errors import RxDException

SHAPE, DX = (4, 3, 2), np.array([5.0, 4.0, 3.0])
CORNER = np.array([-10.0, -6.0, -3.0])


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        h.Section(name="s")
        yield session


def box(**properties):
    return rxd.Extracellular(*CORNER, *(CORNER + SHAPE * DX), dx=tuple(DX), **properties)


def expected(u, dt, d, alpha, tortuosity, source=0.0):
    """A step of Douglas and Gunn by dense matrices: the higher voxel's tortuosity counts, and the harmonic mean of alpha."""
    n = int(np.prod(SHAPE))
    number = np.arange(n).reshape(SHAPE)
    alpha, ease = (np.broadcast_to(values, SHAPE).ravel() for values in (alpha, 1 / np.square(tortuosity)))
    along = np.zeros((3, n, n))
    for axis in range(3):
        low, high = np.delete(number, -1, axis=axis).ravel(), np.delete(number, 0, axis=axis).ravel()
        kappa = d * ease[high] * 2 * alpha[low] * alpha[high] / (alpha[low] + alpha[high]) / DX[axis] ** 2
        np.add.at(along[axis], (np.r_[low, high], np.r_[low, high]), -np.r_[kappa, kappa])
        along[axis][np.r_[low, high], np.r_[high, low]] += np.r_[kappa, kappa]
    gain = dt * (along.sum(axis=0) @ u.ravel() + alpha * np.ravel(source * np.ones(SHAPE)))
    for matrix in along:
        gain = alpha * np.linalg.solve(np.diag(alpha) - 0.5 * dt * matrix, gain)
    return u + (gain / alpha).reshape(SHAPE)


def profile(node):
    return 2 + np.sin(node.x3d / 3 + node.y3d) * np.cos(node.z3d)


def fields(of_places=False):
    """Volume fraction and tortuosity at the lower corners of voxels, or the functions."""

    def alpha(x, y, z):
        return 0.2 + x / 100 + y / 200

    def tortuosity(x, y, z):
        return 1.6 + z / 20 + x / 50

    if of_places:
        return alpha, tortuosity
    x, y, z = np.meshgrid(*(low + np.arange(n) * h for low, n, h in zip(CORNER, SHAPE, DX, strict=True)), indexing="ij")
    return alpha(x, y, z), tortuosity(x, y, z)


@pytest.mark.parametrize("form", ["functions", "arrays", "permeability", "later", "quantities", "dict"])
def test_properties_of_every_form_count(form):
    alpha, tortuosity = fields()
    if form == "functions":
        one, other = fields(of_places=True)
        ecs = box(volume_fraction=one, tortuosity=other)
    elif form == "arrays":
        ecs = box(volume_fraction=alpha, tortuosity=tortuosity)
    elif form == "permeability":
        ecs = box(volume_fraction=alpha, permeability=tortuosity**-2)
    elif form == "dict":
        at = {tuple(key): value for key, value in zip(np.argwhere(alpha), alpha.ravel(), strict=True)}
        ecs = box(volume_fraction={"name": "a", "initial": lambda n: at[n._i, n._j, n._k]}, tortuosity=tortuosity)
    else:
        ecs = box()
    x = rxd.Species(ecs, name="x", d=2.0, initial=profile)
    h.dt = 0.5
    if form == "quantities":
        parts = [rxd.Parameter(ecs, name="a", value=0.5), rxd.State(ecs, name="p", initial=0.5)]
        ecs.alpha, ecs.permeability = parts[0], parts[1][ecs]
    h.finitialize(-65)
    if form == "later":
        ecs.alpha, ecs.tortuosity = fields(of_places=True)
    if form == "quantities":
        parts[0].nodes.value, parts[1].nodes.value = alpha.ravel(), tortuosity.ravel() ** -2
    u = np.array(x[ecs].states3d)
    assert np.array(x.nodes.volume) == pytest.approx(60 * alpha.ravel())
    assert ecs.volume() == pytest.approx(60 * alpha.sum())
    for _ in range(3):
        h.fadvance()
        u = expected(u, 0.5, 2.0, alpha, tortuosity)
        assert x[ecs].states3d == pytest.approx(u, abs=1e-11)
    assert x[ecs].alpha_by_location([(-9, -5, -2), (9, 5, 2)]) == pytest.approx([alpha[0, 0, 0], alpha[3, 2, 1]])


def test_uniform_properties_change_at_any_time():
    ecs = box(volume_fraction=0.2, tortuosity=1.6)
    x = rxd.Species(ecs, name="x", d=2.0, initial=profile)
    assert x[ecs].alpha_by_location([(0, 0, 0)]) == 0.2
    h.dt = 0.5
    h.finitialize(-65)
    u = np.array(x[ecs].states3d)
    for tortuosity in (1.6, 3.0, 0.8):
        ecs.permeability = tortuosity**-2
        assert ecs.tortuosity == pytest.approx(tortuosity)
        h.fadvance()
        u = expected(u, 0.5, 2.0, 0.2, tortuosity)
        assert x[ecs].states3d == pytest.approx(u, abs=1e-11)


def test_properties_that_are_none_are_refused():
    with pytest.raises(RxDException, match="array the size of the grid: 4x3x2, not 2x2"):
        box(volume_fraction=np.ones((2, 2)))
    ecs, other = box(), box()
    a = rxd.State(other, name="a", initial=1)
    with pytest.raises(RxDException, match="must be defined on this region; a is not"):
        ecs.alpha = a
    with pytest.raises(RxDException, match="permeability may be a State"):
        other.tortuosity = a


@pytest.mark.parametrize("source", ["number", "function", "pointer"])
def test_sources_diffuse_in_the_step_they_act(source):
    ecs = box(volume_fraction=0.3, tortuosity=1.4)
    x = rxd.Species(ecs, name="x", d=2.0, initial=profile)
    rate = h.ref(1e6)
    x[ecs].node_by_ijk(2, 1, 0).include_flux(*{"number": (1e6,), "function": (lambda: 1e6,), "pointer": (rate,)}[source])
    h.dt = 0.5
    h.finitialize(-65)
    u, source = np.array(x[ecs].states3d), np.zeros(SHAPE)
    source[2, 1, 0] = 1e6 / (602214.0857 * 60 * 0.3)
    for _ in range(3):
        h.fadvance()
        u = expected(u, 0.5, 2.0, 0.3, 1.4, source)
        assert x[ecs].states3d == pytest.approx(u, abs=1e-8)


def test_whatever_numpy_writes_into_states3d_reaches_the_model():
    ecs = box()
    x = rxd.Species(ecs, name="x", initial=1)
    y = rxd.Species(ecs, name="y", initial=2)
    h.finitialize(-65)
    x[ecs].states3d[0, 0, 0] = 5  # nobody holds the array
    assert x.nodes[0].value == 5
    held, plane = x[ecs].states3d, x[ecs].states3d[:, 1]
    assert type(held) is np.ndarray
    held.flat[3] = 7
    held.ravel()[4] = 8
    np.add(held, 1, out=held)
    plane.fill(3)
    y[ecs].states3d.sort()
    y[ecs].states3d.reshape(-1)[:2] = 4, 9
    x.nodes[1].value = 6  # both ways at once
    assert np.array(x.nodes.value) == pytest.approx(held.ravel())
    del held
    want = {0: 6, 1: 6, 2: 3, 3: 3, 4: 9, 6: 2}
    assert {k: x.nodes[k].value for k in want} == want
    h.fadvance()
    assert {k: x.nodes[k].value for k in want} == want
    assert y.nodes.value[:3] == [4, 9, 2]
    for _ in range(2):
        plane *= 2
        h.fadvance()
    assert x.nodes[2].value == 12
    h.finitialize(-65)
    assert plane.max() == 1
    state = rxd.save_state()
    plane[:] = 4
    rxd.restore_state(state)
    assert plane.max() == 1


@pytest.mark.parametrize(("correct", "written", "times"), [(False, True, 2), (True, True, 1), (False, False, 1)])
def test_a_reaction_written_with_its_box_counts_once_for_every_species(correct, written, times):
    """NEURON 9.0.2 has 3.4444467 after 10 ms: 3.5 exp(-2 k t) but for the step; without [ecs] 3.5 exp(-k t)."""
    with Session(correct=correct), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        section = h.Section("s")
        box = rxd.Extracellular(-50, -50, -50, 50, 50, 50, dx=50)
        a, b = rxd.Species(box, initial=3.5), rxd.Species(box, initial=10)
        reaction = rxd.Reaction(a[box], b[box], 0.0008) if written else rxd.Reaction(a, b, 0.0008)
        h.finitialize(-65)
        h.continuerun(10)
        assert section.name() == "s"
        assert reaction.f_rate == 0.0008
        assert a[box].states3d[1, 1, 1] == pytest.approx(3.5 * np.exp(-0.008 * times), rel=1e-6)
        assert any("counts this 2 times" in str(note.message) for note in caught) == (times == 2)


def test_what_crosses_a_membrane_comes_after_the_reactions_in_the_box():
    cell = h.Section(name="cell")
    cell.L, cell.diam = 10, 1
    inner = rxd.Region([cell], name="cyt", nrn_region="i")
    ecs = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=5, volume_fraction=0.2)
    a = rxd.Species([inner, ecs], name="a", initial=1)
    wall = rxd.Region([cell], name="wall", geometry=rxd.membrane())
    reactions = [
        rxd.Rate(a[ecs], -0.1 * a[ecs], regions=[ecs]),
        rxd.MultiCompartmentReaction(a[inner], a[ecs], 50000, 45000, membrane=wall),
    ]
    h.dt = 0.025
    h.finitialize(-65)
    h.fadvance()
    del reactions
    (node,) = a[inner].nodes
    left = (1 - node.concentration) * node.volume
    after = np.sort(np.ravel(a[ecs].states3d))
    np.testing.assert_allclose(after[:-1], 1 / (1 + 0.1 * h.dt), rtol=1e-12)
    assert after[-1] == pytest.approx(1 / (1 + 0.1 * h.dt) + left / (0.2 * 125), rel=1e-10)
    assert after[-1] == pytest.approx(0.997764322583, abs=1e-11)  # NEURON 9.0.2


def test_sections_have_the_ions_of_a_box_as_soon_as_there_is_a_reaction():
    # as in NEURON 9.0.2: scripts record seg._ref_xo before finitialize
    x = rxd.Species(box(), name="x", charge=1, initial=1)
    section = h.Section(name="kept")
    decay = rxd.Rate(x, -x)
    v = h.Vector().record(section(0.5)._ref_xo)
    h.finitialize(-65)
    h.fadvance()
    assert v.size() == 2
    assert decay is not None


def test_what_makes_no_sense_in_a_box_is_refused():
    section, ecs = h.Section(name="kept"), box()
    cyt = rxd.Region([section], name="cyt")
    with pytest.raises(RxDException, match="ecs_boundary_conditions='open': give the concentration"):
        rxd.Species(ecs, name="y", ecs_boundary_conditions="open")
    x, p = rxd.Species(ecs, name="x", initial=1), rxd.Parameter(cyt, name="p", initial=1)
    for reads in (p[cyt], p):
        rate = rxd.Rate(x[ecs], reads * x[ecs])
        with pytest.raises(RxDException, match="a rate in extracellular space cannot depend on p of cyt"):
            h.finitialize(-65)
        del rate


def test_rates_in_cells_and_in_a_box_that_read_cells_are_refused():
    # by NEURON, too; without a word they acted in the cells alone
    section, ecs = h.Section(name="kept"), box()
    cyt = rxd.Region([section], name="cyt")
    x, y = (rxd.Species([cyt, ecs], name=name, initial=1) for name in "xy")
    rate = rxd.Rate(x, 0.1 * y[cyt])
    with pytest.raises(RxDException, match=r"cannot depend on y of cyt.* meant for cells alone, give it their regions"):
        h.finitialize(-65)
    del rate
    rate = rxd.Rate(x, 0.1 * y[cyt], regions=[cyt])
    h.finitialize(-65)
    h.fadvance()
    assert x.nodes(cyt).value == pytest.approx([1 + 0.1 * h.dt])
    assert set(x.nodes(ecs).value) == {1.0}
    assert rate is not None


def test_a_box_has_a_coefficient_of_its_own():
    """NEURON's tests set it, and give one node's to the whole box."""
    section, ecs = h.Section(name="kept"), box()
    section.nseg = 3
    cyt = rxd.Region([section], name="cyt")
    start = {"name": "x", "initial": lambda node: float(node.x3d < 0)}

    def after(set_it):
        x = rxd.Species([cyt, ecs], d=0, **start)
        h.finitialize(-65)
        set_it(x)
        h.fadvance()
        return (
            x.nodes(ecs).value,
            x.nodes(cyt).value,
            [np.array(d).tolist() for d in (x.d, x[ecs].d, x[cyt].d, x.nodes(ecs)[0].d)],
        )

    def by_node(x):
        with pytest.warns(UserWarning, match="changes x in the whole of"):
            x.nodes(ecs)[5].d = (1, 2, 3)

    def by_region(x):
        x.nodes(cyt)[0].d = 7
        x[ecs].d = (1, 2, 3)
        x.nodes(cyt)[0].d = 0

    alone = rxd.Species(ecs, d=(1, 2, 3), **start)
    h.finitialize(-65)
    h.fadvance()
    wanted = alone.nodes.value
    assert wanted != [float(value > 0.5) for value in wanted]
    del alone
    for set_it in (by_node, by_region):
        outside, inside, coefficients = after(set_it)
        assert outside == pytest.approx(wanted, rel=1e-12)
        assert set(inside) <= {0.0, 1.0}
        assert coefficients == [0, [1, 2, 3], 0, [1, 2, 3]]

    def anew(x):
        x[ecs].d = 4
        x.d = 0

    assert after(anew)[2] == [0, 0, 0, 0]


ACCUMULATION = """
NEURON { SUFFIX kacc USEION k READ ik WRITE ko }
STATE { ko (mM) }
ASSIGNED { ik (mA/cm2) }
BREAKPOINT { SOLVE s METHOD derivimplicit }
DERIVATIVE s { ko' = ik * 10 - (ko - 2.5) / 5 }
"""


def beside():
    """Two sections with hh, and a box around the first."""
    near, far = h.Section(name="near"), h.Section(name="far")
    for x, sec in ((0, near), (500, far)):
        sec.pt3dadd(x, 0, 0, 8)
        sec.pt3dadd(x + 8, 0, 0, 8)
        sec.insert("hh")
    return near, far, rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=10, volume_fraction=0.2, tortuosity=1.6)


def test_a_section_outside_the_box_does_without_it():
    """Numbers: NEURON 9.0.2, in the order v and ko of the section in the box, v, ki and ko of the other."""
    near, far, ecs = beside()
    cyt = rxd.Region([near], nrn_region="i")
    k = rxd.Species([cyt, ecs], name="k", d=1, charge=1, initial=lambda node: 5 if node.region is ecs else 100)
    h.finitialize(-70)
    for _ in range(40):
        h.fadvance()
    found = [near.v, near.ko, far.v, far.ki, far.ko]
    assert found == pytest.approx([-66.0333494101628, 5.000057440290032, -66.2641598486262, 54.4, 2.5], rel=1e-9)
    assert k is not None


@pytest.mark.parametrize(
    ("way", "v", "ko"),
    [
        ("fixed", -57.9762289295503, 10),
        ("variable", -57.89190592605175, 10),
        ("played", -63.938744219606264, 40 / 3),
        ("kacc", -66.2603632748517, 2.5073599907897495),
    ],
)
def test_what_a_section_outside_the_box_has_around_it_counts(way, v, ko, tmp_path):
    """Numbers: NEURON 9.0.2."""
    near, far, ecs = beside()
    k = rxd.Species(ecs, name="k", d=1, charge=1, initial=5)
    cvode, values, times = h.CVode(), h.Vector([2.5, 2.5, 10, 20]), h.Vector([0, 0.5, 0.5, 2])
    if way == "variable":
        cvode.active(True)
        cvode.atol(1e-9)
    elif way == "played":
        values.play(far(0.5)._ref_ko, times, 1)
    elif way == "kacc":
        (tmp_path / "kacc.mod").write_text(ACCUMULATION)
        h.nrn_load_dll(str(tmp_path))
        far.insert("kacc")
    h.finitialize(-70)
    cvode.solve(1)
    if way in {"fixed", "variable"}:
        far.ko = 10
        cvode.re_init()
        cvode.solve(2)
    assert [far.v, far.ko] == pytest.approx([v, ko], rel=1e-7)
    assert near.ko == pytest.approx(k[ecs].node_by_location(4, 0, 0).value, rel=1e-12) != 5


def test_reactions_across_other_membranes_do_not_need_the_box():
    """Numbers: NEURON 9.0.2."""
    near, far, ecs = beside()
    cyt = rxd.Region([near, far], nrn_region="i", geometry=rxd.FractionalVolume(0.8, surface_fraction=1))
    store = rxd.Region([near, far], geometry=rxd.FractionalVolume(0.2))
    membrane = rxd.Region([near, far], geometry=rxd.FixedPerimeter(1))
    k = rxd.Species(ecs, name="k", d=1, charge=1, initial=5)
    ca = rxd.Species([cyt, store], name="ca", charge=2, initial=lambda node: 1e-3 if node.region is store else 1e-4)
    leak = rxd.MultiCompartmentReaction(ca[store], ca[cyt], 1000, 1000, membrane=membrane)
    h.finitialize(-70)
    for _ in range(40):
        h.fadvance()
    found = [near.v, near.ko, far.v, far.ko, far.cai]
    wanted = [-64.32472254101897, 4.999867612457279, -66.2641598486262, 2.5, 0.00010003716086461662]
    assert found == pytest.approx(wanted, rel=1e-9)
    assert k is not leak


def test_a_section_is_cut_at_the_side_of_a_box_as_long_as_an_ion_is_there(session):
    dend, ecs = h.Section(name="dend"), box()
    for x in (-100, 100):
        dend.pt3dadd(x, 0, 0, 3)
    dend.nseg = 5
    x = rxd.Species(ecs, initial=8, charge=1)

    def pieces():
        h.finitialize(-65)
        return len(session.chemistry.cutting.layout.morphology.names)

    found = [pieces()]
    x.name = "k"
    found.append(pieces())
    x.regions = rxd.Region([dend], name="cyt")
    found.append(pieces())
    x.regions = ecs
    assert [*found, pieces()] == [1, 5, 1, 5]


@pytest.mark.parametrize("order", [1, -1])
def test_a_section_half_in_the_box_shares_half_of_its_segments(order):
    """Numbers: NEURON 9.0.2."""
    dend, far = h.Section(name="dend"), h.Section(name="far")
    for x, sec in [(0, dend), (500, far)][::order]:
        sec.pt3dadd(x, 0, 0, 3)
        sec.pt3dadd(x + 100, 0, 0, 3)
        sec.nseg = 4
        sec.insert("hh")
    ecs = rxd.Extracellular(-50, -50, -50, 50, 50, 50, dx=10, volume_fraction=0.2, tortuosity=1.6)
    k = rxd.Species(ecs, name="k", d=2.62, charge=1, initial=8)
    h.finitialize(-70)
    for _ in range(40):
        h.fadvance()
    assert [seg.ko for seg in dend] == pytest.approx([7.9996662747046035, 7.999666223973342, 2.5, 2.5], rel=1e-10)
    assert [dend(0.9).v, far.v, far.ko] == pytest.approx([-64.655433559794, -66.26415984862615, 2.5], rel=1e-10)
    assert sum(k.nodes.concentration) == pytest.approx(7999.999311380583, rel=1e-12)
    dend(0.9).ko = 10
    for _ in range(40):
        h.fadvance()
    assert [dend(0.1).v, dend(0.9).v] == pytest.approx([-57.55963937019813, -57.56317075966381], rel=1e-9)
    assert [seg.ko for seg in dend] == pytest.approx([7.999386617219414, 7.999386587186803, 2.5, 10], rel=1e-9)


def test_a_section_on_the_last_side_of_the_box_shows_the_voxel_it_exchanges_with():
    side, inner = h.Section(name="side"), h.Section(name="inner")
    for x, sec in ((20, side), (15, inner)):
        sec.pt3dadd(x, -5, 3, 4)
        sec.pt3dadd(x, 5, 3, 4)
        sec.insert("hh")
    ecs = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=10)
    k = rxd.Species(ecs, name="k", d=0, charge=1, initial=8)
    h.finitialize(-70)
    for _ in range(40):
        h.fadvance()
    there = k[ecs].node_by_location(20, 0, 3).concentration
    assert 7.9 < there < 8
    assert [side.ko, inner.ko] == [there, there]


def test_finitialize_sets_styles_of_ions_that_are_species():
    """In NEURON 9.0.2 `h.ion_style` gives these, too, and v is -58.4248, -62.6058: ek of the other section follows from ko."""
    near, far, ecs = beside()
    k = rxd.Species(ecs, name="k", d=1, charge=1, initial=4)
    cyt = rxd.Region([near], nrn_region="i")
    na = rxd.Species(cyt, name="na", charge=1, initial=10)
    for ion in ("k_ion", "na_ion"):
        for sec in (near, far):
            h.ion_style(ion, 3, 1, 0, 0, 0, sec=sec)

    def styles():
        return [h.ion_style(ion, sec=sec) for ion in ("k_ion", "na_ion") for sec in (near, far)]

    h.finitialize(-60)
    assert styles() == [119, 119, 119, 11]
    assert far.ek == pytest.approx(-74.1717, abs=1e-4)
    for _ in range(20):
        h.fadvance()
    assert far.v == pytest.approx(-62.6058, abs=1e-4)
    for sec in (near, far):
        h.ion_style("k_ion", 3, 1, 0, 0, 0, sec=sec)
    h.finitialize(-60)
    assert styles() == [11, 11, 119, 11]  # of boxes only if there are other sections
    far.nseg = 3
    h.finitialize(-60)
    assert styles() == [119, 119, 119, 11]
    assert (k, na) is not None
