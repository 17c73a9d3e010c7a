"""KSChan and ChannelBuild: channels that scripts put together; numbers are those of NEURON 9.0.2 where nothing else is said."""

from __future__ import annotations

import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError, NotSupported

pytestmark = pytest.mark.usefixtures("session")


def cell():
    soma = h.Section(name="soma")
    soma.L, soma.diam = 3.18, 10
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 0.1, 0.3
    h.usetable_hh = 0
    return soma, clamp


def course(soma, stop=10):
    v = h.Vector().record(soma(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(stop)
    return v


def chain(point, name):
    """The potassium channel of hh as a chain of five states."""
    channel = h.KSChan(point)
    channel.name(name)
    channel.ion("k")
    channel.gmax(0.036)
    gate = None
    for k in range(5):
        state = channel.add_ksstate(gate, f"n{k}")
        gate = state.gate()
    state.frac(1)
    for k in range(4):
        one = channel.add_transition(k, k + 1)
        one.set_f(0, 3, h.Vector([0.1 * (4 - k), 0.1, -55]))
        one.set_f(1, 2, h.Vector([0.125 * (k + 1), -0.0125, -65]))
    return channel


def test_potassium_channel_of_the_builder_is_that_of_hh():
    soma, _clamp = cell()
    expected = course(soma).to_python()
    builder = h.ChannelBuild()
    builder.khh()
    soma.insert("khh")
    assert soma.gmax_khh == 0
    soma.gkbar_hh, soma.gmax_khh = 0, 0.036
    assert course(soma).to_python() == pytest.approx(expected, abs=1e-9)
    # a number in the Vector that a rate is made of counts at once, and so does a power
    builder.ks.trans(0).parm(0).x[0] = 0.2
    assert course(soma)[80] == pytest.approx(-73.701014659, abs=1e-8)
    builder.ks.gate(0).power(3)
    assert course(soma)[80] == pytest.approx(-75.151602168, abs=1e-8)
    h.finitialize(-65)
    h.fadvance()
    before = soma(0.5).khh.n
    builder.ks.trans(0).parm(0).x[0] = 0
    for _ in range(2):
        h.fadvance()
    assert soma(0.5).khh.n < before


def test_chain_of_states_as_density_and_as_point_process():
    soma, _clamp = cell()
    density, point = chain(0, "kden"), chain(1, "kpoint")
    spot = h.kpoint(soma(0.5))
    soma.gkbar_hh, spot.gmax = 0, 0.018
    v = course(soma)
    assert (v.max(), v[80]) == pytest.approx((44.620980249, 2.443697572), abs=1e-6)
    assert spot.i == pytest.approx(0.0033975572534565, rel=1e-6)
    soma.insert("kden")
    soma.gmax_kden = 0.018
    v = course(soma)
    assert (v.max(), v[80]) == pytest.approx((40.783030158, -14.094651147), abs=1e-6)
    assert [density.nstate(), density.ntrans(), density.ngate(), point.is_point()] == [5, 4, 1, 1]
    with pytest.raises(HocError, match=r"kpoint is in use \(kpoint\[0\]\)"):
        point.ion("NonSpecific")


def test_ligand_ghk_current_and_a_barrier():
    """c and o and oo at rest: 1 : 0.6 : 0.6 r with r = exp(4 e (v - vhalf) / kT)."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.insert("pas")
    soma.e_pas = -65
    channel = h.KSChan()
    channel.name("kca")
    channel.ion("k")
    channel.iv_type(2)
    channel.gmax(1e-5)
    channel.add_hhstate("m").gate().power(2)
    closed = channel.add_ksstate(None, "c")
    opened = [channel.add_ksstate(closed.gate(), name) for name in ("o", "oo")]
    opened[0].frac(0.5)
    opened[1].frac(1)
    barrier, binding = channel.add_transition(*opened), channel.add_transition(closed, opened[0])
    barrier.type(1)
    barrier.set_f(0, 5, h.Vector([0.5, -20, 4, 0.3, 0.2]))
    barrier.set_f(1, 6, barrier.parm(0))
    binding.set_f(0, 1, h.Vector([30]))
    binding.set_f(1, 1, h.Vector([0.5]))
    h.ion_register("ca", 2)
    binding.type(3, "cai")
    binding.stoichiometry(2)
    channel.trans(0).set_f(0, 4, h.Vector([1, -0.1, -30]))
    channel.trans(0).set_f(1, 1, h.Vector([0.3]))
    soma.insert("kca")
    assert soma.pmax_kca == 1e-5
    soma.cai = 0.1
    h.celsius = 20
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 5, 0.1
    v = h.Vector().record(soma(0.5)._ref_v)
    h.finitialize(-65)
    here = soma(0.5).kca
    assert (here.c, here.oo, here.m) == pytest.approx((0.6248115244, 0.00030156090937, 0.08901045273805), abs=1e-8)
    assert (here.p, here.i) == pytest.approx((1.4874776074672e-08, 6.5997211673e-06), rel=1e-6)
    h.continuerun(6)
    assert (v[100], v[240]) == pytest.approx((-40.45195602637219, -34.35413198307056), abs=1e-6)
    assert (binding.ligand(), channel.ligand(0), binding.index(), barrier.index()) == ("cai", "ca_ion", 2, 1)
    assert (barrier.f(0, -10), barrier.f(1, -10)) == pytest.approx((0.829688883417425, 1.231914189677677))
    forward, backward = h.Vector(), h.Vector()
    barrier.ab(h.Vector([-50, 0]), forward, backward)
    assert list(forward) == pytest.approx([0.03160602769455925, 1.0184676238218748])
    assert list(backward) == pytest.approx([3.654153117013054, 0.042914363720189995])
    barrier.inftau(h.Vector([-50, 0]), forward, backward)
    assert list(backward) == pytest.approx([0.27131452727612476, 0.9421678639146567])


SESSION = """{load_file("chanbild.hoc", "ChannelBuild")}
{ion_register("na", 1)}
{ocbox_ = new ChannelBuild(1)}
{object_push(ocbox_)}
{genprop.set_data("nax", 1, 1, 4, "na")}
{genprop.set_defstr(0.12, 0)}
tobj = new ChannelBuildKSGate(this)
{gatelist.append(tobj)}
{tobj.begin_restore(1)}
{tobj.set_state("C1", 0, 130, 110)}
{tobj.set_state("C2", 0, 180, 110)}
{tobj.set_state("O", 1, 230, 110)}
{tobj.set_trans(0, 1, 0)}
{tobj.transitions.object(0).settype(0, "")}
{tobj1 = new Vector(3)  for (i=0; i < 3; i += 1) tobj1.x[i] = fscan() }
2
0.1
-40
{tobj.transitions.object(0).set_f(0, 3, tobj1)}
{tobj1 = new Vector(3)  for (i=0; i < 3; i += 1) tobj1.x[i] = fscan() }
4
-0.0555556
-65
{tobj.transitions.object(0).set_f(1, 2, tobj1)}
{tobj.set_trans(1, 2, 1)}
{tobj.transitions.object(1).settype(1, "")}
{tobj1 = new Vector(5)  for (i=0; i < 5; i += 1) tobj1.x[i] = fscan() }
1
-30
3
0.4
0.1
{tobj.transitions.object(1).set_f(0, 5, tobj1)}
{tobj.transitions.object(1).set_f(1, 6, tobj1)}
{tobj.end_restore()}
tobj = new ChannelBuildKSGate(this)
{gatelist.append(tobj)}
{tobj.begin_restore(1)}
{tobj.set_state("hh", 1, 130, 80)}
{tobj.set_trans(0, 0, 0)}
{tobj.transitions.object(0).settype(0, "")}
{tobj1 = new Vector(3)  for (i=0; i < 3; i += 1) tobj1.x[i] = fscan() }
0.07
-0.05
-65
{tobj.transitions.object(0).set_f(0, 2, tobj1)}
{tobj1 = new Vector(3)  for (i=0; i < 3; i += 1) tobj1.x[i] = fscan() }
1
-0.1
-35
{tobj.transitions.object(0).set_f(1, 4, tobj1)}
{tobj.end_restore()}
end_restore()
{genprop.set_single(0)}
{set_alias(0)}
{usetable(0)}
{object_pop()}
{
ocbox_.map("ChannelBuild[0] managed KSChan[0]", 100, 100, 300, 200)
}
objref ocbox_
"""


def test_session_of_the_channel_builder(tmp_path, capsys):
    path = tmp_path / "nax.ses"
    path.write_text(f"objectvar ocbox_\n{SESSION}")
    h.load_file(str(path))
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.insert("pas")
    soma.insert("nax")
    soma.e_pas = -65
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 2, 0.1
    h.celsius = 20
    v = course(soma, 8)
    assert (v.max(), v[100], v[300]) == pytest.approx((47.706790000, 45.207278405, -18.292791047), abs=3e-6)
    channel = h.ChannelBuild[0].ks
    assert [channel.state(i).name() for i in range(4)] == ["hh", "C1", "C2", "O"]
    capsys.readouterr()
    channel.pr()
    assert capsys.readouterr().out == PRINTED


PRINTED = """KSChan[0] type properties
name=nax is_point_=false ion_=na cond_model_=0
  ngate=2 nstate=4 nhhstate=1 nligand=0 ntrans=3 ivkstrans=1 iligtrans=3
  default gmax=0.12 erev=0
    gate 0 index=0 nstate=1 power=1
    gate 1 index=1 nstate=3 power=1
    trans 0 src=0 target=0 type=0
        f0 type=2   f1 type=4
    trans 1 src=1 target=2 type=0
        f0 type=3   f1 type=2
    trans 2 src=2 target=3 type=1
        f0 type=5   f1 type=6
    state names and fractional conductance
    0 hh 1
    1 C1 0
    2 C2 0
    3 O 1
"""


def test_parts_know_one_another_until_they_are_removed(capsys):
    channel = chain(0, "kden")
    first, second = channel.state(0), channel.state(1)
    assert channel.trans(first, second) is channel.trans(0)
    assert channel.trans(0).src() is first
    assert (first.gate().sindex(), first.gate().index(), channel.trans(0).ftype(0)) == (0, 0, 3)
    with pytest.raises(HocError, match="there is no transition from"):
        channel.trans(second, first)
    old = channel.trans(0)
    channel.remove_state(0)
    assert (channel.nstate(), channel.ntrans(), second.index()) == (4, 3, 0)
    for call in (first.name, old.index):
        with pytest.raises(HocError, match="deleted by KSChan"):
            call()
    assert second.name("n2") == "n20"
    other = h.KSChan()
    assert other.name("kden") == "kden0"
    assert "kden already in use" in capsys.readouterr().out
    for kind in (h.KSState, h.KSGate, h.KSTrans):
        with pytest.raises(HocError, match="except through KSChan"):
            kind()
    with pytest.raises(NotSupported, match="at random"):
        channel.single(1)
    added = channel.add_transition(0, 2)
    soma = h.Section(name="soma")
    with pytest.raises(HocError, match=r"n20 to n3\) has no function 0"):
        soma.insert("kden")
    channel.remove_transition(added)
    soma.insert("kden")
    with pytest.raises(HocError, match=r"sec.uninsert\('kden'\)"):
        channel.remove_state(0)


def test_structure_from_a_vector_and_rates_from_a_table():
    channel = h.KSChan()
    channel.setstructure(h.Vector([0, 2, 3, 1, 2, 0, 2, 0, 1, 3, 1, 1, 2, 1, 0, 1, 0, 0, 0, -1, 1, 2, 0, -1]))
    assert [channel.state(i).name() for i in range(3)] == ["s0", "s1", "s2"]
    assert (channel.gate(0).power(), channel.state(2).frac(), channel.trans(1).target().name()) == (3, 1, "s2")
    builder = h.ChannelBuild()
    builder.nahh()
    rate = builder.ks.trans(0)
    points, forward, backward = h.Vector().indgen(-80, 60, 0.1), h.Vector(), h.Vector()
    rate.ab(points, forward, backward)
    exact = rate.f(0, -12.34)
    rate.set_f(0, 7, forward, -80, 60)
    low, high = h.ref(0), h.ref(0)
    rate.parm(0, low, high)
    assert (low[0], high[0]) == (-80, 60)
    assert rate.f(0, -12.34) == pytest.approx(exact, rel=1e-5)
    soma, _clamp = cell()
    soma.gnabar_hh = 0
    soma.insert("nahh")
    soma.gmax_nahh = 0.12
    v = course(soma)
    assert (v.max(), v[80]) == pytest.approx((40.907408330, -14.226606047), abs=1e-8)
    builder.ks.usetable(1, 1000, -80, 60)
    assert (builder.ks.usetable(low, high), low[0], high[0]) == (1000, -80, 60)


def test_a_channel_that_is_not_finished_is_in_nobodys_way():
    """Who asks for an ion that nobody knows looks through all mechanisms there are, this one, too."""
    channel = h.KSChan()
    channel.name("begun")
    one = channel.add_ksstate(None, "c")
    transition = channel.add_transition(one, channel.add_ksstate(one.gate(), "o"))
    soma = h.Section(name="soma")
    with pytest.raises(ValueError, match="mg_ion"):
        soma.insert("mg_ion")
    with pytest.raises(HocError, match="mg_ion does not exist"):
        transition.type(3, "mgi")
    with pytest.raises(HocError, match=r"begun \(c to o\) has no function 0"):
        soma.insert("begun")
    for direction in (0, 1):
        transition.set_f(direction, 1, h.Vector([1]))
    soma.insert("begun")
    h.finitialize(-65)
    assert (soma(0.5).begun.c, soma(0.5).begun.o) == pytest.approx((0.5, 0.5), rel=1e-8)
