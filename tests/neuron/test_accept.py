"""NEURON scripts run unmodified and give NEURON's numbers; only where the scripts are at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT.parent / "shared" / "neuron-scripts"

VECTORS = "22_clamps_events_vectors"
"""Its reference holds five numbers of freed memory, which nothing else can give; docs/neuron-compatibility.md says why."""

NAMES = sorted(path.stem for path in (SCRIPTS / "accept").glob("*.py") if path.stem != VECTORS)


@pytest.mark.parametrize("name", NAMES)
def test_script(name):
    command = [sys.executable, str(SCRIPTS / "run_accept.py"), "--python", sys.executable, "--launcher", "-m rxd.neuron", name]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [VECTORS] if (SCRIPTS / "accept" / f"{VECTORS}.py").exists() else [])
def test_all_but_freed_memory_is_the_reference(name, tmp_path):
    made = tmp_path / "made.npz"
    command = [sys.executable, "-m", "rxd.neuron", str(SCRIPTS / "accept" / f"{name}.py"), str(made)]
    subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, cwd=tmp_path)
    reference = SCRIPTS / "accept" / "reference"
    tolerances = json.loads((reference / "tolerances.json").read_text())["scripts"][name]["arrays"]
    with np.load(made) as ours, np.load(reference / f"{name}.npz") as wanted:
        assert set(ours) == set(wanted)
        for array in wanted:
            right = np.array(wanted[array])
            if array == "vec_ops":
                right[5:10] = [1, 2, 3, 4, 5]  # x.c().sqrt().as_numpy() of 1, 4, 9, 16 and 25
            error = np.abs(ours[array] - right)
            assert error.max() <= tolerances[array]["abs"], array
            assert error.mean() <= tolerances[array].get("mean", np.inf), array
