"""Formulas as NEURON writes them: `2*(ca)+(buf)*(0.5)`, which scripts and tutorials print.

In: the operands of an operator, as the script gave them. Out: a sum of terms with whole numbers. Nothing is put into words
until somebody asks: a formula is built at every operator, and most are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Built", "Terms", "added", "multiplied", "text"]

Terms = Mapping[object, int]


class Built:
    """A term that is no plain name: a product, a function of something."""

    __slots__ = ("parts", "pattern")

    def __init__(self, pattern: str, *parts: Any) -> None:
        self.pattern, self.parts = pattern, tuple(_terms(part) for part in parts)

    def __str__(self) -> str:
        return self.pattern.format(*(text(part) for part in self.parts))


def _terms(thing: Any) -> Terms:
    """The terms of an operand: those of a formula, or the operand itself.

    A formula keeps the species in it alive, as NEURON's do, but not one that is written with its region (`ca[cyt]`): of a
    script that builds buffers in a loop and keeps the reactions alone, all species go on.
    """
    if hasattr(thing, "terms"):
        found: Terms = thing.terms
        return found
    if hasattr(thing, "kind"):
        return {thing: 1}
    if hasattr(thing, "expression"):
        return {str(thing): 1}
    return {thing if isinstance(thing, (int, float)) else repr(thing): 1}


def added(left: Any, right: Any, factor: int = 1) -> Terms:
    """The terms of `left + factor * right`; those that cancel go."""
    terms = dict(_terms(left))
    for term, count in _terms(right).items():
        terms[term] = terms.get(term, 0) + factor * count
    return {term: count for term, count in terms.items() if count}


def multiplied(thing: Any, factor: Any) -> Terms:
    """The terms of a product: whole numbers go into the sum, all else stays beside it."""
    if isinstance(factor, int):
        return {term: factor * count for term, count in _terms(thing).items() if factor}
    return {Built("({})*({})", thing, factor): 1}


def text(terms: Terms) -> str:
    """The sum in words."""
    shown = ""
    for term, count in terms.items():
        name = repr(term) if isinstance(term, (int, float)) else str(term)
        piece = name if count == 1 else f"-({name})" if count == -1 else f"{count}*({name})"
        shown += piece if not shown or piece.startswith("-") else f"+{piece}"
    return shown or "0"
