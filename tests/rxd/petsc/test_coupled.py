"""PETSc under the coupled stepper: the same runs as with the embedded solver, options and failures as users meet them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import rxd
from rxd.errors import ConvergenceError, DeclarationError

Models = Mapping[str, Callable[[], rxd.Model]]
DT = 0.025
FLEXIBLE = {"pc_type": "fieldsplit", "ksp_type": "fgmres"}
OPTIONS = ("", "-ksp_type gmres", "-pc_type lu", "-pc_type fieldsplit", FLEXIBLE, "-pc_type ilu")


def final(model: rxd.Model, until: float, **options: object) -> tuple[np.ndarray, rxd.Results]:
    with model.compile(method="coupled", **options) as sim:
        results = sim.run(until, record=[rxd.v], every=until / 10)
        return sim.state.y, results


def difference(model: rxd.Model, one: np.ndarray, other: np.ndarray) -> float:
    """Largest over all fields, relative to each field's largest value."""
    layout = model.compile(method="coupled", dt=DT).discretization.layout
    fields = [slice(block.start, block.stop) for block in layout.blocks.values()]
    return max(float(np.abs(one - other)[f].max() / np.abs(other[f]).max()) for f in fields)


@pytest.mark.parametrize("name", ["hodgkin_huxley", "calcium_wave", "electrogenic_pump", "ion_accumulation"])
def test_the_same_steps_as_both_direct_solvers(models: Models, name: str) -> None:
    model = models[name]()
    direct, _ = final(model, 1.0, dt=DT, solver="direct")
    oracle, _ = final(model, 1.0, dt=DT, solver="scipy")
    for options in OPTIONS:
        found, results = final(model, 1.0, dt=DT, solver="petsc", petsc_options=options)
        assert difference(model, found, direct) < 1e-9, options
        assert difference(model, found, oracle) < 1e-9, options
        assert results.statistics.steps == 40
        assert results.statistics.iterations >= results.statistics.solves > 40


def test_the_elimination_is_the_inverse_of_the_matrix_that_petsc_has(models: Models) -> None:
    """GMRES multiplies with the assembled matrix and finds nothing left after one iteration."""
    model = models["calcium_wave"]()
    _, results = final(model, 0.5, dt=DT, solver="petsc", petsc_options="-ksp_type gmres")
    assert results.statistics.iterations == results.statistics.solves > 0


def test_adaptive_steps_are_chosen_alike(models: Models) -> None:
    model = models["calcium_wave"]()
    direct, expected = final(model, 5.0, solver="direct")
    found, results = final(model, 5.0, solver="petsc", petsc_options="-pc_type fieldsplit")
    assert results.statistics.steps == expected.statistics.steps
    assert difference(model, found, direct) < 1e-7


def test_a_field_in_voxels_is_split_and_agrees(models: Models) -> None:
    model = models["buffered_voxels"]()
    oracle, _ = final(model, 0.5, dt=0.05, solver="scipy")
    for options in (None, "-fieldsplit_ca_cyt_pc_type gamg", "-pc_type ilu", "-pc_type lu"):
        found, _ = final(model, 0.5, dt=0.05, solver="petsc", petsc_options=options)
        assert difference(model, found, oracle) < 1e-9, options
    with model.compile(method="coupled", dt=0.05) as sim:  # "auto" takes PETSc: this is no tree
        assert "1 on other grids" in sim.explain()


def test_explain_names_the_methods(models: Models) -> None:
    model = models["calcium_wave"]()
    for options, words in (
        ({}, "preonly on all"),
        ("-pc_type lu", "preonly with lu"),
        ({"pc_type": "fieldsplit", "ksp_type": "bcgs"}, "bcgs with fieldsplit"),
    ):
        with model.compile(method="coupled", dt=DT, solver="petsc", petsc_options=options) as sim:
            assert words in sim.explain()


def test_divergence_is_a_convergence_error_that_keeps_what_was_recorded(models: Models) -> None:
    model = models["calcium_wave"]()
    with model.compile(method="coupled", dt=DT, solver="petsc", petsc_options="-pc_type fieldsplit -ksp_max_it 1") as sim:
        with pytest.raises(ConvergenceError) as error:
            sim.run(1.0, record=[rxd.v], every=DT)
        assert error.value.t == 0.0
        assert error.value.dt == DT
        assert error.value.unknown in sim.discretization.layout.blocks
        assert error.value.place
        assert "ksp_max_it" in error.value.reason or "iterations" in error.value.reason
        assert error.value.results is not None
        assert len(error.value.results.t) == 1


def test_misspelt_options_and_options_for_another_solver_are_refused(models: Models) -> None:
    model = models["hodgkin_huxley"]()
    with pytest.raises(DeclarationError, match="ksp_tipe"):
        model.compile(method="coupled", dt=DT, solver="petsc", petsc_options={"ksp_tipe": "gmres"})
    with pytest.raises(DeclarationError, match="petsc"):
        model.compile(method="coupled", dt=DT, solver="direct", petsc_options={"ksp_type": "gmres"})
