"""PETSc's reasons in words, against the numbers of the library that is installed."""

from __future__ import annotations

from typing import Any

import pytest

from rxd.solve.petsc_options import load_petsc
from rxd.solve.petsc_reasons import CONVERGED, DIVERGED, FACTORISATION, ITERATING, reason_in_words


def named(enumeration: Any) -> dict[str, int]:
    return {name: getattr(enumeration, name) for name in dir(enumeration) if not name.startswith("_")}


def test_every_reason_of_the_library_has_its_sentence() -> None:
    for name, number in named(load_petsc().KSP.ConvergedReason).items():
        sentence = reason_in_words(number)
        if number:
            assert name in sentence, f"{number}: {sentence}"
        else:
            assert sentence == ITERATING
    numbers = set(named(load_petsc().KSP.ConvergedReason).values()) - {0}
    assert numbers == set(CONVERGED) | set(DIVERGED)


def test_every_failure_of_a_factorisation_has_its_sentence() -> None:
    names = named(load_petsc().PC.FailedReason)
    assert set(names.values()) == set(FACTORISATION)
    assert "zero pivot" in FACTORISATION[names["FACTOR_NUMERIC_ZEROPIVOT"]]
    assert "memory" in FACTORISATION[names["FACTOR_OUTMEMORY"]]
    assert "pattern" in FACTORISATION[names["FACTOR_STRUCT_ZEROPIVOT"]]
    assert "right-hand side" in FACTORISATION[names["INCONSISTENT_RHS"]]


def test_the_factorisation_is_named_only_when_diverged() -> None:
    assert "zero pivot" in reason_in_words(-11, 2)
    assert "zero pivot" not in reason_in_words(2, 2)
    assert "99" in reason_in_words(-99)


def test_mappings_are_frozen() -> None:
    with pytest.raises(TypeError):
        DIVERGED[-3] = "mine"  # type: ignore[index]
