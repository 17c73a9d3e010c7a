"""Sources and sinks on nodes (`node.include_flux`).

In: a node and a number, function, pointer or variable. Out: `Flux` records, read at every step.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import RxDException
from rxd.neuron.pointers import AttributePointer, Pointer
from rxd.neuron.rxd.constants import NA_modern
from rxd.neuron.rxd.formula import Formula

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
        "fmol/ms": 1e-15 * NA_modern,
        "mmol/s": 1e-6 * NA_modern,
    }
)


@dataclass(slots=True)
class Flux:
    """A source: `read()` gives molecules/ms into the node."""

    node: Node
    read: Callable[[], float]
    constant: bool


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
        warnings.warn("include_flux: no units given for the variable; molecule/ms is assumed.", stacklevel=3)
    scale = UNITS[units or "molecule/ms"]
    source = args[0] if args else None
    read: Callable[[], float]
    constant = False
    if len(args) == 2 and isinstance(args[1], str):
        pointer: Pointer = getattr(source, f"_ref_{args[1]}", None) or AttributePointer(source, args[1])
        read = _scaled(pointer.get, scale)
    elif len(args) == 1 and isinstance(source, Pointer):
        read = _scaled(source.get, scale)
    elif len(args) == 1 and isinstance(source, Formula) and source.expression.is_number:
        number = float(source.expression) * scale
        read, constant = (lambda: number), True
    elif len(args) == 1 and isinstance(source, (int, float)) and not isinstance(source, bool):
        number = float(source) * scale
        read, constant = (lambda: number), True
    elif len(args) == 1 and callable(source):
        read = _scaled(source, scale)
    else:
        raise RxDException("unsupported flux form: give a number, a function, a pointer, or a point process and a variable name")
    node.species.session.chemistry.fluxes.append(Flux(node, read, constant))


def _scaled(read: Callable[[], Any], scale: float) -> Callable[[], float]:
    return lambda: scale * float(read())
