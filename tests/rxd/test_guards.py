"""Mistakes that would give silent wrong answers: an error or a warning names them."""

from __future__ import annotations

import ast
import tempfile
from pathlib import Path

import numpy as np
import pytest

import geometry
import rxd
from rxd import library
from rxd.codegen import cache
from rxd.declare.mechanism import symbols


def test_a_pump_too_fast_for_the_split_step_is_said() -> None:
    """Explicit currents are unstable above 2 / dt: the warning names the species, and the coupled method has no such limit."""
    cell = geometry.cylinder(1, 0.2)
    model = rxd.Model(cell, segments=1)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    mem = rxd.Region(cell.all, "mem", shape=rxd.membrane)
    ca = rxd.Species(cyt, "ca", charge=2, initial=1e-3)
    pump = rxd.MultiCompartmentReaction(ca[cyt], 0, 4e6 * ca[cyt], membrane=mem, custom_dynamics=True, membrane_flux=True)
    model.insert(library.pas(g=0.1), on=cell.all)
    model.add(pump)
    split = model.compile("split", dt=0.025)
    with pytest.warns(rxd.RxdWarning, match=r"ca\[cyt\] fell below zero at .*method='coupled'"):
        split.run(0.5, record=[ca], every=0.025)
    coupled = model.compile("coupled", rtol=1e-6)
    values = coupled.run(0.5, record=[ca])[ca].values
    assert np.all(values > -1e-9)


def test_a_point_current_of_an_ion_that_is_a_species_in_voxels_is_refused() -> None:
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=1)
    g, ca_current = symbols("g"), rxd.v - 60
    synapse = rxd.PointMechanism("calcium_synapse", {"g": 1e-3}, (), (rxd.Current("ica", g * ca_current, "ca"),))
    cyt = rxd.Region(cell.all, "cyt", side="i", dimension=3, dx=0.25)
    model.add(rxd.PointProcess(synapse, cell.all(0.5)))
    model.compile("split", dt=0.025)
    model.add(rxd.Species(cyt, "ca", charge=2))
    with pytest.raises(
        rxd.DeclarationError, match=r"'calcium_synapse'.*'ica' carries 'ca'.*in voxels.*MultiCompartmentReaction"
    ):
        model.compile("split", dt=0.025)


def test_a_species_named_as_an_ion_without_its_charge_is_said() -> None:
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=1)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.Species(rxd.Region(cell.all, "cyt", side="i"), "na", initial=10))
    with pytest.warns(rxd.RxdWarning, match=r"hh.ina.*na\[cyt\] has charge 0"):
        model.compile("split", dt=0.025)


def test_concentrations_given_for_an_ion_move_its_reversal_potential() -> None:
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=1, celsius=6.3)
    model.ion("na", inside=20, outside=145)
    assert model.ions["na"].e is None
    model.ion("na", e=50)
    assert model.ions["na"].e == 50


def test_point_processes_with_other_numbers_share_their_equations() -> None:
    cell = geometry.cylinder(100, 1)
    model = rxd.Model(cell, segments=5)
    places = np.linspace(0.1, 0.9, 5)
    model.add([rxd.PointProcess(library.exp_syn(tau=1 + x), cell.all(x)) for x in places])
    sim = model.compile("split", dt=0.025)
    assert [group.space for group in sim.system.groups] == ["segments", "points"]
    assert len(sim.system.groups[1].points) == 5


def test_machine_code_compiled_from_older_sources_is_discarded(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """numba would go on with it: it looks at one file only."""
    package = tmp_path / "rxd"
    for folder in ("solve", "codegen"):
        (package / folder / "__pycache__").mkdir(parents=True)
    source, compiled = package / "solve" / "loop.py", package / "codegen" / "__pycache__" / "loop.nbi"
    source.write_text("old")
    monkeypatch.setattr(cache, "__file__", str(package / "codegen" / "cache.py"))
    cache.discard_stale_code()
    compiled.write_text("machine code")
    cache.discard_stale_code()
    assert compiled.exists()
    source.write_text("new")
    cache.discard_stale_code()
    assert not compiled.exists()


def test_without_a_cache_there_is_one_folder_for_all_kernels_of_a_user(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").touch()
    monkeypatch.setenv("AXOPLASM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = cache.cache_folder()
    assert cache.cache_folder() == folder
    assert sorted(tmp_path.iterdir()) == sorted([folder, tmp_path / "file"])
    folder.chmod(0o777)  # others could put code there
    assert cache.cache_folder() != folder


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        cache.write_whole(tmp_path / "folder", b"text")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_shared_kernel_whose_file_was_cut_off_is_written_again(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "axoplasm_kernel_of_a_test_that_was_cut_off.py"
    path.write_text("ANSWER = 4")
    assert cache.load_file(path, "ANSWER = 42").ANSWER == 42


def test_all_that_writes_kernels_is_in_their_keys() -> None:
    """An edit of a file that is not would meet the text that it wrote before."""
    root, known = Path(rxd.__file__).parent, set[str]()
    remaining = ["rxd.codegen.split_text", "rxd.codegen.coupled_module"]
    while remaining:
        name = remaining.pop()
        path = root.parent / f"{name.replace('.', '/')}.py"
        if name in known or not path.exists():
            continue
        known.add(name)
        remaining += [
            node.module or ""
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rxd.codegen")
        ]
    keepers = {"rxd.codegen.cache", "rxd.codegen.fingerprint", "rxd.codegen.pruning"}  # they keep text and write none
    assert {name.removeprefix("rxd.").replace(".", "/") + ".py" for name in known - keepers} <= set(cache.SUPPORT)
