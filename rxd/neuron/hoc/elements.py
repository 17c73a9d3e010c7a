"""Arrays among range variables: `xg[1](0.5) = 2`, `soma.ca_cadifus[2]`, `xraxial = 5` (of the first element, as in NEURON).

In: a reference of hoc code. Out: the same reference with the element's own name, that of a plain range variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lark import Token, Tree

from rxd.neuron.cells.ranges import array_of
from rxd.neuron.cells.sections import Section
from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.hoc.evaluate import Evaluator

__all__ = ["with_element"]

Reference = tuple[Any, Sequence[Any]]


def with_element(evaluator: Evaluator, first: Any, parts: Sequence[Any]) -> Reference:
    """A reference whose array of range variables, if it names one, is replaced by an element of it.

    Parameters
    ----------
    evaluator : Evaluator
        What tells the accessed section, and the owner of a member.
    first, parts : Tree, sequence of Tree
        The reference: a name, and what follows it.

    Returns
    -------
    first, parts
        As given if it names no such array.

    Raises
    ------
    HocError
        If the array has no such element.
    """
    names = evaluator.session.catalogue.arrays
    name = str(first.children[0])
    if name in names and not evaluator.shadows(name):
        record = evaluator.accessed()
        element = None if record is None else _element(evaluator, record, name, parts)
        if element is None:
            return first, parts
        changed, used = element
        return Tree("first", [Token("NAME", changed)]), parts[used:]
    for k, part in enumerate(parts):
        if part.data == "member" and str(part.children[0]) in names:
            owner = evaluator.owner(first, *parts[:k])
            if isinstance(owner, Section):
                element = _element(evaluator, owner.record, str(part.children[0]), parts[k + 1 :])
                if element is not None:
                    changed, used = element
                    member = Tree("member", [Token("NAME", changed)])
                    return first, [*parts[:k], member, *parts[k + 1 + used :]]
    return first, parts


def _element(evaluator: Evaluator, record: SectionRecord, name: str, following: Sequence[Any]) -> tuple[str, int] | None:
    """The element's name as a range variable, and how many parts of the reference its index took."""
    array = array_of(record, name)
    if array is None:
        return None
    mechanism, short, size = array
    indexed = bool(following) and following[0].data == "item"
    index = int(evaluator.number(following[0].children[0])) if indexed else 0
    if not 0 <= index < size:
        raise HocError(f"{name}[{index}]: subscript out of range; there are {size} elements")
    return f"{short}_{index}_{mechanism}", int(indexed)
