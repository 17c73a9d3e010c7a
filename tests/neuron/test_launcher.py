"""Scripts run as `python -m rxd.neuron SCRIPT ARGS`."""

from __future__ import annotations

import os
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
import helper

assert __name__ == "__main__"
assert crxd is rxd and neuron.rxd is rxd
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
    script.write_text("from neuron import h\nh.KSChan\n")
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
