"""Notebooks for NEURON in Jupyter, with the kernel that `axoplasm kernel` writes."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from typer.testing import CliRunner

from rxd.cli import app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment with nothing in it, where Jupyter looks."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def test_a_notebook_for_neuron_runs_as_it_is(environment):
    done = CliRunner().invoke(app, ["kernel", "--correct"])
    assert done.exit_code == 0, done.output
    folder = environment / "share" / "jupyter" / "kernels" / "axoplasm-neuron"
    assert str(folder) in done.output
    assert "--correct" in json.loads((folder / "kernel.json").read_text())["argv"]
    cells = ["from neuron import h\nimport neuron", "soma = h.Section(name='soma')\nh.dt", "neuron.__name__"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="axoplasm-neuron").execute()
    assert notebook.cells[1].outputs[0]["data"]["text/plain"] == "0.025"
    assert notebook.cells[2].outputs[0]["data"]["text/plain"] == "'rxd.neuron'"


def test_without_ipykernel_the_remedy_is_named(environment, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["kernel"])
    assert done.exit_code == 1
    assert "pip install 'axoplasm[jupyter]'" in done.output
