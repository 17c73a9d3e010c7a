"""A KSChan in NMODL: its equations go the way of all mod files.

In: a `KSChan`. Out: text. States that are a gate of their own are solved by cnexp, kinetic schemes by sparse, as NEURON does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cable.constants import FARADAY, GAS_CONSTANT, KELVIN_AT_ZERO_CELSIUS
from rxd.neuron.mechanisms.kschan_parts import CONSTANT, EXPONENTIAL, LINOID, SIGMOID, STEADY, TABLE, TIME, KSGate, KSTrans

if TYPE_CHECKING:
    from rxd.neuron.mechanisms.kschan import KSChan

__all__ = ["text_of"]


def text_of(channel: KSChan) -> str:
    """The channel in NMODL.

    Raises
    ------
    HocError
        If a transition has no rates.
    """
    point, name, ghk = bool(channel.is_point()), channel.name(), channel.is_ghk
    ion = None if channel.ion() == "NonSpecific" else channel.ion()
    letter = "p" if ghk else "g"
    schemes = [gate for gate in channel.gates if not gate.is_hh]
    reads: dict[str, list[str]] = {}
    if ion is not None:
        reads[ion] = [f"{ion}i", f"{ion}o"] if channel.iv_type() else []
        reads[ion] += [] if ghk else [f"e{ion}"]
    for transition in channel.transitions:
        if transition.follows_ligand:
            known = reads.setdefault(transition.ligand_name[:-1], [])
            known += [] if transition.ligand_name in known else [transition.ligand_name]
    lines = ["NEURON {", f"  {'POINT_PROCESS' if point else 'SUFFIX'} {name}"]
    for one, names in reads.items():
        lines.append(f"  USEION {one} READ {', '.join(names)}" + (f" WRITE i{one}" if one == ion else ""))
    lines += ["  NONSPECIFIC_CURRENT i"] if ion is None else []
    lines += [f"  RANGE {letter}max, {'e, ' if ion is None else ''}{letter}, i", "}"]
    conductance = {(0, 0): "(S/cm2)", (0, 1): "(cm/s)", (1, 0): "(uS)", (1, 1): "(cm3/s)"}[point, ghk]
    current = "(nA)" if point else "(mA/cm2)"
    lines += ["PARAMETER {", f"  {letter}max = {channel.gmax()!r} {conductance}"]
    lines += [f"  e = {channel.erev()!r} (mV)"] if ion is None else []
    lines += ["}", "ASSIGNED {", "  v (mV)", "  celsius (degC)", f"  {letter} {conductance}", f"  i {current}"]
    lines += [f"  {one} ({'mV' if one == f'e{ion}' else 'mM'})" for names in reads.values() for one in names]
    lines += [f"  i{ion} {current}"] if ion is not None else []
    lines.append("}")
    if channel.states:
        lines += ["STATE {", *(f"  {state.own_name}" for state in channel.states), "}"]
    lines += [f"FUNCTION_TABLE {table}(v)" for transition in channel.transitions for table, _ in transition.tabulated()]
    alone = [transition for transition in channel.transitions if transition.is_hh]
    lines.append("INITIAL {")
    lines += [f"  {one.source.own_name} = {_steady(one)}" for one in alone]
    lines += [f"  SOLVE scheme{k} STEADYSTATE sparse" for k in range(len(schemes))]
    lines += ["}", "BREAKPOINT {"]
    lines += ["  SOLVE gates METHOD cnexp"] if alone else []
    lines += [f"  SOLVE scheme{k} METHOD sparse" for k in range(len(schemes))]
    lines.append(f"  {letter} = {' * '.join([f'{letter}max', *map(_opening, channel.gates)])}")
    lines += [f"  i = {_current(channel, ion, letter)}"]
    lines += [f"  i{ion} = i"] if ion is not None else []
    lines.append("}")
    if alone:
        lines += ["DERIVATIVE gates {", *(f"  {one.source.own_name}' = {_slope(one)}" for one in alone), "}"]
    for k, gate in enumerate(schemes):
        lines += [f"KINETIC scheme{k} {{", *_scheme(channel, gate), "}"]
    return "\n".join(lines) + "\n"


def _current(channel: KSChan, ion: str | None, letter: str) -> str:
    """The current, mA/cm2 or nA."""
    if channel.is_ghk:
        charge = channel._session.catalogue.charge_of(str(ion))
        flow = f"p * nrn_ghk(v, {ion}i, {ion}o, {charge})"
        return f"1e6 * {flow}" if channel.is_point() else flow
    return f"{letter} * (v - {'e' if ion is None else f'e{ion}'})"


def _opening(gate: KSGate) -> str:
    """How far a gate is open."""
    parts = [
        state.own_name if state.own_fraction == 1 else f"{state.own_fraction!r} * {state.own_name}"
        for state in gate.states
        if state.own_fraction
    ]
    total = f"({' + '.join(parts) or '0'})"
    return total if gate.own_power == 1 else f"{total}^{gate.own_power}"


def _steady(transition: KSTrans) -> str:
    first, second = _value(transition, 0), _value(transition, 1)
    return first if transition.kind == 1 else f"{first} / ({first} + {second})"


def _slope(transition: KSTrans) -> str:
    first, second, state = _value(transition, 0), _value(transition, 1), transition.source.own_name
    return f"({first} - {state}) / {second}" if transition.kind == 1 else f"{first} * (1 - {state}) - {second} * {state}"


def _scheme(channel: KSChan, gate: KSGate) -> list[str]:
    """Reactions of a kinetic scheme, and what does not change by them: all is in the part of the first state at the start."""
    found, groups = [], {state: {state} for state in gate.states}
    for transition in channel.transitions:
        if transition.source.own_gate is not gate:
            continue
        first, second = _value(transition, 0), _value(transition, 1)
        if transition.follows_ligand:
            power = "" if transition.order == 1 else f"^{transition.order}"
            first = f"{transition.ligand_name}{power} * {transition.rate(0).numbers[0]!r}"
            second = repr(transition.rate(1).numbers[0])
        elif transition.kind == 1:
            first, second = f"{first} / {second}", f"(1 - {first}) / {second}"
        found.append(f"  ~ {transition.source.own_name} <-> {transition.sink.own_name} ({first}, {second})")
        joined = groups[transition.source] | groups[transition.sink]
        groups.update(dict.fromkeys(joined, joined))
    for joined in {id(group): group for group in groups.values()}.values():
        names = " + ".join(state.own_name for state in gate.states if state in joined)
        found.append(f"  CONSERVE {names} = {int(gate.states[0] in joined)}")
    return found


def _value(transition: KSTrans, direction: int) -> str:
    """A function of the voltage, in brackets."""
    rate = transition.rate(direction)
    c = [f"({number!r})" for number in rate.numbers]
    if rate.kind == TABLE:
        return f"{transition.table_name(direction)}(v)"
    if rate.kind == CONSTANT:
        return c[0]
    if rate.kind in (STEADY, TIME):
        x = f"({FARADAY / (1e3 * GAS_CONSTANT)!r} / ({KELVIN_AT_ZERO_CELSIUS!r} + celsius) * {c[2]} * (v - {c[1]}))"
        forward, backward = f"exp({c[3]} * {x})", f"exp(({c[3]} - 1) * {x})"
        if rate.kind == STEADY:
            return f"(1 / (1 + exp(-{x})))"
        return f"(1 / ({c[0]} * ({forward} + {backward})) + {c[4]})"
    if rate.kind == EXPONENTIAL:
        return f"({c[0]} * exp({c[1]} * (v - {c[2]})))"
    if rate.kind == SIGMOID:
        return f"({c[0]} / (1 + exp({c[1]} * (v - {c[2]}))))"
    if rate.kind == LINOID:
        return f"({c[0]} * ({c[1]} * (v - {c[2]})) / (1 - exp(-{c[1]} * (v - {c[2]}))))"
    return "(1)"
