"""What NEURON's own tests ask for: names to import, errors to expect."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rxd.neuron import h, rxd
from rxd.neuron.errors import HocError
from rxd.neuron.events.transitions import StateTransitionEvent
from rxd.neuron.tests.utils import (
    cvode_enabled,
    cvode_use_global_timestep,
    cvode_use_long_double,
    fast_imem,
    get_c_compiler,
    hh_table_disabled,
    num_threads,
    parallel_context,
)
from rxd.neuron.tests.utils.capture_stdout import capture_stdout
from rxd.neuron.tests.utils.checkresult import Chk
from rxd.neuron.tests.utils.coreneuron_available import coreneuron_available
from rxd.neuron.tests.utils.strtobool import strtobool

pytestmark = pytest.mark.usefixtures("session")

ROOT = Path(__file__).resolve().parents[2]


def test_a_package_of_the_same_name_beside_ours(tmp_path, monkeypatch):
    """NEURON's tests are in a package `rxd` that imports its own parts and, through `neuron`, ours."""
    folder = tmp_path / "rxd"
    (folder / "three").mkdir(parents=True)
    for name in ("__init__.py", "three/__init__.py"):
        (folder / name).touch()
    (folder / "help.py").write_text("answer = 42\n")
    (folder / "use.py").write_text("from .help import answer\nfrom neuron import rxd\nassert rxd.Region and answer == 42\n")
    (folder / "three" / "use.py").write_text("from ..help import answer\nprint(answer)\n")
    (folder / "model.py").write_text("raise AssertionError('ours comes first')\n")
    code = (
        f"import sys, importlib; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import rxd.use, rxd.model\n"
        "importlib.import_module('rxd.three.use')\n"
        "try: import rxd.nothing\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = subprocess.run(
        [sys.executable, "-m", "rxd.neuron", "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path / "rxd"
    )
    assert done.stdout.splitlines() == ["42", "No module named 'rxd.nothing'"], done.stderr


def test_settings_hold_for_a_block_only():
    with cvode_enabled(True) as cvode, cvode_use_global_timestep(cvode, True), cvode_use_long_double(cvode, True):
        assert h.cvode_active()
        assert not cvode.use_local_dt()
    with cvode_enabled(False) as cvode, cvode_use_global_timestep(cvode, True), cvode_use_long_double(cvode, True):
        assert cvode is None
        assert not h.cvode_active()
    with fast_imem(True):
        assert h.CVode().use_fast_imem()
    assert not h.CVode().use_fast_imem()
    with hh_table_disabled():
        assert not h.usetable_hh
    assert h.usetable_hh
    with parallel_context() as context, num_threads(context, threads=3):
        assert context.nthread() == 3
        context.set_gid2node(4, 0)
    assert context.nthread() == 1
    assert not context.gid_exists(4)
    assert not coreneuron_available()


def test_words_and_what_is_printed(monkeypatch):
    monkeypatch.setenv("CC", "gcc")
    assert get_c_compiler() == "gcc"
    assert strtobool("Yes")
    assert not strtobool("off")
    with pytest.raises(ValueError, match="neither yes nor no"):
        strtobool("maybe")
    word = "this"
    assert capture_stdout("print(word)") == f"{word}\n"
    assert capture_stdout("print(word)", True) == "9e7b964750cf0bb08ee960fce356b6d6"  # md5sum of the line


def test_results_kept_in_a_file(tmp_path):
    path = str(tmp_path / "kept.json")
    with pytest.raises(FileNotFoundError):
        Chk(path)
    first = Chk(path, must_exist=False)
    first("v", h.Vector([1, 2]))
    first("w", {"a": [1.0, "x"]})
    first("old", 3)
    first.rm("old")
    first.save()
    again = Chk(path)
    assert again.get("old", "none") == "none"
    again("v", h.Vector([1, 2 + 1e-9]), tol=1e-8)
    again("w", {"a": [1.0, "x"]})
    with pytest.raises(AssertionError, match=r"kept\.json has"):
        again("v", h.Vector([1, 2.1]), tol=1e-8)
    with pytest.raises(AssertionError):
        again("w", {"a": [1.0, "x", 2]})
    assert not again.modified


def test_what_cannot_be_assigned_to():
    h("create axon, dend[3]")
    for name in ("axon", "dend", "finitialize", "Vector"):
        with pytest.raises(TypeError, match=f"h.{name} is .* not assignable"):
            setattr(h, name, 1)
    with pytest.raises(LookupError, match="not a defined hoc variable name"):
        h.nonsense = 1


def test_sections_to_cut_or_delete_are_named():
    one, other = h.Section(name="one"), h.Section(name="other")
    one.connect(other)
    for call in (h.disconnect, h.delete_section):
        with pytest.raises(HocError, match=r"\(sec=section\)"):
            call(one)
    assert other.children() == [one]
    h.disconnect(sec=one)
    assert not other.children()


def test_transitions_that_run_hoc_code_in_an_object(capsys):
    h("begintemplate Watcher\nproc foo() { print 42 }\nendtemplate Watcher")
    watcher, event = h.Watcher(), StateTransitionEvent(1)
    soma = h.Section(name="soma")
    soma.L = 10
    event.transition(0, 0, h._ref_t, h.ref(0.05), "foo()", watcher)
    h.finitialize(-65)
    event.state(0)
    h.fadvance()
    assert not capsys.readouterr().out
    for _ in range(3):  # in NEURON, too, what a step has done is looked at when the next begins
        h.fadvance()
    assert capsys.readouterr().out.strip() == "42"


def test_nothing_to_read_is_an_error_of_hoc(capsys):
    """pytest raises an OSError at whoever reads."""
    h("strdef line")
    h('line = "hello"')
    assert not h("getstr(line)")
    assert h.line == "hello"
    assert "Nothing to read" in capsys.readouterr().err


def test_memory_is_counted():
    assert h.nrn_mallinfo(0) > 1e6


def test_jobs_know_their_numbers():
    context = h.ParallelContext()

    def job(word):
        context.post(h.hoc_ac_, word)

    numbers = [context.submit(job, word) for word in ("a", "b")]
    found = {}
    while (number := context.working()) != 0:
        assert context.take(number)
        found[number] = context.upkpyobj()
    assert found == dict(zip(numbers, "ab", strict=True))


def test_pointers_with_a_statement():
    h.t = 0
    pointer = h.Pointer("t", "twice = $1 * 2")
    assert pointer.assign(5) == h.t == 5
    assert h.twice == 10
    pointer = h.Pointer("t", "twice")
    pointer.assign(3)
    assert h.t == h.twice == 3


def test_deleted_sections_have_no_segments():
    section = h.Section(name="section")
    section.nseg = 3
    assert [segment.x for segment in section.allseg()] == pytest.approx([0, 1 / 6, 0.5, 5 / 6, 1])
    h.delete_section(sec=section)
    for ask in (section.allseg, section.is_pysec):
        with pytest.raises(ReferenceError):
            ask()


def test_a_scale_of_tolerances_of_0_counts_with_variable_steps_only():
    """NEURON's own test of a box gives `atolscale=False` with fixed steps."""
    section = h.Section(name="section")
    x = rxd.Species(rxd.Region([section], name="cyt"), name="x", initial=1, atolscale=False)
    decay = rxd.Rate(x, -x)
    h.dt = 0.1
    h.finitialize(-65)
    h.fadvance()
    assert x.nodes.value == pytest.approx([1 / 1.1])
    assert decay is not None
    h.CVode().active(True)
    with pytest.raises(Exception, match="atolscale of species 'x' must be positive"):
        h.finitialize(-65)


def test_numbers_of_cells_are_given_once_and_before_they_are_connected_to():
    """Who was connected first heard nothing, without a word."""
    section = h.Section(name="section")
    synapse = h.ExpSyn(section(0.5))
    with parallel_context() as context:
        context.set_gid2node(0, 0)
        with pytest.raises(HocError, match="gid=0 already exists on this process"):
            context.set_gid2node(0, 0)
        with pytest.raises(HocError, match="gid 0 has no cell"):
            context.gid_connect(0, synapse)
        context.cell(0, h.NetCon(section(0.5)._ref_v, None, sec=section))
        assert context.gid_connect(0, synapse).preseg() == section(0.5)
        early = context.gid_connect(7, synapse)
        with pytest.raises(HocError, match="gid=7 has been connected to before it exists"):
            context.set_gid2node(7, 0)
        assert early.valid()
    with parallel_context() as context:
        context.set_gid2node(0, 0)


def test_a_connection_that_there_is_takes_a_cell_as_its_source():
    """It keeps its delay and weights, as in NEURON 9.0.2; another one was made, with a weight of 0."""
    section, other = (h.Section(name=name) for name in ("section", "other"))
    h.CVode().active(False)
    h.dt = 0.025
    synapse, cell = h.ExpSyn(other(0.5)), h.NetStim()
    cell.start, cell.number, synapse.tau = 1, 1, 10
    with parallel_context() as context:
        context.set_gid2node(1, 0)
        context.cell(1, h.NetCon(cell, None, sec=section))
        for before in (None, other(0.5)._ref_v, h.NetStim()):
            connection = h.NetCon(before, synapse, sec=other)
            connection.delay, connection.weight[0] = 2, 0.003
            assert context.gid_connect(1, synapse, connection) is connection
            assert (connection.pre(), connection.delay, connection.weight[0]) == (cell, 2, 0.003)
            g = h.Vector().record(synapse._ref_g)
            h.finitialize(-65)
            for _ in range(130):
                h.fadvance()
            assert 0.0029 < g.max() <= 0.003
            assert g.indwhere(">", 0) == pytest.approx(120, abs=1)
            del connection
        with pytest.raises(HocError, match="is no NetCon whose target is"):
            context.gid_connect(1, synapse, h.NetCon(None, h.ExpSyn(other(0.5))))
        with pytest.raises(HocError, match="must be a synapse or an artificial cell, not None"):
            context.gid_connect(1, None)


def test_the_number_of_a_cell_that_is_gone_is_free():
    """As in NEURON 9.0.2; loops that build a cell again and again give it the same."""

    def numbered(make, source_of):
        cell = make()
        context.set_gid2node(3, 0)
        context.cell(3, h.NetCon(*source_of(cell)))
        assert context.gid_exists(3) == 3
        return cell

    with parallel_context() as context:
        for make, source_of in (
            (lambda: h.Section(name="section"), lambda cell: (cell(0.5)._ref_v, None)),
            (h.NetStim, lambda cell: (cell, None)),
        ):
            cell = numbered(make, source_of)
            with pytest.raises(HocError, match="gid=3 already exists"):
                context.set_gid2node(3, 0)
            del cell
            assert context.gid_exists(3) == 0
            cell = numbered(make, source_of)
            del cell


@pytest.mark.parametrize("third", [True, [1, 2], [1]])
def test_a_course_with_its_kinks_named_is_interpolated(third):
    """The third argument of `play` may be a Vector of indices: NEURON 9.0.2's voltages; the course was taken for stairs."""
    section = h.Section(name="section")
    section.L = section.diam = 20
    section.insert("pas")
    clamp = h.IClamp(section(0.5))
    clamp.dur = 1e9
    times, values = h.Vector([0, 1, 1, 2, 2.5, 4]), h.Vector([0, 0, 0.1, 0.2, -0.1, 0])
    values.play(clamp._ref_amp, times, third if third is True else h.Vector(third))
    v = h.Vector().record(section(0.5)._ref_v)
    h.CVode().active(False)
    h.dt = 0.025
    h.finitialize(-65)
    while h.t < 5:
        h.fadvance()
    found = [v[i] for i in (30, 41, 60, 90, 110, 140, 200)]
    wanted = [-67.616287, -67.986748, -64.923476, -61.167099, -66.581273, -70.671897, -68.395288]
    assert found == pytest.approx(wanted, abs=1e-6)
