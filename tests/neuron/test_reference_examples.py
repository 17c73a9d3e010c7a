"""What the examples of NEURON's reference of its Python interface do; numbers and texts are those NEURON 9.0.2 printed."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.neuron.errors import HocError, NotSupported


@pytest.fixture(autouse=True)
def session():
    with Session() as current:
        yield current


def test_random_that_plays_writes_a_new_number_at_the_start_of_every_step():
    soma = h.Section(name="soma")
    clamp = h.IClamp(soma(0.5))
    clamp.dur = 1e9
    random = h.Random()
    random.Random123(1, 2, 3)
    random.uniform(0, 1)
    random.play(clamp._ref_amp)
    assert clamp.amp == 0
    current = h.Vector().record(clamp._ref_i)
    h.finitialize(-65)
    seen = [clamp.amp]
    for _ in range(2):
        h.fadvance()
        seen.append(clamp.amp)
    numbers = [0.22910290974446038, 0.12487032890206429, 0.12655526885610183, 0.7785446087879724, 0.6557348895222566]
    assert seen == numbers[:3]
    h.load_file("stdrun.hoc")
    h.continuerun(0.1)
    np.testing.assert_allclose(current, numbers, rtol=1e-12)
    h.cvode.active(True)
    with pytest.raises(NotSupported, match="fixed steps"):
        h.fadvance()
    h.cvode.active(False)
    before = clamp.amp
    del random
    h.fadvance()
    assert clamp.amp == before


def test_pointers_into_arrays_show_the_elements_behind():
    vector = h.Vector([10, 11, 12, 13])
    pointer = vector._ref_x[1]
    assert pointer[1] == 12
    pointer[1] = 50
    assert list(vector) == [10, 11, 50, 13]
    with pytest.raises(IndexError, match="no element -2"):
        pointer[-2]
    with pytest.raises(IndexError, match="index 4"):
        pointer[3]
    h("double px[5], grid[2][3]")
    h.px[0], h.px[3] = 5, 2
    assert list(h.Vector().from_double(5, h._ref_px[0])) == [5, 0, 0, 2, 0]
    h._ref_grid[1][2][0] = 4
    assert h.grid[1][2] == 4
    assert repr(h.grid[1]) == "grid[1][?]"
    assert h.ref(3).hname() == "<hoc ref value 3.000000>"


def test_pointer_made_of_a_name_of_hoc():
    h("create soma")
    pointer = h.Pointer("soma.v(0.5)")
    assert pointer.s() == "soma.v(0.5)"
    pointer.val = -40
    assert h.soma(0.5).v == -40


def test_objects_of_every_class_by_their_numbers():
    shape, vector = h.Shape(False), h.Vector(3)
    assert h.Shape[0] is shape
    assert h.Vector[0] is vector
    with pytest.raises(IndexError, match=r"Shape\[3\]"):
        h.Shape[3]


def test_matrices_print_three_figures_and_solve_singular_systems(capsys):
    matrix = h.Matrix(2, 2)
    matrix.setval(0, 0, 11.753312)
    matrix.setval(1, 1, -1234567)
    matrix.printf()
    assert capsys.readouterr().out == " 11.8     0       \n 0        -1.23e+06\n"
    singular = h.Matrix(3, 3)
    for i in range(3):
        for j in range(3):
            singular.setval(i, j, i * j + 1)
    np.testing.assert_allclose(singular.solv(h.Vector([1, 2, 3])), [0.5, 0, 0.5], atol=1e-12)
    with pytest.raises(HocError, match="no inverse"):
        singular.solv(h.Vector([1, 2, 4]))
    wide = h.Matrix(5, 3).setdiag(0, h.Vector([3, 2, 1]))
    assert [wide.getval(i, i) for i in range(3)] == [3, 2, 1]


def test_handlers_of_initial_states_print_by_their_types(capsys):
    last, first = h.FInitializeHandler(3, "x = 1"), h.FInitializeHandler("y = 1")
    last.allprint()
    assert capsys.readouterr().out == (
        "Type 1 FInitializeHandler statements\n\ty = 1\nType 3 FInitializeHandler statements\n\tx = 1\n"
    )
    assert first.same(first)


def test_mechanisms_in_their_order_and_what_they_share():
    kinds, name = h.MechanismType(0), h.ref("")
    found = []
    for i in range(kinds.count()):
        kinds.select(i)
        kinds.selected(name)
        found.append(name[0])
    assert found == ["morphology", "capacitance", "pas", "extracellular", "na_ion", "k_ion", "hh"]
    shared = h.MechanismStandard("hh", -1)
    shared.name(name, 0)
    assert (shared.count(), name[0]) == (1, "usetable_hh")
    assert h.MechanismStandard("pas", -1).count() == 0
    with pytest.raises(HocError, match=r"h\.usetable_hh"):
        shared.get("usetable_hh")


def test_batches_write_a_line_for_each_interval(tmp_path):
    soma = h.Section(name="soma")
    h.batch_save()
    h.batch_save(h._ref_t, soma(0.5)._ref_v)
    h.finitialize(-65)
    file = tmp_path / "b.dat"
    h.batch_run(0.5, 0.2, str(file), "hi")
    assert file.read_text() == ("hi\nbatch_run from t = 0 to 0.5 in steps of 0.2 with dt = 0.025\n 0 -65\n 0.2 -65\n 0.4 -65\n")
    assert h.t == pytest.approx(0.5)


def test_what_is_printed_goes_into_a_file_for_a_while(tmp_path, capsys):
    soma = h.Section(name="soma")
    print("one")
    h.hoc_stdout(str(tmp_path / "out"))
    print("two")
    h.psection(sec=soma)
    h.hoc_stdout()
    print("three")
    assert capsys.readouterr().out == "one\nthree\n"
    assert (tmp_path / "out").read_text().startswith("two\nsoma {")


def test_picture_of_sections_joined_by_their_far_end(capsys):
    sections = [h.Section(name=f"s{i}") for i in range(3)]
    sections[1].connect(sections[0](0.5), 1)
    sections[2].connect(sections[1](1))
    h.topology()
    assert capsys.readouterr().out == ("\n|-|       s0(0-1)\n  `|       s1(1-0)\n  `|       s2(0-1)\n\n")


def test_windows_and_names_that_examples_use(tmp_path):
    h.axis(0, 10, 5, -1, 1, 2)
    h.plot(1)
    h.setcolor(3)
    h.graph()
    h.xopen("$(NEURONHOME)/lib/hoc/noload.hoc")
    h.Graph(False).addexpr("v(0.5)", 1, 1, sec=h.Section(name="soma"))
    name = h.ref("")
    h.machine_name(name)
    assert name[0]


def test_calls_at_one_place_follow_what_a_name_stands_for():
    h(
        """
        strdef out
        objref made, cells
        x = 3
        y = 4
        func f() { return 10 * $1 }
        proc place() { x = f(y) }
        proc swap() { local t  t = $&1  $&1 = $&2  $&2 = t }
        proc name() { $s1 = "changed" }
        proc give() { $o1 = new Vector($2) }
        func fib() { if ($1 < 2) { return $1 } else { return fib($1 - 1) + fib($1 - 2) } }
        begintemplate Own
        public get, twice, n
        func f() { return 100 * $1 }
        func get() { return f($1) + n }
        func twice() { return this.get($1) + get($1) }
        proc init() { n = $1 }
        endtemplate Own
        cells = new List()
        cells.append(new Own(1))
        cells.append(new Own(2))
        proc sum() { local i  x = 0  for i = 0, 1 { x += cells.o(i).get(i + 1) } }
        """
    )
    h.place()
    assert h.x == 40
    h("func f() { return -$1 }")
    h.place()  # the place that has been called before
    assert h.x == -4
    h("swap(&x, &y)")
    assert (h.x, h.y) == (4, -4)
    h('out = "before"\nname(out)\ngive(made, 3)')
    assert (h.out, h.made.size()) == ("changed", 3)
    assert h.fib(10) == 55
    h.sum()
    assert h.x == 100 + 1 + 200 + 2
    assert h.cells.o(1).twice(2) == 2 * 202
    h("proc wants() { x = $2 }")
    assert not h("wants(1)")
