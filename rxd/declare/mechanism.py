"""Mechanisms as declarations: gates and current densities on a membrane, and point processes.

A mechanism's expressions use its own plain symbols (`symbols("m h n")` for gates, parameters by name), `rxd.v`, `rxd.celsius`,
`rxd.reversal("na")` and `rxd.concentration("ca", "i")`. Nothing here knows a solver.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import field
from types import MappingProxyType
from typing import Any

import sympy

from geometry.records import dataclass
from rxd.declare.region import check_name
from rxd.declare.symbols import IonSymbol, as_expression, celsius, t, v
from rxd.errors import DeclarationError
from rxd.units import as_number


def symbols(names: str) -> Any:
    """Real symbols for a mechanism's gates and parameters: ``m, h, n = symbols("m h n")``."""
    return sympy.symbols(names, real=True)


@dataclass(frozen=True, slots=True)
class Gate:
    """A state of a mechanism: ``d symbol/dt = rate`` (1/ms) from ``initial``, an expression of v, celsius, parameters, ions."""

    symbol: sympy.Symbol
    rate: Any
    initial: Any


@dataclass(frozen=True, slots=True)
class Current:
    """A current of a mechanism, positive outward: mA/cm2 (density mechanism) or nA (point process).

    ``ion`` carries it; without one it is nonspecific and changes v alone.
    """

    name: str
    density: Any
    ion: str | None = None


@dataclass(frozen=True)
class Mechanism:
    """A density mechanism (channel, pump, leak), inserted with ``model.insert(mechanism, on=selection)``.

    Attributes
    ----------
    name : str
        Gates and currents are recorded as ``name.gate`` and ``name.current``.
    parameters : mapping of str to number or callable
        Numbers per segment; a callable gets a `rxd.Nodes` view and returns an array.
    gates, currents : tuple of Gate, tuple of Current
    ions : mapping of ion to reversal potential in mV
        Used where neither the model nor a species sets the ion.
    reference : str
        Paper (DOI).
    writes : mapping of (ion, ``"i"``, ``"o"`` or ``"e"``) to expression
        Concentrations (mM) and reversal potentials (mV) that it determines where it is inserted, for all mechanisms there.
    assigned : mapping of str to expression
        Quantities that nothing depends on, for results to read.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    currents: tuple[Current, ...] = ()
    ions: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    writes: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    assigned: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, frozenset())

    def with_parameters(self, parameters: Mapping[str, Any]) -> Mechanism:
        """The same equations, not checked again, with other numbers or callables for all parameters.

        Raises
        ------
        DeclarationError
            If these are not its parameters.
        """
        if parameters.keys() != self.parameters.keys():
            message = f"Mechanism '{self.name}' has the parameters {', '.join(self.parameters)}; got {', '.join(parameters)}."
            raise DeclarationError(message)
        other = copy(self)
        object.__setattr__(other, "parameters", _numbers(self, {name: parameters[name] for name in self.parameters}))
        return other


@dataclass(frozen=True)
class PointMechanism:
    """A process at one place (synapse): currents in nA, states that events change.

    Attributes
    ----------
    on_event : mapping of state name to expression of ``weight``
        What one event adds to a state.
    Others as for `Mechanism`.
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()
    currents: tuple[Current, ...] = ()
    ions: Mapping[str, float] = field(default_factory=dict)
    on_event: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    assigned: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, frozenset({"weight"}))
        states = {gate.symbol.name for gate in self.gates}
        for state in self.on_event:
            if state not in states:
                message = (
                    f"Point mechanism '{self.name}': on_event names '{state}', "
                    f"which is not one of its states ({sorted(states)})."
                )
                raise DeclarationError(message)


def _check(mechanism: Mechanism | PointMechanism, extra: frozenset[str]) -> None:
    """Names, and no stray symbol in any expression."""
    what = f"Mechanism '{mechanism.name}'"
    check_name(mechanism.name, "Mechanism")
    for name in (*mechanism.parameters, *(c.name for c in mechanism.currents)):
        check_name(name, what)
    known = {v.name, t.name, celsius.name, *mechanism.parameters, *(gate.symbol.name for gate in mechanism.gates)}
    texts: list[tuple[str, Any]] = [(f"rate of {g.symbol}", g.rate) for g in mechanism.gates]
    texts += [(f"initial of {g.symbol}", g.initial) for g in mechanism.gates]
    texts += [(f"current {c.name}", c.density) for c in mechanism.currents]
    texts += [(f"assigned {name}", value) for name, value in mechanism.assigned.items()]
    if isinstance(mechanism, Mechanism):
        texts += [(f"writes {ion} {side}", value) for (ion, side), value in mechanism.writes.items()]
    else:
        texts += [(f"on_event of {name}", value) for name, value in mechanism.on_event.items()]
    for label, value in texts:
        expression = as_expression(value, f"{what}, {label}")
        stray = [s.name for s in expression.free_symbols if not isinstance(s, IonSymbol) and s.name not in known | extra]
        if stray:
            message = (
                f"{what}, {label}: unknown symbol {', '.join(sorted(stray))}. Allowed: its parameters and gates "
                f"({', '.join(sorted(known))}), rxd.reversal(ion), rxd.concentration(ion, side)."
            )
            raise DeclarationError(message)
    object.__setattr__(mechanism, "parameters", _numbers(mechanism, mechanism.parameters))
    for what in ("ions", "assigned"):
        object.__setattr__(mechanism, what, MappingProxyType(dict(getattr(mechanism, what))))


def _numbers(mechanism: Mechanism | PointMechanism, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Numbers and callables of parameters."""
    return MappingProxyType(
        {
            name: value if callable(value) else as_number(value, f"Parameter '{name}' of mechanism '{mechanism.name}'")
            for name, value in values.items()
        }
    )
