"""Classes of scripts and packages that inherit from NEURON's, and what these leave behind when they go."""

from __future__ import annotations

import copy
import pickle

import pytest

from rxd.neuron import h, hclass, load_mechanisms, nrn

pytestmark = pytest.mark.usefixtures("session")


class Cable(nrn.Section):
    """A section with attributes of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.middle = self(0.5)
        self.label = "mine"

    @property
    def leak(self) -> float:
        """What scripts call the conductance of the leak."""
        return self.middle.pas.g

    @leak.setter
    def leak(self, value: float) -> None:
        self.insert("pas")
        self.middle.pas.g = value


def test_a_class_made_from_section_has_attributes_of_its_own():
    cable = Cable("cable")
    cable.L, cable.leak = 33, 0.25
    assert (cable.L, cable.label, cable(0.5).g_pas, str(cable.middle)) == (33, "mine", 0.25, "cable(0.5)")
    cable.e_pas = -71.0
    assert cable(0.5).pas.e == -71.0  # a range variable stays one
    assert isinstance(h.Section(name="plain"), nrn.Section)
    with pytest.raises(AttributeError, match=r"gnabar_hh.*insert"):
        cable.gnabar_hh = 0.1
    with pytest.raises(AttributeError, match="no attribute 'label'"):
        h.Section(name="plain").label = "none"
    with pytest.raises(ValueError, match="diam is a number"):
        cable.diam = "wide"


def test_sections_are_neither_copied_nor_pickled():
    soma = h.Section(name="soma")
    for thing in (soma, soma(0.5)):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(thing)
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.copy(thing)


def test_a_class_made_from_an_artificial_cell_takes_keywords_and_properties():
    class Source(hclass(h.VecStim)):
        def __init__(self, spike_times=()):
            self.recording = False
            self.spike_times = spike_times

        @property
        def spike_times(self):
            return self._times

        @spike_times.setter
        def spike_times(self, times):
            self._times = h.Vector(times)
            self.play(self._times)

    source, heard = Source(spike_times=[1, 2.5]), h.Vector()
    connection = h.NetCon(source, None)
    connection.record(heard)
    h.finitialize()
    while h.t < 4:
        h.fadvance()
    assert list(heard) == [1, 2.5]
    assert isinstance(source, h.VecStim)
    assert not source.recording
    soma = h.Section(name="soma")
    clamp = hclass(h.IClamp)(0.5, sec=soma)
    clamp.amp, clamp.label = 2, "mine"
    assert (clamp.amp, clamp.label, clamp.get_segment()) == (2, "mine", soma(0.5))


def test_classes_of_point_processes_print_as_in_neuron():
    synapse = h.ExpSyn(h.Section(name="soma")(0.5))
    assert (str(h.ExpSyn), h.ExpSyn.__str__().strip("()"), str(synapse)) == ("ExpSyn()", "ExpSyn", "ExpSyn[0]")


def test_what_records_a_deleted_section_keeps_what_it_has():
    first, second = h.Section(name="first"), h.Section(name="second")
    gone, stays = h.Vector().record(first(0.5)._ref_v), h.Vector().record(second(0.5)._ref_v)
    course = h.Vector([1, 2])
    course.play(first(0.5)._ref_v, h.Vector([0, 1]), 1)
    h.finitialize(-65)
    for _ in range(4):
        h.fadvance()
    before = list(gone)
    h.delete_section(sec=first)
    h.finitialize(-65)
    for _ in range(7):
        h.fadvance()
    assert (len(before), list(gone), len(stays)) == (5, before, 8)


def test_a_weight_can_be_pointed_to_from_hoc():
    source, target = h.NetStim(), h.ExpSyn(h.Section(name="soma")(0.5))
    h("objref link, number\nproc take() { link = $o1 }")
    h.take(h.NetCon(source, target, 0, 1, 0.25))
    h("double seen[1]\nproc look() { seen[0] = $&1 }\nlook(&link.weight)")
    assert h.seen[0] == 0.25


TEMPLATE = """
begintemplate Cell
public total
objref all, this, CellRef
create soma[1], dend[2]
proc init() { all = new SectionList()  CellRef = this  hidden = 3 }
gid = 0
func total() { return hidden + $1 }
endtemplate Cell
"""


def test_python_sees_all_names_of_a_template_and_hoc_the_public_ones():
    h(TEMPLATE)
    cell = h.Cell()
    assert (cell.hidden, cell.gid, cell.CellRef, cell.this, cell.total(4)) == (3, 0, cell, cell, 7)
    assert str(cell.soma[0]) == f"{cell}.soma[0]"
    cell.gid = 12
    assert (cell.gid, callable(cell), hasattr(cell, "other")) == (12, True, False)
    with pytest.raises(TypeError, match="not callable"):
        cell()
    h("objref cell\nproc keep() { cell = $o1 }\nfunc ask() { return cell.hidden }")
    h.keep(cell)
    with pytest.raises(AttributeError, match="'hidden' is not public"):
        h.ask()


def test_sscanf_reads_a_letter_into_a_number_as_its_code():
    h('code = 0\nsscanf("abc", "%c", &code)')
    line = h.ref(0)
    h.sscanf("\nabc", "%c", line)
    assert (h.code, line[0]) == (ord("a"), ord("\n"))


def test_pt3dadd_takes_vectors():
    soma = h.Section(name="soma")
    h.pt3dadd(h.Vector([0, 3]), h.Vector([0, 4]), h.Vector([0, 0]), h.Vector([1, 2]), sec=soma)
    soma.pt3dadd(3, 4, 5, 2)
    assert (soma.n3d(), soma.L, soma.diam3d(1)) == (3, 10, 2)


def test_distance_takes_a_one_before_the_place():
    first, second = h.Section(name="first"), h.Section(name="second")
    first.L, second.L = 50, 300
    second.connect(first(1))
    h.distance(0, 0.5, sec=first)
    ends = h.distance(1, 0.0, sec=second), h.distance(1, 1.0, sec=second)
    assert (*ends, h.distance(0.5, sec=second), h.distance(1, second(0.5))) == (25, 325, 175, 175)


def test_lists_of_parts_that_a_file_lacks_stay_empty(tmp_path):
    (tmp_path / "soma.swc").write_text("1 1 -5 0 0 5 -1\n2 1 0 0 0 5 1\n3 1 5 0 0 5 2\n")
    h(
        "begintemplate Read\npublic somatic, axonal, all\nobjref somatic, axonal, all\ncreate soma[1], axon[1]\n"
        "proc init() { forall delete_section()\nsomatic = new SectionList() axonal = new SectionList()\n"
        "all = new SectionList() }\n"
        "endtemplate Read"
    )
    cell, reader = h.Read(), h.Import3d_SWC_read()
    reader.input(str(tmp_path / "soma.swc"))
    h.Import3d_GUI(reader, 0).instantiate(cell)
    assert [len(list(one)) for one in (cell.somatic, cell.axonal, cell.all)] == [1, 0, 1]
    assert cell.soma[0].L == 10


def test_a_reader_shows_the_sections_of_its_file(tmp_path):
    """The cells of the Blue Brain Project number their sections in the order of the file, by the names they get."""
    path = tmp_path / "cell.swc"
    path.write_text(
        "1 1 0 0 0 5 -1\n2 3 5 0 0 1 1\n3 3 25 0 0 1 2\n4 3 45 10 0 1 3\n5 3 45 -10 0 1 3\n6 2 -5 0 0 1 1\n7 2 -30 0 0 1 6\n"
    )
    reader = h.Import3d_SWC_read()
    reader.input(str(path))
    importer, name = h.Import3d_GUI(reader, 0), h.ref("")
    importer.instantiate(None)
    for section in importer.swc.sections:
        importer.name(section, name)
        h.execute(f"{name[0]}.v(0.0001) = {section.raw.ncol() - section.first}")
    points = {record.name(): (record.v, record.n3d()) for record in h.allsec()}
    assert len(points) == importer.swc.sections.count() == 5
    assert all(seen == there for seen, there in points.values())
    child = next(one for one in importer.swc.sections if (one.type, one.nameindex) == (3, 1))
    assert (child.parentsec.type, child.parentx, list(child.d)) == (3, 1, [2, 2])


def test_hoc_files_load_their_neighbours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, code in (
        ("sub/main.hoc", 'load_file("near.hoc")\nload_file("far.hoc")\nmain = 1\n'), ("sub/near.hoc", "near = 2\n"),
        ("library/far.hoc", "far = 3\n"),
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    monkeypatch.setenv("HOC_LIBRARY_PATH", str(tmp_path / "library"))
    assert h.load_file("sub/main.hoc") == 1
    assert (h.main, h.near, h.far, h.getcwd()) == (1, 2, 3, f"{tmp_path}/")


def test_an_object_of_a_template_is_made_in_a_section():
    h("begintemplate Measured\npublic x\nproc init() { x = L }\nendtemplate Measured")
    first, second = h.Section(name="first"), h.Section(name="second")
    first.L, second.L = 70, 80
    assert (h.Measured(sec=second).x, h.cas()) == (80, first)


@pytest.mark.parametrize("variable", [0, 1])
def test_a_clamp_may_last_for_ever(variable):
    """The stimuli of the Blue Brain Project last for 1e308 ms."""
    soma = h.Section(name="soma")
    soma.insert("pas")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 1e308, 0.01
    h.cvode_active(variable)
    h.finitialize(-65)
    h.continuerun(2)
    first, h.t = soma.v, 0
    clamp.dur = 1e9
    h.finitialize(-65)
    h.continuerun(2)
    assert soma.v == first != -65


LEAK = """
NEURON { SUFFIX farleak NONSPECIFIC_CURRENT i RANGE g }
PARAMETER { g = 0.25 }
ASSIGNED { v i }
BREAKPOINT { i = g * v }
"""


def test_what_nrnivmodl_has_compiled_leads_to_the_mod_files(tmp_path):
    """It leaves a note of its sources, which may be anywhere."""
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "farleak.mod").write_text(LEAK)
    built = tmp_path / "work" / "x86_64"
    built.mkdir(parents=True)
    (built / "makemod2c_inc").write_text("farleak.cpp: ../../sources/farleak.mod $(NOCMODL)\n\tnot looked at\n")
    assert load_mechanisms(str(tmp_path / "work"))
    soma = h.Section(name="soma").insert("farleak")
    assert soma(0.5).farleak.g == 0.25


def test_dendrites_stay_where_a_file_has_them(tmp_path):
    """Also those at an inner point of a soma, which NEURON moves; scripts map and unmap the importer's window."""
    path = tmp_path / "cell.swc"
    path.write_text("1 1 0 0 0 5 -1\n2 1 10 0 0 3 1\n3 1 15 0 0 4 2\n4 1 20 0 0 2 3\n5 3 15 4 0 1 3\n6 3 15 15 0 1 5\n")
    reader = h.Import3d_SWC_read()
    reader.input(str(path))
    importer = h.Import3d_GUI(reader)
    importer.box.unmap()
    importer.box.map("Import3d", 650, 200, -1, -1)
    importer.instantiate(None)
    h.define_shape()
    dend = h.dend[0]
    assert [(dend.x3d(i), dend.y3d(i)) for i in range(dend.n3d())] == [(15, 4), (15, 15)]
    assert dend.parentseg() == h.soma[0](0.5)
