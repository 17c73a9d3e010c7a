"""What published models in hoc files do: data in the files themselves, arrays along sections, statements called by spikes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rxd.neuron import HocError, h
from rxd.neuron.engine.taps import tap
from rxd.neuron.hoc.parser import HocSyntaxError

MODS = {
    "layers": """
NEURON { SUFFIX layers RANGE c, k }
PARAMETER { k[2] = 1 }
ASSIGNED { v }
STATE { c[3] }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { c[0]' = -k[0]*c[0]  c[1]' = -k[1]*c[1]  c[2]' = 0 }
""",
    "stepped": """
NEURON { SUFFIX stepped RANGE m }
PARAMETER { celsius dt }
ASSIGNED { v mexp minf }
STATE { m }
INITIAL { look(v) m = 0 }
BREAKPOINT { SOLVE step }
PROCEDURE step() { look(v) m = m + mexp*(minf - m) }
PROCEDURE look(v) { LOCAL a
    TABLE mexp, minf DEPEND dt, celsius FROM -100 TO 100 WITH 400
    if (fabs(v + 40) > 1e-6) { a = 0.1*(v + 40)/(1 - exp(-(v + 40)/10)) } else { a = 1 }
    mexp = 1 - exp(-dt*2^((celsius - 6)/10)*(a + 0.3))
    minf = a/(a + 0.3)
}
""",
}

pytestmark = pytest.mark.usefixtures("mods")


def test_a_file_reads_the_numbers_that_stand_in_it(mods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mods / "cell.hoc").write_text(
        """create soma, dend[2]   // a cell, its points behind the call
strdef word
proc geometry() { local i, n
    soma {
        n = fscan()
        for i = 1, n pt3dadd(fscan(), fscan(), fscan(), fscan())
    }
    for i = 0, 1 {
        soma connect dend[i] (0), fscan()
    }
}
geometry()
SOMA COORDINATES AND DIAMETERS:
  3
 -1.5 0 0  4   a b2
 -1 0 0 4.5e0
  2 0 0 +5
ENDS: 1 0.5
getstr(word, 1)
basta  if (1) { print "on" } \\
else { print "off" }
if (0) { print "wrong" }
else print "right"
dend[1] { nseg = 9/2 }
soma print n3d(), word
"""
    )
    assert h.load_file("cell.hoc") == 1
    points = [[f(i) for f in (h.soma.x3d, h.soma.y3d, h.soma.z3d, h.soma.diam3d)] for i in range(h.soma.n3d())]
    np.testing.assert_array_equal(points, [[-1.5, 0, 0, 4], [-1, 0, 0, 4.5], [2, 0, 0, 5]])
    assert [h.dend[i].parentseg().x for i in range(2)] == [1, 0.5]
    assert h.dend[1].nseg == 4  # hoc cuts off
    assert capsys.readouterr().out.split() == ["5", "on", "right", "3", "basta"]


def test_what_stands_before_an_error_has_run(mods: Path) -> None:
    (mods / "half.hoc").write_text("a = 1\nproc f() {\n a = 2\n}\nf()\na = = 2\na = 3\n")
    with pytest.raises(HocSyntaxError, match=r"half\.hoc, line 6"):
        h.load_file("half.hoc")
    assert h.a == 2
    (mods / "none.hoc").write_text("b = fscan()\nno number\n")
    with pytest.raises(HocError, match="EOF in fscan"):
        h.load_file("none.hoc")


def test_arrays_along_sections() -> None:
    h("create a[2]\naccess a[1]\nnseg = 3\ninsert extracellular")

    def shown(name: str) -> list[list[float]]:
        return [[getattr(segment, name)[i] for segment in h.a[1]] for i in range(2)]

    h("{ xg = 4 xg[1] = 9 xg(0.5) = 2 }")
    assert shown("xg") == [[4, 2, 4], [9, 9, 9]]
    h("for i = 0, 1 for (x, 0) a[1].xraxial[i](x) = 6 + i")
    assert shown("xraxial") == [[6] * 3, [7] * 3]
    h("{ xc[1](0:1) = 1:4 xg += 1 }")
    assert shown("xc") == [[0] * 3, [1.5, 2.5, 3.5]]
    assert h("z = xg[1](0.1) + xg + a[1].xc[1](0.9)")
    assert h.z == 9 + 3 + 3.5
    assert h("objref v\nv = new Vector()\nv.record(&vext[0](0.5))")
    assert not h("xg[2] = 1")  # there are two
    assert not h("a[0].xg = 1")  # it is not inserted there
    assert not h("access a[0]\nxg = 1")
    with pytest.raises(AttributeError, match="xg"):
        h.xg  # noqa: B018 - it has not become a variable of its own
    h("insert layers\nk_layers[1] = 5\na[0].c_layers[2] = 0.5")
    assert [h.a[0].k_layers[i] for i in range(2)] == [1, 5]
    assert h("z = k_layers[1](0.5) + c_layers[2]")
    assert h.z == 5.5
    found = {variable.name(): variable for variable in h.a[0](0.5).layers}
    assert [len(found[name]) for name in ("k_layers", "c_layers")] == [2, 3]
    found["c_layers"][-1] = 7
    assert (h.a[0](0.5).layers.c[2], found["c_layers"][2]) == (7, 7)
    assert {"xg", "vext", "e_extracellular"} <= {variable.name() for variable in h.a[1](0.5).extracellular}


def test_statements_are_called_in_their_object() -> None:
    h(
        """begintemplate Counting
public n, begun, at, set, nc, soma
objref nc, nil, begin, cv
create soma
proc init() { n = 0 soma { insert hh nc = new NetCon(&v(0.5), nil) }
    nc.record("spike()", this)
    begin = new FInitializeHandler("begun = 5", this)
}
proc spike() { n += 1 at = t }
endtemplate Counting
objref one, stim, cvode
one = new Counting()
one.soma stim = new IClamp(0.5)
{ stim.del = 1 stim.dur = 1 stim.amp = 2000 }
cvode = new CVode()
proc late() { cvode.event(3, "begun = begun + 1", one) }
objref handler
handler = new FInitializeHandler("late()")"""
    )
    h.finitialize(-65)
    h.continuerun(5)
    assert (h.one.n, h.one.begun) == (1, 6)
    assert 1 < h.one.at < 3
    h('access one.soma\nobjref plain, nil\nplain = new NetCon(&v(0.5), nil)\nseen = 0\nplain.record("seen = t")')
    h.finitialize(-65)
    h.continuerun(5)
    assert h.seen == h.one.at


def test_a_step_from_a_table_is_the_exponential_step() -> None:
    section = h.Section(name="s")
    section.insert("stepped")
    clamp = h.SEClamp(section(0.5))
    clamp.dur1, clamp.amp1, clamp.rs = 100, -37.3, 1e-9
    h.celsius = 16
    h.finitialize(-37.3)
    h.continuerun(5)

    def of(u: float) -> tuple[float, float]:
        a = 0.1 * (u + 40) / (1 - np.exp(-(u + 40) / 10)) if abs(u + 40) > 1e-6 else 1.0
        return 1 - np.exp(-h.dt * 2 * (a + 0.3)), a / (a + 0.3)

    (low, start), (high, stop) = of(-37.5), of(-37.0)
    factor, goal, m = low + 0.4 * (high - low), start + 0.4 * (stop - start), 0.0
    for _ in range(200):
        m += factor * (goal - m)
    assert section(0.5).stepped.m == pytest.approx(m, rel=1e-7)


def test_what_no_step_changes_is_recorded_in_the_loop() -> None:
    section = h.Section(name="s")
    section.insert("hh")
    pointers = [section(0.5)._ref_ki, section(0.5)._ref_ena, section(0.5)._ref_gnabar_hh, section(0.5)._ref_v]
    vectors = [h.Vector().record(pointer) for pointer in pointers]

    def change() -> None:
        section.ki, section.gnabar_hh = 60, 0.2

    handler = h.FInitializeHandler(lambda: h.CVode().event(2, change))
    h.finitialize(-65)
    engine = handler and h.cas().record.session.run.engine
    assert all(tap(engine, pointer) is not None for pointer in pointers)
    h.continuerun(4)
    assert len(vectors[0]) == len(vectors[3]) == 161
    assert [vectors[0][i] for i in (0, 80, 81, 160)] == [54.4, 54.4, 60, 60]
    assert [vectors[2][i] for i in (0, 80, 81, 160)] == [0.12, 0.12, 0.2, 0.2]
    assert set(vectors[1]) == {50.0}


SESSION = """objectvar ocbox_
{ load_file("pointman.hoc") }
{ soma ocbox_ = new PointProcessManager(0) }
{object_push(ocbox_)}
{
mt.select("ExpSyn") i = mt.selected()
ms[i] = new MechanismStandard("ExpSyn")
ms[i].set("tau", 0.2, 0)
maction(i)
mt.select("IClamp") i = mt.selected()
ms[i] = new MechanismStandard("IClamp")
ms[i].set("del", 0.5, 0)
ms[i].set("dur", 0.7, 0)
ms[i].set("amp", 3, 0)
mt.select("IClamp") i = mt.selected() maction(i)
hoc_ac_ = 0.9
sec.sec move() d1.flip_to(0)
}
{object_pop() doNotify()}
{ ocbox_ = ocbox_.v1 ocbox_.map("PointProcessManager", 102, 475, 208, 326) }
{ load_file("electrod.hoc") }
{
ocbox_=new Electrode(0)
execute("can_locate=1 sec=\\"soma\\" xloc=0.1 locate(0)", ocbox_)
execute("vc.dur[1]=4 vc.amp[1]=20", ocbox_)
execute("stim.del=2 stim.dur=0.1 stim.amp=0.25", ocbox_)
execute("vcsteps=5", ocbox_)
execute("samp=stim.amp  store_vclamp() glyph()", ocbox_)
ocbox_ = ocbox_.v1
}
{ ocbox_ = NumericalMethodPanel[0] }
{object_push(ocbox_)}
{
atol_ = 0.01  CVode[0].atol(atol_)
restore(1311, 1)
 atoltool_ = new AtolTool()
    ats("v", 10)
    ats("vext", 5)
    ats("Vector", -1)
 atoltool_.scales()
}
{object_pop()}
{ movierunpanel(0) ocbox_ = movierunbox ocbox_.map("Movie Run", 1, 2, 3, 4) }
objref ocbox_
i = 5
"""


SINGLE = """objectvar ocbox_
{ load_file("single.hoc") }
ocbox_ = new SingleCompartment(0)
ocbox_.inserter = new Inserter(0)
{object_push(ocbox_.inserter)}
{
mt.select("pas") i = mt.selected()
ms[i] = new MechanismStandard("pas")
ms[i].set("g_pas", 0.002, 0)
mstate[i]= 1
maction(i)
mt.select("hh") i = mt.selected()
ms[i] = new MechanismStandard("hh")
mstate[i]= 1
maction(i)
mstate[i]= 0
maction(i)
}
{object_pop() doNotify()}
{object_push(ocbox_)}
{inserter.v1.map()}
{endbox()}
{object_pop() doNotify()}
{ ocbox_ = ocbox_.vbox ocbox_.map("SingleCompartment", 12, 105, 91.2, 96) }
objref ocbox_
"""


def test_sessions_make_a_single_compartment() -> None:
    assert h(SINGLE)
    soma = h.soma
    assert (soma.diam, soma(0.5).area(), soma.g_pas) == pytest.approx((10, 100, 0.002))
    assert not h.ismembrane("hh", sec=soma)


def test_sessions_put_their_electrodes_into_the_model(mods: Path) -> None:
    (mods / "rig.ses").write_text(SESSION)
    h("create soma\naccess soma\nnseg = 5")
    assert h.load_file("rig.ses") == 1
    first, second = h.IClamp[0], h.IClamp[1]
    assert (first.delay, first.dur, first.amp, first.get_segment()) == (0.5, 0.7, 3, h.soma(0.9))
    assert (second.delay, second.dur, second.amp, second.get_segment()) == (2, 0.1, 0.25, h.soma(0.1))
    clamp = h.VClamp[0]
    assert (list(clamp.dur), list(clamp.amp), clamp.get_segment()) == ([-1] * 3, [-65, 20, -65], h.soma(0.1))
    assert len(h.List("ExpSyn")) == 0  # another took its place
    solver = h.CVode()
    assert (solver.active(), solver.use_local_dt(), solver.atol(), solver.atolscale("v"), solver.atolscale("vext")) == (
        1,
        1,
        0.01,
        10,
        5,
    )
    assert h.i == 5  # outside of the object again
    assert not h("object_push(5)")
    assert not h("x = NetStim[3]")


def test_names_in_a_file_are_relative_to_where_it_lies(mods: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mods / "model" / "cells").mkdir(parents=True)
    (mods / "model" / "init.hoc").write_text('help ?0 Model\nload_file("cells/one.hoc")\nload_file("two.hoc")\ncreate a\n')
    (mods / "model" / "cells" / "one.hoc").write_text(
        'one = 1\ncreate soma\naccess soma\ninsert stepped\nxopen("$(PARTS)/p.hoc")\n'
    )
    (mods / "model" / "two.hoc").write_text("two = one + 1\n")
    (mods / "parts").mkdir()
    (mods / "parts" / "p.hoc").write_text("part = 5\n")
    monkeypatch.setenv("PARTS", str(mods / "parts"))
    monkeypatch.setenv("HOC_LIBRARY_PATH", str(mods / "parts"))
    assert h.load_file("model/init.hoc") == 1
    assert (h.one, h.two, h.part, h.getcwd().rstrip("/")) == (1, 2, 5, str(mods))
    assert h.soma.has_membrane("stepped")  # of the folder where it all began
    h.part = 0
    assert (h.load_file("p.hoc"), h.part) == (1, 5)
    assert h.load_file("nowhere.hoc") == 0


def test_object_variables_are_passed_by_reference(capsys: pytest.CaptureFixture[str]) -> None:
    h(
        """objref a, list, x, arr[3], nil
list = new List()
proc give() { $o1 = new Vector($2) }
begintemplate Holder
public o, set
objref o
proc init() { give(o, 2) }
proc give() { $o1 = new Vector($2) }
proc set() { $o2 = new Vector($1) }
endtemplate Holder
give(a, 3)
give(arr[1], 4)
x = new Holder()
print a.size(), arr[1].size(), x.o.size()
{ x.set(6, a) }
give(x.o, 7)
print a.size(), x.o.size()
proc outer() { localobj q
    give($o1, 8)
    give(q, 9)
    print q.size()
}
outer(a)
print a.size()
for i = 1, 3 { give(x, i) list.append(x) }
iterator each() { local i
    for i = 0, $o2.count - 1 { $o1 = $o2.object(i) iterator_statement }
}
x = nil
y = 0
for each(x, list) { print x.size() }
for case(&y, 1, 2.5) { print y }"""
    )
    assert capsys.readouterr().out.split() == ["3", "4", "2", "6", "7", "9", "8", "1", "2", "3", "1", "2.5"]
    kept = h.a
    h.give(h.a, 5)  # a call from Python has no variable to give
    assert h.a.size() == 8
    assert kept.size() == 8


def test_names_that_code_assigns_to_are_zero_before() -> None:
    h("begintemplate Counter\npublic more\nfunc more() { n += 1 return n }\nendtemplate Counter\nobjref c\nc = new Counter()")
    assert [h.c.more(), h.c.more()] == [1, 2]
    assert h("func less() { m -= 1 return m }")
    assert h.less() == -1
    assert not h("z = never  // = 3")


def test_runs_of_points_are_taken_at_once(mods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = [(-1.5, 0.25 * i, 1e-3 * i, 2.0 + i) for i in range(9)]
    lines = [f"  pt3dadd({x}, {y},\t{z} ,{d})" for x, y, z, d in points]
    (mods / "cell.hoc").write_text(
        "create a, b, c\naccess a\n"
        + "\n".join(lines[:5])
        + "\nproc shape() {\n b {pt3dclear()\n"
        + "\n".join(lines)
        + "\n}\n}\n"
        "{shape() shape()}\nc pt3dadd(1,2,3,4)\n" + "\n".join(lines[5:9]) + "\nb { print n3d() }\nnot_there\n"
    )
    with pytest.raises(HocError, match="not_there"):
        h.load_file("cell.hoc")
    assert [[section.x3d(i), section.y3d(i), section.z3d(i), section.diam3d(i)] for section in (h.b,) for i in range(9)] == [
        list(point) for point in points
    ]
    assert (h.a.n3d(), h.b.n3d(), h.c.n3d()) == (9, 9, 1)  # what is added to c is one point
    assert capsys.readouterr().out.split() == [*["1"] * 5, *["1"] * 4, "9"]
    broken = "create d\naccess d\n" + "\n".join(lines) + "\nx = = 3\n"
    (mods / "broken.hoc").write_text(broken)
    with pytest.raises(HocSyntaxError, match="line 12"):
        h.load_file("broken.hoc")


CELLS = """
begintemplate Cell
public soma, synlist, connect2target
create soma
objref synlist
proc init() {
    soma { L = 10  diam = 10  insert hh }
    synlist = new List()
    soma synlist.append(new ExpSyn(0.5))
}
obfunc connect2target() { localobj made
    soma made = new NetCon(&v(0.5), $o1)
    made.threshold = -10
    if (numarg() == 2) $o2 = made
    return made
}
endtemplate Cell
begintemplate Wrapped
public pp, connect2target
objref pp
proc init() { pp = new IntFire1() }
obfunc connect2target() { localobj made
    made = new NetCon(pp, $o1)
    if (numarg() == 2) $o2 = made
    return made
}
endtemplate Wrapped
"""


def test_a_network_of_numbered_cells(capfd: pytest.CaptureFixture[str]) -> None:
    h.load_file("stdrun.hoc")
    h.load_file("netparmpi.hoc")
    h(CELLS)
    net = h.ParallelNetManager(4)
    assert (net.ncell, net.myid, net.nhost, net.gid_exists(0)) == (4, 0, 1, 0)
    net.round_robin()
    assert [net.gid_exists(gid) for gid in range(5)] == [1, 1, 1, 1, 0]
    first = h.Cell()
    net.register_cell(0, first)
    second = net.create_cell(1, "new Cell()")
    net.create_cell(2, "new Wrapped()")
    net.register_cell(3, h.IntFire1())
    assert second.hname() == "Cell[1]"
    assert net.pc.gid2obj(1) == second
    assert [net.gid_exists(gid) for gid in range(4)] == [3, 3, 3, 3]  # as NEURON
    assert len(net.cells) == 4
    for source, target, synapse, weight, delay in (
        (0, 1, 0, 0.05, 2),
        (1, 2, -1, 1.1, 2),
        (2, 3, -1, 1.1, 3),
        (3, 0, 0, 0.05, 1),
    ):
        assert net.nc_append(source, target, synapse, weight, delay) == source
    assert net.nc_append(0, 9, 0, 1, 1) == -1  # nobody there
    with pytest.raises(HocError, match="cell 3 is artificial and has no synapse 0: give -1"):
        net.nc_append(0, 3, 0, 1, 1)
    with pytest.raises(HocError, match="splitcell"):
        net.splitcell(0, 1)
    net.set_maxstep(100)
    net.want_all_spikes()
    begin = h.NetStim()
    begin.start = begin.number = 1
    onto = h.NetCon(begin, first.synlist[0])
    onto.weight[0] = 0.05
    h.tstop = 12
    net.pinit()
    net.pcontinue(10)
    expected = [2.25, 4.5, 6.5, 9.5, 10.85]  # NEURON 9.0.2
    assert list(net.spikevec) == pytest.approx(expected[:4])
    net.prun()
    net.gatherspikes()
    assert list(net.spikevec) == pytest.approx(expected)
    assert list(net.idvec) == [0, 1, 2, 3, 0]
    net.prstat(1)
    assert "0 wait time 0" in capfd.readouterr().out
