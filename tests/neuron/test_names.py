"""NEURON's names: every one is there or says what to use, and objects say what they have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.missing import METHODS, MISSING

NAMES = (
    "Vector List Matrix Random File StringFunctions SectionList Impedance CVode ParallelContext Deck MechanismType Glyph "
    "SectionBrowser FInitializeHandler SaveState BBSaveState PtrVector Graph PlotShape"
)
ARGUMENTS: dict[str, tuple[Any, ...]] = {"MechanismType": (0,), "FInitializeHandler": ("",), "PtrVector": (2,), "Graph": (0,)}


@pytest.mark.parametrize("name", NAMES.split())
def test_objects_have_names_and_say_what_they_lack(name: str) -> None:
    one, other = (getattr(h, name)(*ARGUMENTS.get(name, ())) for _ in range(2))
    assert one.hname().split("[")[0] == name
    assert str(one) == one.hname()
    assert one.same(one)
    assert not one.same(other)
    with pytest.raises(AttributeError, match="nosuch"):
        _ = one.nosuch


@pytest.mark.parametrize("name", sorted(MISSING))
def test_a_name_that_is_missing_says_what_to_use(name: str) -> None:
    with pytest.raises(NotSupported, match=f"h.{name} is not supported: ."):
        getattr(h, name)


@pytest.mark.parametrize(("kind", "name"), sorted(METHODS))
def test_a_method_that_is_missing_says_what_to_use(kind: str, name: str) -> None:
    made = object.__new__(getattr(h, kind))
    with pytest.raises(NotSupported, match=f"{kind}.{name} is not supported: ."):
        getattr(made, name)


def test_a_misspelt_attribute_of_a_netcon_is_told() -> None:
    connection = h.NetCon(None, None)
    with pytest.raises(AttributeError, match="wieght"):
        connection.wieght = 3
    connection.delay = 2
    assert connection.delay == 2


def test_sources_are_at_the_middles_of_their_segments() -> None:
    soma = h.Section(name="soma")
    soma.nseg = 3
    connection = h.NetCon(soma(0.4)._ref_v, None, sec=soma)
    assert (connection.preloc(), connection.preseg()) == (pytest.approx(0.5), soma(0.5))
    h.pop_section()
    assert h.NetCon(soma(1)._ref_v, None, sec=soma).preseg() == soma(1)


def test_a_list_of_a_class_follows_what_there_is() -> None:
    soma, clamps = h.Section(name="soma"), h.List("IClamp")
    before = clamps.count()
    clamp = h.IClamp(soma(0.5))
    assert clamps.count() == before + 1
    assert clamps.index(clamp) >= 0
    for call, said in ((lambda: clamps.append(clamp), "cannot be changed"), (lambda: h.List("Nosuch"), "is not a template")):
        with pytest.raises(HocError, match=said):
            call()
    with pytest.raises(HocError, match="takes objects"):
        h.List().append(3)
    vector = h.Vector()
    assert h.List("Vector").index(vector) >= 0
    assert (h.List().selected(), h.List().scroll_pos()) == (-1, -1)


def test_owners_versions_and_errors_of_code() -> None:
    class Cell:
        def __init__(self) -> None:
            self.soma = h.Section(name="soma", cell=self)

    cell, alone = Cell(), h.Section(name="alone")
    assert h.section_owner(sec=cell.soma) is cell
    assert h.section_owner(sec=alone) is None
    assert h.nrnversion(5) == "9.0.2"
    assert "9.0.2" in h.nrnversion()
    assert h.log(0) == -np.inf
    with pytest.raises(HocError):
        h.execute("nothing_such(")
    assert h.execute1("nothing_such(") == 0
    h("func first_kind() { return argtype(1) }")
    assert [h.first_kind(thing) for thing in (1, "s", h.Vector(), h.ref(1.0))] == [0, 2, 1, 3]


def test_determinants_and_singular_matrices() -> None:
    matrix, power = h.Matrix(2, 2), h.ref(0.0)
    matrix.set(300, 0, 0, -0.5)
    assert (matrix.det(power), power[0]) == (pytest.approx(-1.5, rel=1e-14), 2)
    for call in (lambda: h.Matrix(2, 2).inverse(), lambda: h.Matrix(2, 2).solv(h.Vector(2, 1.0)), lambda: matrix.pow(-1)):
        with pytest.raises(HocError, match="Matrix"):
            call()


def test_matrices_are_written_with_and_without_sizes(tmp_path: Any) -> None:
    matrix, file = h.Matrix(1, 2), h.File(str(tmp_path / "m"))
    matrix.set(1, 2)
    texts = []
    for arguments in ((file, "%g,"), (0, file, "%g,"), (1, file), (file, "%g ", "|\n")):
        file.wopen()
        matrix.fprint(*arguments)
        file.close()
        texts.append((tmp_path / "m").read_text())
    assert texts == ["1 2\n1,2,\n", "1,2,\n", "1 2\n 1        2       \n", "1 2\n1 2 |\n"]


def test_files_end_lines_and_hold_numbers(tmp_path: Any) -> None:
    file, text = h.File(str(tmp_path / "f")), h.ref("")
    (tmp_path / "f").write_text("ab\ncd")
    file.ropen()
    assert [(file.gets(text), text[0]) for _ in range(3)] == [(3, "ab\n"), (3, "cd\n"), (-1, "cd\n")]
    file.wopen()
    file.vwrite(2, h.Vector([5, 6, 7])._ref_x[1])
    file.ropen()
    back = h.Vector(3)
    assert (file.vread(2, back._ref_x[1]), list(back)) == (1, [0, 6, 7])
    assert file.vread(2, back._ref_x[0]) == 0


def test_mechanisms_are_made_and_taken_out_by_their_types() -> None:
    soma, found = h.Section(name="soma"), h.ref(None)
    types = h.MechanismType(0)
    types.select("hh")
    types.make(sec=soma)
    assert soma.has_membrane("hh")
    types.remove(sec=soma)
    assert not soma.has_membrane("hh")
    assert types.internal_type() > 0
    points = h.MechanismType(1)
    points.select("IClamp")
    points.make(0.5, found, sec=soma)
    assert found[0].get_segment() == soma(0.5)
    ion, name = h.MechanismStandard("na_ion", 0), h.ref("")
    sizes = [ion.name(name, i) for i in range(int(ion.count()))]
    assert (sizes, ion.get("ena"), ion.is_array(0)) == ([1] * 5, 50, False)
    with pytest.raises(HocError, match="no 7"):
        ion.is_array(7)


def test_jobs_and_posts_keep_what_they_are_given() -> None:
    context, done = h.ParallelContext(), []
    for i in range(3):
        context.submit(i, lambda i: {"square": i**2}, i)
    while context.working():
        done.append((context.userid(), context.pyret()["square"]))
    assert sorted(done) == [(0, 0), (1, 1), (2, 4)]
    number, text, vector, sent = h.ref(0.0), h.ref(""), h.Vector(), h.Vector([1, 2])
    context.post("key", 3, "abc", sent)
    sent.x[0] = 9
    context.take("key", number, text, vector)
    assert (number[0], text[0], list(vector)) == (3, "abc", [1, 2])
    assert context.broadcast(sent, 0) == 2
    assert (context.timeout(5), context.timeout(20)) == (20, 5)
    assert (context.nthread(4), context.nthread(1)) == (4, 1)


def test_the_stream_of_a_netstim_is_its_random_variable() -> None:
    one, other = h.NetStim(), h.NetStim()
    one.noiseFromRandom123(1, 2, 3)
    other.ranvar.set_ids(1, 2, 3)
    assert list(one.ranvar.get_ids()) == [1, 2, 3]
    assert one.ranvar.uniform() == other.ranvar.uniform()
    assert one.ranvar.get_seq() == 1


def test_a_minimum_is_found_from_python_and_from_hoc() -> None:
    h.attr_praxis(1e-8, 0.5, 0)

    def valley(x: Any) -> float:
        return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + 3

    x = h.Vector([-1.2, 1])
    assert h.fit_praxis(valley, x) == pytest.approx(3, abs=1e-9)
    assert list(x) == pytest.approx([1, 1], abs=1e-4)
    h("func bowl() { return ($&2[0] - 2)^2 + 3*($&2[1] + 1)^2 + $1 }")
    y = h.Vector([9, 5, 5])
    assert h.fit_praxis(2, "bowl", y._ref_x[1]) == pytest.approx(2, abs=1e-12)
    assert list(y) == pytest.approx([9, 2, -1], abs=1e-6)
    h("proc shift() { $&1[1] = $&1[0] + $&1[2] }")
    h.shift(y._ref_x[0])
    assert list(y) == pytest.approx([9, 8, -1], abs=1e-6)
    with pytest.raises(HocError, match="points to no array"):
        h.shift(h.ref(1.0))


def test_a_search_stops_when_it_is_told_to() -> None:
    seen: list[float] = []

    def slope(x: Any) -> float:
        seen.append(x[0])
        if len(seen) == 5:
            h.stop_praxis()
        return float(abs(x[0]))

    x = h.Vector([40])
    assert h.fit_praxis(slope, x) == min(map(abs, seen)) == abs(x[0])
    assert len(seen) == 5
    with pytest.raises(HocError, match="a function and a Vector"):
        h.fit_praxis(slope)
    with pytest.raises(HocError, match="no hoc function"):
        h.fit_praxis(1, "nothing_such", x._ref_x[0])


def test_lines_of_a_graph_are_given_back() -> None:
    graph, x, y = h.Graph(0), h.Vector(), h.Vector()
    graph.beginline()
    graph.line(1, 2)
    graph.line(3, 4)
    graph.vector(2, h.Vector([5, 6])._ref_x[0], h.Vector([0, 7, 8])._ref_x[1])
    assert (graph.getline(-1, x, y), list(x), list(y)) == (0, [1, 3], [2, 4])
    assert (graph.getline(0, x, y), list(x), list(y)) == (1, [5, 6], [7, 8])
    assert graph.getline(1, x, y) == -1


def test_counters_of_hoc_are_there_for_python() -> None:
    assert (h.i, h.j) == (0, 0)
    h.i = 3
    h("j = i + 1")
    assert (h.i, h.j) == (3, 4)
    h("objref spare")
    with pytest.raises(LookupError, match="'k' is not a defined hoc variable name"):
        h.k = 3
