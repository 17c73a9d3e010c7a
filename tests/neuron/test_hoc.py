"""hoc code: what scripts pass to h("...")."""

from __future__ import annotations

import pytest

from rxd.neuron import HocError, h
from rxd.neuron.hoc import shapes
from rxd.neuron.hoc.parser import parse

pytestmark = pytest.mark.usefixtures("session")


def test_sections():
    assert h("create soma, dend[3]")
    assert h("access soma")
    assert h.cas().name() == "soma"
    assert h("soma { L=30 diam=3 insert hh gnabar_hh=0.2 }")
    assert (h.soma.L, h.soma.gnabar_hh) == (30, 0.2)
    assert h("connect dend[0](0), soma(1)")
    assert h("soma connect dend[1](0), 0.5")
    assert h.dend[1].parentseg() == h.soma(0.5)
    assert h("for i=0,2 dend[i].nseg=i*2+1")
    assert [sec.nseg for sec in h.dend] == [1, 3, 5]
    assert h("forall { Ra = 123 }")
    assert {sec.Ra for sec in h.allsec()} == {123}
    assert h("soma.gnabar_hh(0.1) = 0.4")
    assert h.soma(0.1).gnabar_hh == 0.4
    assert h('forsec "dend" nseg = 7')
    assert [sec.nseg for sec in h.allsec()] == [1, 7, 7, 7]
    assert h("soma insert pas")
    assert h.soma.has_membrane("pas")
    assert h("soma for (x, 0) { v(x) = -60 }")
    assert h.soma.v == -60


def test_variables_of_sections_are_read_at_places():
    h("create soma, dend[2]\naccess soma\nsoma { nseg=3 insert hh }")
    h("soma.v(0.5) = -50\nsoma.diam(0.5) = 3\nsoma.cm(0.2) = 2\ndend[1].v = -30")
    expected = {"soma.v(0.5)": -50, "soma.v(0.1)": -65, "soma.v": -50, "soma.diam(0.5)": 3, "soma.cm(0.2)": 2, "soma.cm": 1,
                "dend[1].v(0.7)": -30, "soma.gnabar_hh(0.5)": 0.12, "v(0.5)": -50, "soma.v(0.5) + soma.L": 50}  # fmt: skip
    for text, value in expected.items():
        assert h(f"x = {text}")
        assert h.x == value, text


def test_variables_and_functions():
    assert h("x = 3\ny = x^2 + 2*x - -1")
    assert (h.x, h.y) == (3, 16)
    assert h("func twice() { return $1*2 }\nproc set() { dt = $1 }")
    assert h.twice(4) == 8
    h.set(0.125)
    assert h.dt == 0.125
    assert h('strdef name\nname = "hello"')
    assert h.name == "hello"
    assert h("double a[3]\na[1] = 5")
    assert list(h.a) == [0, 5, 0]
    h.x = 7
    assert h("z = x % 4")
    assert h.z == 3


def test_control(capsys):
    code = """
    n = 0
    for (i = 0; i < 10; i += 1) {
        if (i == 2) continue
        if (i > 4) break
        n += i
    }
    while (n < 20) { n = n + 5 }
    if (n > 100 || !(n == 23)) { print "no" } else {
        print "n is ", n
    }
    """
    assert h(code)
    assert capsys.readouterr().out == "n is 23 \n"


def test_objects():
    assert h("objref vec\nvec = new Vector(3)\nvec.x[1] = 4")
    assert list(h.vec) == [0, 4, 0]
    assert h("create soma\nobjref stim\nsoma stim = new IClamp(0.5)\nstim.amp = 2")
    assert h.stim.amp == 2
    assert h.stim.get_segment().sec == h.soma


def test_templates():
    code = """
    begintemplate Cell
    public soma, init, size
    create soma
    proc init() { soma.L = $1 }
    func size() { return soma.L * 2 }
    endtemplate Cell
    """
    assert h(code)
    first, second = h.Cell(20), h.Cell(30)
    assert (first.soma.L, second.soma.L) == (20, 30)
    assert first.size() == 40
    assert first.soma.name() == "Cell[0].soma"
    assert second.soma.cell() is second


def test_points_of_a_section():
    assert h("create a\naccess a\npt3dclear()\npt3dadd(0,0,0,1)\npt3dadd(10,0,0,3)")
    assert (h.a.n3d(), h.a.L, h.a.diam) == (2, 10, 2)


def test_printf(capsys):
    assert h('{printf("%g %d|", 1.5, 3)}')
    assert capsys.readouterr().out == "1.5 3|"


def test_errors_are_told_and_answered_with_false(capsys):
    assert not h("syntax error here (")
    assert not h("nothing_of_the_kind()")
    told = capsys.readouterr().err
    assert "syntax error" in told
    assert "nothing_of_the_kind" in told


def test_syntax_errors_name_the_line():
    with pytest.raises(HocError, match="line 2"):
        parse("x = 3\ny = = 4\n")


def test_comments_and_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.hoc").write_text("// a comment\nq = 5 /* another\none */\nw = 2\n")
    assert h.load_file("model.hoc") == 1
    assert (h.q, h.w) == (5, 2)
    h.q = 9
    assert h.load_file("model.hoc") == 1  # once only
    assert h.q == 9
    h.load_file(1, "model.hoc")
    assert h.q == 5
    assert h.load_file("stdrun.hoc") == 1
    assert h.load_file("no such file.hoc") == 0


def test_statements_side_by_side(capsys):
    assert h("create axon\naxon { pt3dclear() pt3dadd(0,0,0,1) pt3dadd(10,0,0,2) insert pas g_pas = 1e-4 }")
    assert (h.axon.L, h.axon.g_pas) == (10, 1e-4)
    assert h("proc twice() { $&1 = 2 * $&1 }\n{z = 4 twice(&z) print z}")
    assert capsys.readouterr().out.endswith("8 \n")


def test_ranges_of_places():
    assert h("create soma\nsoma { nseg = 3 insert hh gnabar_hh(0:1) = 0.1:0.4 diam(0:1) = 10:4 }")
    assert [seg.gnabar_hh for seg in h.soma] == pytest.approx([0.15, 0.25, 0.35])
    assert [seg.diam for seg in h.soma] == pytest.approx([9, 7, 5])


def test_arrays_of_two_dimensions_and_range_variables_that_are_not_there(capsys):
    assert h("double m[2][3]\nm[1][2] = 5")
    assert (h.m[1][2], len(h.m[0])) == (5, 3)
    assert h("create a")
    assert not h("a gnabar_hh = 0.1")
    assert "hh is not inserted in a" in capsys.readouterr().err


def test_texts_are_passed_by_reference():
    assert h('strdef s, other\nsprint(s, "%d %s", 3, "x")')
    assert h.s == "3 x"
    code = 'p = 0\nq = 0\nproc name() { $s1 = "new" }\nname(other)\nsscanf("3.5 7 end", "%lf %d %s", &p, &q, s)'
    assert h(code)
    assert (h.s, h.other, h.p, h.q) == ("end", "new", 3.5, 7)


def test_what_a_template_assigns_is_its_own():
    assert h("x = 3\nbegintemplate Box\npublic x, other, add, this_one\nexternal total\nproc init() { x = $1 }\n"
             "proc add() { total = total + x }\nobfunc this_one() { return this }\nendtemplate Box\ntotal = 0")  # fmt: skip
    boxes = [h.Box(5), h.Box(7)]
    assert (h.x, boxes[0].x, boxes[1].x) == (3, 5, 7)
    boxes[1].add()
    assert h.total == 7
    assert boxes[0].this_one() is boxes[0]
    assert h.List("Box").count() == 2
    del boxes
    assert h.List("Box").count() == 0


def test_iterators_and_methods_without_parentheses(capsys):
    assert h("iterator case() { local i\nfor i = 2, numarg() {\n$&1 = $i\niterator_statement\n}\n}")
    assert h("x = 0\nfor case(&x, 1, 2, 4) { if (x == 2) continue\nprint x }")
    assert capsys.readouterr().out == "1 \n4 \n"
    assert h("create a, b\nconnect b(0), a(1)\nobjref ref\na ref = new SectionRef()\nprint ref.nchild, ref.has_parent")
    assert capsys.readouterr().out == "1 0 \n"


def test_procedures_of_the_run_can_be_defined_anew():
    assert h("create soma\nn = 0\nproc advance() { n = n + 1 fadvance() }\nproc init() { finitialize(-70) }\ntstop = 1\nrun()")
    assert h.n == 40
    assert h.soma(0.5).v == pytest.approx(-70)


def test_python_seen_from_hoc():
    assert h('objref py\npy = new PythonObject()\nnrnpython("answer = 6 * 7")\nseen = py.answer')
    assert h.seen == 42


def test_execute_within_a_template_is_at_top_level_unless_an_object_is_given(capsys):
    h("x = 1")
    code = 'execute("x = 7") execute1("~y = 8", 0) execute("~x = 5", this)'
    h(f"begintemplate Asks\npublic x\nproc init() {{ x = 2\n {code} }}\nendtemplate Asks")
    assert h.Asks().x == 5  # NEURON 9.0.2: 7 and 8 at top level, 5 in the object
    assert (h.x, h.y) == (7, 8)
    assert h.execute1("nothing = unheard_of(1)", 0) == 0  # and its message is not shown
    assert capsys.readouterr().err == ""


def test_what_fails_within_execute1_fails_alone(capsys):
    assert h('begintemplate Part\nobjref this, inner\nproc init() { if ($1 == 0) { execerror("too deep") }\n'
             'execute1("inner = new Part(0)", this) }\nendtemplate Part')  # fmt: skip
    part = h.Part(1)
    assert "too deep" in capsys.readouterr().err
    assert h.List("Part").count() == 1
    assert h.execute1("nothing = unheard_of(1)") == 0
    assert h.execute1("heard = 1") == h.heard == 1
    del part


def test_rxd_from_hoc():
    assert h(
        "objref py, rxd, cyt, x, rate, node\n"
        'nrnpython("from rxd.neuron import h, rxd")\n'
        "py = new PythonObject()\nrxd = py.rxd\n"
        "create soma\nsoma { nseg = 2 L = 20 }\n"
        'cyt = rxd.Region(py.h.allsec(), "i")\n'
        'x = rxd.Species(cyt, 0, "x", 1, 0.5)\n'
        "rate = rxd.Rate(x, x.__mul__(-0.1))\n"
        "dt = 0.1\nfinitialize(-65)\ncontinuerun(1)\n"
        "node = x.nodes._[1]\nfound = node.value"
    )
    assert h.found == h.soma(0.75).xi == pytest.approx(0.5 / 1.01**10, rel=1e-9)


def test_numbers_that_hardly_differ_are_equal(capsys):
    h("t = 0  for i = 1, 200 t += 0.025  print t > 5, t >= 5, t < 5, t <= 5, t == 5, t != 5, 1 == 1.000001")
    h("n = 0  for j = 1, t*2 { n += 1 }  print n")
    h("float_epsilon = 1e-3  print 1 == 1.0001, 1 != 1.0001")
    assert capsys.readouterr().out.split() == ["0", "1", "0", "1", "1", "0", "0", "10", "1", "0"]


def test_what_divides_is_evaluated_once():
    h("called = 0\nfunc four() { called += 1 return 4 }")
    h("quotient = 20 / four()\nrest = 7 % four()")
    assert (h.quotient, h.rest, h.called) == (5, 3, 2)


def test_both_sides_of_and_and_or_are_evaluated():
    """As in NEURON: a side that counts, or draws a random number, does so whatever the other is."""
    h("called = 0\nfunc four() { called += 1 return 4 }")
    h("one = 1 || four()\nnone = 0 && four()\nmany = (four() && 0) || four()")
    assert (h.one, h.none, h.many, h.called) == (1, 0, 1, 4)


def test_a_place_in_code_finds_what_its_names_mean_each_time():
    """Locals, variables of objects and of the session, and what is declared between two passages."""
    h("x = 1\nfunc seen() { return x * 2 }\nproc put() { x = $1 }")
    assert h.seen() == 2
    h("x = 5")
    assert h.seen() == 10
    h("func local_x() { local x\n x = $1\n x += 1\n return x }")
    assert (h.local_x(7), h.x) == (8, 5)
    h("begintemplate Own\npublic x, put, get\nproc put() { x = $1 }\nfunc get() { return x + 0.5 }\nendtemplate Own")
    h("objref one, two\none = new Own()\ntwo = new Own()\none.put(3)\ntwo.put(4)\nproc both() { a = one.get() b = two.get() }")
    h("both()")
    assert (h.a, h.b, h.x) == (3.5, 4.5, 5)
    h("one.put(-1)\nboth()")
    assert (h.a, h.b) == (-0.5, 4.5)
    h("func step() { return dt * 4 }\nproc slower() { dt = dt * 2 }")
    h.dt = 0.1
    h("slower()")
    assert (h.dt, h.step()) == (pytest.approx(0.2), pytest.approx(0.8))


def test_numbers_are_wanted_where_there_are_numbers(capsys):
    h("objref thing\nthing = new Vector(2)")
    for code in ("z = -thing", "z = 2 ^ thing", "z = 4 / thing", "z = 4 % thing"):
        assert not h(code)
        assert "a number is wanted, not Vector" in capsys.readouterr().err
    assert not h("z = 4 / (1 - 1)")
    assert "division by zero" in capsys.readouterr().err
    assert h("z = -7 % 3")
    assert h.z == 2
    assert not h("z = 7 % -3")
    assert "wants a b above 0, not -3" in capsys.readouterr().err


def test_texts_that_differ_in_numbers_alone_are_parsed_once(monkeypatch, capsys):
    read = []
    monkeypatch.setattr(shapes, "parse", lambda code, *rest: read.append(code) or parse(code, *rest))
    h("a2 = 2  strdef s1")
    for i in range(20):
        h(f"a1 = {i} + .{i}5e-1 * a2 - 1e{i % 4}  // not 7")
        assert h.a1 == i + float(f".{i}5e-1") * 2 - 10.0 ** (i % 4)
    assert len(read) == 2
    for i in (3, 4):  # digits in names, texts and arguments are no numbers
        h(f'sprint(s1, "{i}%g", {i})')
        h(f"proc f() {{ a{i} = ${i} + {i} }}")
        h("f(1, 2, 3, 4)")
        assert (h.s1, getattr(h, f"a{i}")) == (f"{i}{i}", 2 * i)
    assert len(read) == 2 + 2 + 2 + 1
    assert h("a1 = = 3") == 0
    assert "line 1" in capsys.readouterr().err


def test_a_text_that_comes_again_is_carried_out_anew():
    for size in (1, 5, 1):
        h(f"double many[{size}]")
        h("for i = 0, 0 { many[i] = 4 }")
        h("objref one")
        h("one = new Vector(3)")
        h(f"one.x[{size // 3}] = {size}")
        assert (h.one.x[size // 3], h.one.sum()) == (size, size)


@pytest.mark.parametrize(
    "name", ["run", "stdinit", "init", "setdt", "steprun", "advance", "fadvance", "fcurrent", "frecord_init"]
)
def test_procedures_let_further_arguments_be(name):
    """As all of hoc's do: bmtk calls `h.run(h.tstop)`."""
    h("create soma\ntstop = 0.1")
    h.finitialize(-65)
    getattr(h, name)(5)
    assert h.t == pytest.approx({"run": 0.1, "steprun": 0.025, "advance": 0.025, "fadvance": 0.025}.get(name, 0))
    h.finitialize(-65)
    h.continuerun(0.05, 7)
    assert h.t == pytest.approx(0.05)


def test_an_array_is_passed_by_its_first_element():
    h("double numbers[3]")
    h("proc put() { $&1 = 5  $&1[2] = $&1 + 1 }")
    assert h("put(&numbers)")
    assert list(h.numbers) == [5, 0, 6]
    assert h("put(&numbers[0])")


def test_names_that_neurons_library_declares():
    assert (h.tstr, h.tobj, h.tobj1, h.cnt) == ("", None, None, 0)
    assert h('tstr = "text"  cnt = 3  tobj = new Vector(2)')
    assert (h.tstr, h.cnt, len(h.tobj)) == ("text", 3, 2)
    section = h.Section(name="soma")
    h.finitialize(-65)
    h.nstep_steprun = 4
    h.step()
    assert h.t == pytest.approx(4 * h.dt)
    assert section.nseg == 1


def test_what_all_places_of_an_ion_share():
    shared, name, found = h.MechanismStandard("na_ion", -1), h.ref(""), []
    for number in range(int(shared.count())):
        shared.name(name, number)
        found.append(name[0])
    assert found == ["nai0_na_ion", "nao0_na_ion"]


def test_procedures_are_shown_by_their_names():
    """A notebook shows what a cell ends with; NEURON 9.0.2 shows these texts."""
    assert h("func next() { return $1 + 1 }")
    assert h("begintemplate Shown\npublic put\nproc put() { x = $1 }\nendtemplate Shown")
    cell = h.Shown()
    assert (repr(h.next), repr(cell.put), h.next(2)) == ("next()", f"{cell}.put()", 3)


def test_texts_that_hoc_passes_on_are_no_objects_of_hoc():
    """Where they are changed, the variable that they come from changes; functions in Python take them for texts."""
    assert h("strdef passed\nobjref py\npy = new PythonObject()")
    assert h('nrnpython("from rxd.neuron.hoc import HocObject\\ndef is_object(thing): return isinstance(thing, HocObject)")')
    assert h("objref some\nsome = new Vector(2)\nfrom_hoc = py.is_object(passed) + 2 * py.is_object(some)")
    assert h.from_hoc == 2


def test_other_names_of_variables_and_objects(session):
    h("""
    begintemplate Named
    public a, b
    proc init() { a = 5  b = 1 }
    endtemplate Named
    objref held
    func read_other() { return held.other }
    proc write_other() { held.other = $1 }
    """)
    thing, texts, vector = h.Named(), h.StringFunctions(), h.Vector([1, 2])
    texts.alias(thing, "other", thing._ref_a)
    texts.alias(thing, "numbers", vector)
    h.held = thing
    h.write_other(9)
    assert (thing.a, thing.other, h.read_other(), thing._ref_other[0]) == (9, 9, 9, 9)
    thing.other = 4
    assert (thing.a, thing.numbers) == (4, vector)
    assert [name.s for name in texts.alias_list(thing)] == ["other", "numbers"]
    texts.alias(thing, "other")
    assert not hasattr(thing, "other")
    texts.alias(thing)
    assert texts.alias_list(thing).count() == 0
    with pytest.raises(HocError, match="already a name"):
        texts.alias(thing, "a", thing._ref_b)
    with pytest.raises(HocError, match="not an object of a hoc template"):
        texts.alias(vector, "x", thing._ref_b)


def test_sections_in_two_dimensions(session):
    h("create dd[2][3]")
    assert [sec.name() for sec in h.allsec()] == [f"dd[{i}][{k}]" for i in range(2) for k in range(3)]
    h("dd[0][1] connect dd[1][2](0), 1\nconnect dd[1][1](0), dd[0][0](1)\ndd[1][2] nseg = 3\naccess dd[1][0]\nL = 33")
    assert (h.dd[1][2].nseg, h.dd[1][0].L) == (3, 33)
    assert (h.dd[1][2].parentseg(), h.dd[1][1].parentseg()) == (h.dd[0][1](1), h.dd[0][0](1))
    h("dd { L = 7 }")
    assert h.dd[0][0].L == 7
    h("""
    begintemplate Grid
    public d
    create d[2][2]
    proc init() { local i  for i = 0, 1 { connect d[i][1](0), d[i][0](1) } }
    endtemplate Grid
    objref cell
    cell = new Grid()
    """)
    assert h.cell.d[1][1].name() == "Grid[0].d[1][1]"
    assert h.cell.d[0][1].parentseg() == h.cell.d[0][0](1)


def test_sections_get_other_names(session, capsys):
    h("create first, second, third, fourth\nobjref many\nmany = new List()")
    one = h.SectionRef(sec=h.first)
    assert one.rename("other") == 0
    assert "first must first be unnamed" in capsys.readouterr().out
    assert one.unname() == 1
    assert [sec.name() for sec in h.allsec()] == ["", "second", "third", "fourth"]
    assert not hasattr(h, "first")
    assert one.rename("other") == 1
    assert h.other is one.sec
    for name in ("third", "fourth"):
        h(f"{name} many.append(new SectionRef())")
    assert [each.unname() for each in h.many] == [1, 1]
    assert h.many.object(0).rename("several", h.many) == 1
    assert [sec.name() for sec in h.allsec()] == ["other", "second", "several[0]", "several[1]"]
    assert h.several[1] is h.many[1].sec
    one.unname()
    with pytest.raises(HocError, match="already the name of something else"):
        one.rename("many")
    made = h.Section(name="made")
    assert (h.SectionRef(sec=made).unname(), h.SectionRef(sec=made).rename("x"), made.name()) == (0, 0, "made")


def test_names_of_sections_by_patterns(session, capsys):
    """Brackets stand for themselves, as in NEURON 9.0.2, which takes ranges of two digits for others."""
    h("create soma, dend[12], dend_x, apic[2], a1, axon, x_dend")

    def chosen(pattern):
        capsys.readouterr()
        h(f'forsec "{pattern}" print secname()')
        return capsys.readouterr().out.split()

    assert chosen("dend[") == [f"dend[{i}]" for i in range(12)]
    assert chosen("dend[<2-4>]") == ["dend[2]", "dend[3]", "dend[4]"]
    assert chosen("dend[<9-11>]") == ["dend[9]", "dend[10]", "dend[11]"]
    assert chosen("dend[1]") == ["dend[1]"]
    assert chosen("dend[1") == ["dend[1]", "dend[10]", "dend[11]"]
    assert chosen("^a.$") == ["a1"]
    assert chosen("soma|axon") == ["soma", "axon"]
    assert chosen("[ad]") == chosen("dend<1-3>") == chosen("dend[<5-3>]") == []
    patterns = ("dend", "dend[3]", "dend[<2-4>]", "dend[<a-b>]", "d.*3.")
    assert [h.issection(pattern, sec=h.dend[3]) for pattern in patterns] == [0, 1, 1, 0, 1]
    h('dend[3] ifsec "d[" print "here"')
    assert capsys.readouterr().out == "here\n"
    with pytest.raises(HocError, match="no regular expression"):
        h.issection("(", sec=h.soma)
    text = h.ref("")
    assert h.StringFunctions().head("dend[3]", "+", text) == -1
    assert h.StringFunctions().head("dend[3]", "[0-9]", text) == 5


def test_objects_that_functions_were_given_go_with_their_variables(capsys):
    """A clamp that a script had printed acted on after `objref clamp`, up to the next call with an object."""
    h(
        """create soma
access soma
objref clamp, all, list
all = new List("IClamp")
list = new List()
clamp = new IClamp(0.5)
print clamp
objref clamp
print all.count()
clamp = new IClamp(0.5)
{ list.append(clamp) list.remove(0) }
objref clamp
print all.count()
proc fill() { localobj made
    made = new IClamp(0.5)
    list.append(made)
    list.remove(0)
}
fill()
print all.count()
"""
    )
    assert capsys.readouterr().out.split() == ["IClamp[0]", "0", "0", "0"]
