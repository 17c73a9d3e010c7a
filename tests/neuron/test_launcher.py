"""Scripts run as `python -m rxd.neuron SCRIPT ARGS`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import sys
from neuron import h, n, rxd, gui, crxd
from neuron.units import mV, ms, um, μm, uM
import neuron.units
from neuron.rxd import rxdmath
from neuron.crxd.rxdmath import exp
from neuron.rxd.node import Node1D
import neuron
import hoc, nrn
from hoc import HocObject
import helper

assert __name__ == "__main__"
assert crxd is rxd and neuron.rxd is rxd
assert neuron.hoc is hoc and isinstance(h.Vector(), HocObject) and isinstance(h.Section(name="b"), nrn.Section)
assert sys.argv[1:] == ["out", "7"]
assert helper.answer == 42
assert "NEURON" not in sys.modules["neuron"].__name__
print(neuron.__version__, h.Section(name="a"), uM, __file__)
"""


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rxd.neuron", str(script), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=script.parent, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )


def test_names_of_neuron(tmp_path):
    (tmp_path / "helper.py").write_text("answer = 42\n")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = run(script, "out", "7")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["9.0.2", "a", "0.001", str(script)]


def test_errors_and_exit_codes_are_those_of_the_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys\nfrom neuron import h\nsys.exit(3)\n")
    assert run(script).returncode == 3
    script.write_text("from neuron import h\nh.OClamp\n")
    done = run(script)
    assert done.returncode == 1
    assert f'File "{script}", line 2' in done.stderr
    assert "NotSupported" in done.stderr


def test_missing_script(tmp_path):
    done = run(tmp_path / "nothing.py")
    assert done.returncode != 0
    assert "nothing.py" in done.stderr


def test_importing_the_layer_does_not_touch_the_name_neuron():
    code = (
        "import rxd.neuron, sys\n"
        "assert 'neuron' not in sys.modules\n"
        "assert not any('Neuron' in type(finder).__name__ for finder in sys.meta_path)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_names_that_are_missing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from neuron import nonsense\n")
    done = run(script)
    assert "ImportError" in done.stderr or "NotSupported" in done.stderr


@pytest.mark.parametrize("module", ["neuron.rxd.nothing", "neuron.nothing"])
def test_modules_that_are_missing(tmp_path, module):
    script = tmp_path / "script.py"
    script.write_text(f"import {module}\n")
    assert "ModuleNotFoundError" in run(script).stderr


def test_tracebacks_begin_with_the_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from neuron import h\n\n\ndef build():\n    h.Section(name='a').insert('cah')\n\n\nbuild()\n")
    (tmp_path / "mod").mkdir()
    (tmp_path / "mod" / "channels.mod").write_text(
        "NEURON {\n    SUFFIX cah\n    USEION ca WRITE ica\n}\nBREAKPOINT { VERBATIM i = 1; ENDVERBATIM }\n"
    )
    told = run(script).stderr
    assert "launcher.py" not in told
    assert told.startswith(f'Traceback (most recent call last):\n  File "{script}", line 8')
    assert "channels.mod, line 5: VERBATIM" in told
    assert "Write it in NMODL" in told


def test_notebooks(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# A cell\n"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "from neuron import n\n", "soma = n.Section()\n", "soma.L"],
        },
        {"cell_type": "code", "source": ["!ls\n", "soma.L = 20;"]},
        {"cell_type": "code", "source": ["%%bash\n", "exit 1"]},
        {"cell_type": "code", "source": ["print(soma.L)\n", "soma.nothing"]},
    ]
    notebook = tmp_path / "cell.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    done = run(notebook)
    assert done.stdout.split() == ["100.0", "20.0"]
    assert done.returncode == 1
    assert 'cell.ipynb[cell 4]", line 2' in done.stderr
    assert "soma.nothing" in done.stderr


def test_hoc_files(tmp_path):
    (tmp_path / "more.hoc").write_text("proc tell() { print $1 * 2 }\n")
    script = tmp_path / "model.hoc"
    script.write_text('load_file("nrngui.hoc")\n{load_file("more.hoc")}\ncreate soma\nsoma { L = 21 tell(L) }\n')
    done = run(script)
    assert (done.returncode, done.stdout.split()) == (0, ["1", "42"]), done.stderr


def test_names_of_the_module(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from neuron import *\nimport neuron\nfrom neuron.sections import ExtendedSection\n"
        "h('begintemplate A\\npublic x, p\\nproc init() { x = $1 }\\nproc p() { x += 1 }\\nendtemplate A')\n"
        "class B(hclass(h.A)):\n    def __init__(self, x):\n        self.base = self.baseattr('p')\n"
        "    def p(self):\n        self.base()\n        return self.x\n"
        "class C(neuron.HocBaseObject, hoc_type=h.Vector):\n    pass\n"
        "b = B(5)\nprint(b.x, b.p(), h.A[0] is b, C(3, 2).sum(), neuron.config.arguments['NRN_ENABLE_RX3D'])\n"
        "del b\nprint(h.List('A').count(), len(neuron.doc.get_docstring('Vector', 'mean')) > 3)\n"
        "ExtendedSection(name='test').psection()\n"
    )
    done = run(script)
    assert done.stdout.split()[:8] == ["5.0", "6.0", "True", "6.0", "True", "0", "True", "test"], done.stderr


def launch(folder: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rxd.neuron", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_a_module_runs_with_the_arguments_behind_it(tmp_path):
    (tmp_path / "study.py").write_text("import sys, neuron\nprint(__name__, sys.argv[1:], neuron.__version__)\n")
    assert launch(tmp_path, "-m", "study", "--long", "2").stdout.split() == ["__main__", "['--long',", "'2']", "9.0.2"]
    assert launch(tmp_path, "-m", "nothing").stderr == "no module named 'nothing'\n"


def test_pytest_runs_tests_written_for_neuron(tmp_path):
    (tmp_path / "test_cell.py").write_text("from neuron import h\n\ndef test_dt():\n    assert h.dt == 0.025\n")
    done = launch(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_cell.py")
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_code_from_the_command_line_the_standard_input_and_a_prompt(tmp_path):
    code = "from neuron import h; import sys; print(h.celsius, sys.argv)"
    assert launch(tmp_path, "-c", code, "7").stdout == "6.3 ['-c', '7']\n"
    assert launch(tmp_path, "-", "7", typed=code).stdout == "6.3 ['-', '7']\n"
    assert launch(tmp_path, typed=code).stdout == "6.3 ['-']\n"
    (tmp_path / "cell.py").write_text("from neuron import h\ntwice = 2 * h.celsius\n")
    assert "12.6" in launch(tmp_path, "-i", "cell.py", typed="print(twice)\n").stdout


def test_the_usage_is_shown_for_what_makes_no_sense(tmp_path):
    assert launch(tmp_path, "--help").stdout.startswith("usage:")
    assert "no option '-x'" in launch(tmp_path, "-x").stderr
    assert "-m wants something" in launch(tmp_path, "-m").stderr


def test_processes_started_anew_know_the_same_names(tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(
        "import multiprocessing\n"
        "from neuron import h, rxd\n"
        "def work(length):\n"
        "    sec = h.Section(name='s')\n"
        "    sec.L = length\n"
        "    return rxd.__name__, sec.L\n"
        "if __name__ == '__main__':\n"
        "    with multiprocessing.get_context('spawn').Pool(2) as pool:\n"
        "        print(*pool.map(work, [3, 4]))\n"
    )
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "('rxd.neuron.rxd', 3.0) ('rxd.neuron.rxd', 4.0)"


def test_modules_of_neuron_that_only_hold_settings(tmp_path):
    script = tmp_path / "settings.py"
    script.write_text(
        "from neuron import coreneuron, gui2, h\n"
        "from neuron.rxd.rangevar import RangeVar\n"
        "gui2.set_backend('jupyter')\n"
        "coreneuron.enable = True\n"
        "print(h.Section(name='a'), RangeVar.__name__)\n"
    )
    assert run(script).stdout.split() == ["a", "RangeVar"]


COMPILES = """
import os
from neuron import h, load_mechanisms
soma = h.Section(name="soma")
assert not hasattr(h, "farleak")  # looked for once, before there is anything
assert os.system("nrnivmodl '../other mods'") == 0
assert h.nrn_load_dll("x86_64/libnrnmech.so") == 1
assert soma.insert("farleak")(0.5).farleak.g == 0.25
with open("near.mod", "w") as file:
    file.write("NEURON { SUFFIX near RANGE g } PARAMETER { g = 3 }")
assert os.system("nrnivmodl -loadflags -lm near.mod") == 0
assert load_mechanisms(".")
assert soma.insert("near")(0.5).near.g == 3
assert os.system("nrnivmodl nowhere") != 0
"""


def test_scripts_may_call_nrnivmodl(tmp_path):
    """Notebooks do before anything else, with folders that have no usual names; here the command notes what it is given."""
    (tmp_path / "other mods").mkdir()
    (tmp_path / "other mods" / "farleak.mod").write_text("NEURON { SUFFIX farleak RANGE g } PARAMETER { g = 0.25 }")
    (tmp_path / "work").mkdir()
    script = tmp_path / "work" / "script.py"
    script.write_text(COMPILES.replace("x86_64", platform.machine()))
    done = run(script)
    assert done.returncode == 0, done.stderr
    assert "Mod files: ../other mods/farleak.mod" in done.stdout
    assert "no folder and no mod file nowhere" in done.stderr


def test_a_destructor_may_ask_for_objects_when_the_process_ends(tmp_path):
    """As LFPy's cells do, where nothing can be imported any more."""
    script = tmp_path / "script.py"
    script.write_text(
        "import neuron\n"
        "class Cell:\n"
        "    def __init__(self):\n"
        "        self.soma, self.values, self.size = neuron.h.Section(name='soma'), neuron.h.List(), 3\n"
        "        self.synapse = neuron.h.ExpSyn(self.soma(0.5))\n"
        "    def __del__(self):\n"
        "        print(*(name for name, value in self.__dict__.items() if isinstance(value, neuron.hoc.HocObject)))\n"
        "cell = Cell()\n"
    )
    done = run(script)
    assert (done.stdout, done.stderr) == ("values synapse\n", "")
