"""Short polynomials as plain data: entries of a Jacobian that are computed where they are needed instead of kept in memory.

The derivatives of mass action are one or two products of a constant and a concentration. To store such an entry and load it
again costs more than to compute it twice, and the entries of forty species do not fit into the nearest cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sympy

Monomial = tuple[float, tuple[int, ...], tuple[int, ...]]
"""Coefficient, rows of unknowns and rows of fields that are multiplied; a power is a row several times."""
Polynomial = tuple[Monomial, ...]

TERMS: Final = 4
FACTORS: Final = 3
"""Longer polynomials are not worth it."""


def polynomial(
    expression: sympy.Expr, unknowns: Mapping[sympy.Symbol, int], fields: Mapping[sympy.Symbol, int]
) -> Polynomial | None:
    """An expression as a short polynomial of unknowns and fields, by their rows; None if it is none as it stands."""
    terms = sympy.Add.make_args(expression)
    found = [_monomial(term, unknowns, fields) for term in terms[: TERMS + 1]]
    known = tuple(term for term in found if term is not None)
    return known if len(known) == len(terms) <= TERMS else None


def _monomial(term: sympy.Expr, unknowns: Mapping[sympy.Symbol, int], fields: Mapping[sympy.Symbol, int]) -> Monomial | None:
    coefficient, rows = 1.0, {"unknowns": list[int](), "fields": list[int]()}
    for factor in sympy.Mul.make_args(term):
        base, exponent = factor.as_base_exp()
        if factor.is_number and factor.is_real and factor.is_finite:
            coefficient *= float(factor)
        elif exponent.is_Integer and 0 < exponent <= FACTORS and base in unknowns:
            rows["unknowns"] += [unknowns[base]] * int(exponent)
        elif exponent.is_Integer and 0 < exponent <= FACTORS and base in fields:
            rows["fields"] += [fields[base]] * int(exponent)
        else:
            return None
    if len(rows["unknowns"]) + len(rows["fields"]) > FACTORS:
        return None
    return coefficient, tuple(sorted(rows["unknowns"])), tuple(sorted(rows["fields"]))
