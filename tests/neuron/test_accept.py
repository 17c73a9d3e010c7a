"""NEURON scripts run unmodified and give NEURON's numbers; only where the scripts are at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT.parent / "shared" / "neuron-scripts"

# References that hold what no other simulator can give; docs/neuron-compatibility.md says what and why.
OTHERWISE = ("22_",)

NAMES = sorted(path.stem for path in (SCRIPTS / "accept").glob("*.py") if not path.name.startswith(OTHERWISE))


@pytest.mark.parametrize("name", NAMES)
def test_script(name):
    command = [sys.executable, str(SCRIPTS / "run_accept.py"), "--python", sys.executable, "--launcher", "-m rxd.neuron", name]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
