"""A translated mod file as a mechanism of `rxd`.

In: a `Translation`. Out: `Mechanism` or `PointMechanism`, with numbers for its parameters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import sympy

from rxd.declare.mechanism import Gate, Mechanism, PointMechanism
from rxd.nmodl.execute import Machine
from rxd.nmodl.syntax import NmodlError
from rxd.nmodl.translation import Translation

__all__ = ["BEGUN", "LEFT", "as_density", "as_mechanism", "event_amounts", "refuse_blocks_around_steps"]

AREA = "area_of_segment"
BEGUN = "@begun"
"""Marks what is assigned as of before the first step."""
LEFT = "@left"
"""Marks what INITIAL leaves in a variable that is a number afterwards."""


def as_mechanism(
    translation: Translation,
    parameters: Mapping[str, Any],
    events: bool = True,
    stepped: bool = False,
    linked: Collection[str] = (),
) -> Mechanism | PointMechanism:
    """A mechanism with the file's numbers, or others given for them.

    Parameters
    ----------
    events : bool
        Declare what an event does to a point process; without, somebody else delivers events.
    stepped : bool
        For steps that go block by block (`Translation.stepped`).
    linked : collection of str
        Parameters that are states without a rate: they follow what somebody else computes.

    Raises
    ------
    NmodlError
        For a parameter it does not have, or an artificial cell, which has no place in a cell.
    """
    file = translation.file
    common = _common(translation, parameters, stepped, linked)
    if file.kind == "SUFFIX":
        return Mechanism(**common, writes=_writes(translation, stepped))
    if file.kind == "ARTIFICIAL_CELL":
        message = f"{file.path}: {file.name} is an ARTIFICIAL_CELL, which has no place in a cell; rxd.neuron runs it."
        raise NmodlError(message)
    if translation.writes:
        (ion, side), *_ = translation.writes
        raise NmodlError(
            f"{file.path}: point process {file.name} writes {ion}{side}; only a density mechanism (SUFFIX) can do that in a "
            "Model. rxd.neuron runs it."
        )
    return PointMechanism(**common, on_event=event_amounts(translation) if events else {})


def as_density(translation: Translation, parameters: Mapping[str, Any], area: Any, stepped: bool) -> Mechanism:
    """A point process as a density mechanism of the segment it is in, which may write ions.

    Parameters
    ----------
    area : float or callable
        Membrane area of segments, um2: its currents (nA) become densities (mA/cm2).
    stepped : bool
        As for `as_mechanism`.
    """
    common = _common(translation, parameters, stepped, ())
    per_area = 100 / sympy.Symbol(AREA, real=True)
    common["parameters"] = {**common["parameters"], AREA: area}
    common["currents"] = tuple(replace(current, density=current.density * per_area) for current in translation.currents)
    return Mechanism(**common, writes=_writes(translation, stepped))


def _writes(translation: Translation, stepped: bool) -> dict[tuple[str, str], Any]:
    shown = {str(gate.symbol): gate.symbol for gate in translation.shown if stepped}
    return {
        (ion, what): shown.get(f"e{ion}" if what == "e" else f"{ion}{what}", value)
        for (ion, what), value in translation.writes.items()
    }


def _common(translation: Translation, parameters: Mapping[str, Any], stepped: bool, linked: Collection[str]) -> dict[str, Any]:
    """What density mechanisms and point processes share."""
    file, names = translation.file, translation.names
    for name in sorted(translation.missing):
        remedy = f"h.table_{name}_{file.name}(...) before h.finitialize(), or {name}=FunctionTable(...) for read_nmodl"
        raise file.error(0, f"FUNCTION_TABLE {name} has no numbers: {remedy}.")
    known = {**translation.parameters, **dict.fromkeys(names.place)}
    for name in parameters:
        if name not in known:
            raise NmodlError(f"{file.path}: {file.name} has no parameter '{name}'. It has: {', '.join(known)}.")
    numbers = {**translation.parameters, **_of_place(translation, parameters), **parameters}
    if not stepped:
        _refuse_algebraic(translation)
    numbers = {name: value for name, value in numbers.items() if name not in linked}
    followers = tuple(Gate(sympy.Symbol(name, real=True), sympy.Integer(0), sympy.Integer(0)) for name in linked)
    common: dict[str, Any] = {
        "name": file.name,
        "gates": (*((*translation.stepped, *translation.shown) if stepped else translation.gates), *followers),
        "currents": translation.currents,
        "parameters": numbers,
    }
    assigned = {name: value for name, (value, _) in translation.assigned.items()}
    if stepped:
        assigned |= {f"{name}{BEGUN}": value for name, value in translation.begun.items()}
    assigned |= {f"{name}{LEFT}": value for name, value in translation.left.items()}
    common |= {"assigned": assigned}
    common |= {"reference": f"{file.path} (NMODL)"}
    return common


def refuse_blocks_around_steps(translation: Translation) -> None:
    """Refuse a file with BEFORE or AFTER blocks.

    Raises
    ------
    NmodlError
        If it has any: only `rxd.neuron` runs them.
    """
    for block in translation.file.all("hook"):
        message = f"{block.name.upper()} runs around steps of rxd.neuron only. Compute it in BREAKPOINT, or from results."
        raise translation.file.error(block.line, message)


def _refuse_algebraic(translation: Translation) -> None:
    file = translation.file
    for key, method in translation.methods.items():
        if method.kind == "algebraic":
            message = (
                f"{method.block} gives {key} by an equation, not a rate, which only fixed steps of rxd.neuron solve. "
                "Write its solution, or a DERIVATIVE."
            )
            raise file.error(next(block.line for block in file.blocks if block.name == method.block), message)


def _of_place(translation: Translation, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the segment gives to a mechanism."""
    found: dict[str, Any] = {}
    for name in translation.names.place:
        if name in given:
            continue
        if name != "diam" or translation.file.kind != "SUFFIX":
            message = (
                f"{translation.file.path}: {translation.file.name} reads {name} of its segment. Give its number: {name}=..."
            )
            raise NmodlError(message)
        found[name] = _diameters
    return found


def _diameters(nodes: Any) -> Any:
    return nodes.diam


def event_amounts(translation: Translation, numbers: bool = False) -> dict[str, Any]:
    """What an event adds to each state, as expressions of ``weight`` and parameters.

    ``numbers``: somebody runs INITIAL with numbers, so that what it leaves is a parameter, too.

    Raises
    ------
    NmodlError
        If NET_RECEIVE does more than add to states.
    """
    file = translation.file
    block = file.block("net_receive")
    if block is None:
        return {}
    weight = sympy.Symbol("weight", real=True)
    first = block.arguments[0] if block.arguments else "weight"
    message = f"NET_RECEIVE of {file.name} does more than add to states, and an event of a Model cannot. rxd.neuron runs it."
    refusal = file.error(block.line, message)
    if len(block.arguments) > 1 or (translation.memory and not numbers):
        raise refusal

    def resolve(key: str) -> Any:
        if key == first:
            return weight
        if key in file.constants:
            return sympy.Float(file.constants[key])
        if key in translation.names.states or key in translation.parameters:
            return sympy.Symbol(key, real=True)
        if key in translation.assigned:
            return translation.assigned[key][0]
        raise refusal

    machine = Machine(file, resolve)
    machine.run(block.body)
    amounts = {}
    for key, value in machine.values.items():
        added = sympy.expand(value - sympy.Symbol(key, real=True))
        if key not in translation.names.states or {s.name for s in added.free_symbols} - {"weight", *translation.parameters}:
            raise refusal
        amounts[key] = added
    return amounts
