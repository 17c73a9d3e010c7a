"""Sources and sinks on nodes (`node.include_flux`).

In: a node and a number, function, pointer or variable. Out: `Flux` records, read at every step.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import RxDException, caution
from rxd.neuron.pointers import AttributePointer, Pointer
from rxd.neuron.rxd.constants import NA_modern
from rxd.neuron.rxd.formula import Formula, Mathable
from rxd.neuron.rxd.node import make_node

if TYPE_CHECKING:
    from rxd.neuron.rxd.node import Node

__all__ = ["UNITS", "Flux", "add_flux"]

UNITS: Mapping[str, float] = MappingProxyType(
    {
        "molecule/ms": 1.0,
        "molecules/ms": 1.0,
        "mol/ms": NA_modern,
        "mol/s": 1e-3 * NA_modern,
        "mmol/ms": 1e-3 * NA_modern,
        "millimol/ms": 1e-3 * NA_modern,
        "fmol/ms": 1e-15 * NA_modern,
        "mmol/s": 1e-6 * NA_modern,
    }
)


@dataclass(slots=True)
class Flux:
    """A source: `read()` gives molecules/ms into a node; it does not keep the species alive.

    Attributes
    ----------
    species : weak reference to the species
    region, table, index
        What a node is made of.
    read : callable
    constant : bool
        Whether it never changes.
    """

    species: weakref.ref[Any]
    region: Any
    table: Any
    index: int
    read: Callable[[], float]
    constant: bool

    @property
    def node(self) -> Node | None:
        """The node, or None if the species is gone."""
        species = self.species()
        return None if species is None else make_node(species, self.region, self.table, self.index)


def add_flux(node: Node, args: tuple[Any, ...], units: str | None) -> None:
    """Let a source act on a node.

    Raises
    ------
    RxDException
        For an unknown unit or form.
    """
    if units is not None and units not in UNITS:
        raise RxDException(f"unknown unit: {units!r}; there are: {', '.join(UNITS)}")
    if units is None and len(args) == 2:
        caution("include_flux: no units given for the variable; molecule/ms is assumed.")
    scale = UNITS[units or "molecule/ms"]
    source = args[0] if args else None
    read: Callable[[], float]
    constant = False
    if len(args) == 2 and isinstance(args[1], str):
        pointer: Pointer = getattr(source, f"_ref_{args[1]}", None) or AttributePointer(source, args[1])
        read = _scaled(lambda kept=source: pointer.get(), scale)  # type: ignore[misc]  # the source lives as long as it acts
    elif len(args) == 1 and isinstance(source, Pointer):
        read = _scaled(source.get, scale)
    elif len(args) == 1 and isinstance(source, Formula) and source.expression.is_number:
        number = float(source.expression) * scale
        read, constant = (lambda: number), True
    elif len(args) == 1 and isinstance(source, Mathable):
        _add_formula(node, source)
        return
    elif len(args) == 1 and isinstance(source, (int, float)) and not isinstance(source, bool):
        number = float(source) * scale
        read, constant = (lambda: number), True
    elif len(args) == 1 and callable(source):
        read = _scaled(source, scale)
    else:
        raise RxDException(
            "unsupported flux form: give a number, a function, a pointer, or a point process and a variable name"
        )
    species, region, table, index = node.part
    species.session.chemistry.fluxes.append(Flux(weakref.ref(species), region, table, index, read, constant))
    species.session.touch()


def _add_formula(node: Node, formula: Mathable) -> None:
    """A formula is a rate in mM/ms at the one node, whatever the units: as in NEURON."""
    from rxd.neuron.rxd.reactions import Rate
    from rxd.neuron.rxd.species import Parameter

    species, region, *_ = node.part
    place = (node.x3d, node.y3d, node.z3d)
    here = Parameter(region, initial=lambda other: 1.0 if (other.x3d, other.y3d, other.z3d) == place else 0.0)
    rate = Rate(species[region], here[region] * formula)
    rate.is_source = True
    species.sources.append((here, rate))


def _scaled(read: Callable[[], Any], scale: float) -> Callable[[], float]:
    return lambda: scale * float(read())
