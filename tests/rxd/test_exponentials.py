"""Exponentials written as powers of one another: the same values, where they may be shared, and where not."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Rational, exp

from rxd.codegen.exponentials import share_exponentials
from rxd.codegen.oracle import _ratio
from rxd.declare.functions import bernoulli_ratio, bernoulli_ratio_of, vtrap

V, W, DT = sympy.symbols("v w dt", real=True)
RATES = [
    vtrap(-(V + 40), 10) / 10,
    4 * exp(-(V + 65) / 18),
    exp(-(V + 65) / 20) * Rational(7, 100),
    1 / (exp(-(V + 35) / 10) + 1),
    exp(-(V + 65) / 80) / 8 + exp(W / 10) + exp(0.05 * W - 1.5),
]


def value(expressions: list[sympy.Expr], v: np.ndarray, shared: list[tuple[sympy.Symbol, sympy.Expr]]) -> np.ndarray:
    """Expressions with v and w = v / 2, by NumPy."""
    known = {"bernoulli_ratio": _ratio, "bernoulli_ratio_of": lambda z, e: np.where(z == 0, 1.0, z / (e - 1.0))}
    names = [V, W, *(symbol for symbol, _ in shared)]
    numbers = [v, v / 2, *(sympy.lambdify([V, W], e, "numpy")(v, v / 2) for _, e in shared)]
    return np.array([sympy.lambdify(names, e, [known, "numpy"])(*numbers) for e in expressions])


def test_values_stay_and_exponentials_get_fewer() -> None:
    shared, found = share_exponentials(RATES, ["e0"])
    v = np.linspace(-120, 80, 403)
    np.testing.assert_allclose(value(found, v, shared), value(RATES, v, []), rtol=2e-13)
    assert [str(symbol) for symbol, _ in shared] == ["e1", "e2"]  # e0 is taken
    assert {e for _, e in shared} == {exp(-V / 80), exp(W / 20)}
    left = set().union(*(e.atoms(exp, bernoulli_ratio) for e in found))
    assert left == {exp(-V / 18 - Rational(65, 18))}
    assert len(set().union(*(e.atoms(bernoulli_ratio_of) for e in found))) == 1


@pytest.mark.parametrize(
    "lonely",
    [
        [exp(V / 10), exp(-V / 10)],  # one is the other's inverse: a division
        [exp(V / 10), exp(V / 7)],
        [exp(V), exp(9 * V)],
        [exp(V**2), exp(2 * V**2)],
        [exp(V * W), exp(2 * V * W)],
        [exp(V / 10 - 60), exp(V / 5 - 60)],  # exp(-60) times a power: lost where that underflows
        [exp(DT * V), exp(V)],
    ],
    ids=str,
)
def test_what_has_nothing_to_share_stays(lonely: list[sympy.Expr]) -> None:
    assert share_exponentials(lonely, []) == ([], lonely)


def test_a_table_counts_as_a_variable() -> None:
    """Its slope is no derivative of floor: taken for zero, the search for powers would not end."""
    step = sympy.floor(V)
    shared, found = share_exponentials([exp(step / 10 + 1), exp(step / 20)], [])
    v = np.linspace(-90, 40, 131) + 0.3
    assert [e for _, e in shared] == [exp(step / 20)]
    np.testing.assert_allclose(value(found, v, shared), value([exp(step / 10 + 1), exp(step / 20)], v, []), rtol=1e-13)
    assert share_exponentials([exp(step / 10 + V), exp(step / 20 + V)], []) == ([], [exp(step / 10 + V), exp(step / 20 + V)])


def test_functions_of_a_variable_are_variables_of_their_own() -> None:
    """Tables of rates: exponentials of floor(v) and floor(v) + 1; what is flat in v is no exponential of it."""

    class step(sympy.Function):  # noqa: N801
        nargs = 1

        def fdiff(self, argindex: int = 1) -> sympy.Expr:
            return sympy.Integer(0)

    shared, found = share_exponentials([exp(-(step(V) + 65) / 20) + exp(-(step(V) + 1) / 10), exp(step(V) * W)], [])
    assert [e for _, e in shared] == [exp(-step(V) / 20)]
    assert found[1] == exp(step(V) * W)
    assert not found[0].atoms(exp)
