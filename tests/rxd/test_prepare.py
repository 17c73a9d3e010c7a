"""What all models share is compiled ahead of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rxd import Extracellular, Model
from rxd.cli import app
from rxd.errors import DeclarationError
from rxd.prepare import prepare

ROOT = Path(__file__).resolve().parents[2]

# counts the functions of the solvers that a process takes from disk or compiles for a model of the user's own
COUNT = """
import numba.core.event as event
import geometry, rxd
from geometry.kernel_files import _Files
from rxd import library
from rxd.prepare import prepare

taken = []

def note(function):
    taken.extend([function.__qualname__] * function.__module__.startswith(("rxd.solve", "cable", "geometry")))

class Compiled(event.Listener):
    def on_start(self, event):
        note(event.data["dispatcher"].py_func)
    def on_end(self, event):
        pass

def taking(files, *arguments):
    note(files._py_func)
    return load(files, *arguments)

ready = dict(prepare(["split"]))
load, _Files.load_overload = _Files.load_overload, taking
event.register("numba:compile", Compiled())
cell = geometry.cylinder(100, 2)
model = rxd.Model(cell, segments=7)
model.insert(library.pas(), on=cell.all)
x = rxd.Species(rxd.Region(cell.all, name="cyt"), name="x", d=0.1, initial=1.0)
model.add(rxd.Rate(x, -x / 10))
model.compile("split", dt=0.1).run(1)
print(len(taken), *ready, taken)
"""


def test_a_model_takes_and_compiles_nothing_but_what_was_prepared():
    """What other tests left on disk hides nothing: a process takes a function once, and `prepare` is to be the first to ask."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split()[:2] == ["0", "split"], done.stdout


def test_an_unknown_kind_is_refused_before_anything_is_compiled():
    with pytest.raises(DeclarationError, match=r"Unknown kind of model 'trees'. Choose from: split, coupled, voxels"):
        prepare(["split", "trees"])


def test_the_command_says_what_is_ready():
    done = CliRunner().invoke(app, ["prepare", "split"])
    assert done.exit_code == 0, done.output
    assert "ready    split" in done.output
    wrong = CliRunner().invoke(app, ["prepare", "trees"])
    assert wrong.exit_code == 1
    assert "Choose from" in wrong.output


def test_boxes_are_compiled_for_both_methods(monkeypatch):
    """The coupled method eliminates in a box what it does not in a cable alone: ten seconds to compile."""
    made, compiled = set(), Model.compile

    def noted(model, method, **settings):
        made.add((method, any(isinstance(region, Extracellular) for region in model.regions)))
        return compiled(model, method, **settings)

    monkeypatch.setattr(Model, "compile", noted)
    assert [kind for kind, _ in prepare(["voxels"])] == ["voxels"]
    assert made == {("split", False), ("split", True), ("coupled", True)}
