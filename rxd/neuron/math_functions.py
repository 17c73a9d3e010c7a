"""Mathematical functions of `h`, and those about ions.

In: numbers. Out: numbers. Each takes the session first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.globals import CONSTANTS

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Section
    from rxd.neuron.session import Session

__all__ = ["MATH_FUNCTIONS"]


def _function(name: str, function: Callable[..., float]) -> Callable[..., float]:
    def call(session: Session, *args: float) -> float:
        try:
            return float(function(*args))
        except ValueError as error:
            raise HocError(f"{name} argument out of domain: {args}") from error

    call.__name__ = name
    call.__doc__ = f"{name} of a number."
    return call


def _exp(x: float) -> float:
    return math.exp(min(float(x), 700.0))


def _logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    """A logarithm that is minus infinity at 0, as C's."""
    return lambda x: -math.inf if x == 0 else function(x)


def nernst(session: Session, *args: Any, sec: Section | None = None) -> float:
    """Reversal potential in mV: `nernst(inside, outside, charge)`, or, of a place in a section, `nernst("ena", 0.5)`.

    `nernst("nai")` and `nernst("nao")` are the concentrations (mM) at which `ena` would be the reversal potential.
    """
    if len(args) == 3 and not any(isinstance(arg, str) for arg in args):
        inside, outside, charge = map(float, args)
        if inside <= 0 or outside <= 0:
            raise HocError(f"nernst: concentrations must be positive, not {inside} and {outside}")
        if charge == 0:
            return 0.0
        volts = CONSTANTS["R"] * (session.globals["celsius"] + 273.15) / (charge * CONSTANTS["FARADAY"])
        return 1000.0 * volts * math.log(outside / inside)
    names = [str(arg) for arg in args if isinstance(arg, str)]
    ion = next((ion for ion in session.catalogue.ions.values() if names and names[0] in ion.variables), None)
    if ion is None or names[0] not in list(ion.variables)[:3]:
        raise HocError(f"{names[0] if names else args} not a reversal potential or concentration")
    section = session.topology.cas().section if sec is None else sec
    x = float(args[-1]) if args and not isinstance(args[-1], str) else 0.5
    segment, kind = section(x), list(ion.variables).index(names[0])
    inside, outside = (getattr(segment, f"{ion.name}{side}") for side in "io")
    if kind == 0 or len(names) > 1:
        return nernst(session, inside, outside, ion.charge)
    volts = CONSTANTS["R"] * (session.globals["celsius"] + 273.15) / (ion.charge * CONSTANTS["FARADAY"])
    ratio = math.exp(1e-3 * getattr(segment, f"e{ion.name}") / volts)
    return outside / ratio if kind == 1 else inside * ratio


def ghk(session: Session, v: float, inside: float, outside: float, charge: float) -> float:
    """Current density in mA/cm2 for a permeability of 1 cm/s, by Goldman, Hodgkin and Katz; v in mV, concentrations in mM."""
    x = charge * v * 1e-3 * CONSTANTS["FARADAY"] / (CONSTANTS["R"] * (session.globals["celsius"] + 273.15))
    ratio = x / math.expm1(x) if abs(x) > 1e-6 else 1 - x / 2
    return 1e-3 * charge * CONSTANTS["FARADAY"] * (inside * (ratio + x) - outside * ratio)


def ion_register(session: Session, name: str, charge: float) -> float:
    """Make an ion known."""
    session.catalogue.ion(name, int(charge))
    return float(list(session.catalogue.ions).index(name))


def ion_charge(session: Session, mechanism: str) -> float:
    """Charge of an ion, given as `ca_ion`."""
    ion = session.catalogue.ion_of(mechanism)
    if ion is None:
        raise HocError(f"{mechanism}  is not an ion")
    return float(ion.charge)


def ion_style(session: Session, mechanism: str, *flags: float, sec: Section | None = None) -> float:
    """How an ion's concentrations and reversal potential are treated in a section; with five flags, set it.

    Where a mod file or a species moves concentrations the reversal potential follows them at every step only if the fourth flag
    says so. Otherwise the flags are kept and returned, and what is computed follows from the declarations (a species with
    `nrn_region` makes concentrations states, and `finitialize` sets the flags accordingly).
    """
    if session.catalogue.ion_of(mechanism) is None:
        raise HocError(f"{mechanism}  is not an ion")
    record = session.topology.cas() if sec is None else sec._alive
    if mechanism not in record.mechanisms:
        return -1.0
    old = record.ion_styles.get(mechanism, 8)
    if flags:
        c, e, e_init, e_advance, c_init = (int(flag) for flag in (*flags, 0, 0, 0, 0)[:5])
        (record.held.discard if e_advance else record.held.add)(mechanism)
        record.ion_styles[mechanism] = c + 8 * e + 32 * e_init + 64 * e_advance + 4 * c_init
        session.touch()
    return float(old)


def name_declared(session: Session, name: str, *_: Any) -> float:
    """What a name is in hoc: 0 unknown, 1 something, 2 an object, 3 a section, 4 text, 5 a number."""
    if name in CONSTANTS or any(name in table for table in (session.globals, session.hoc.variables, session.hoc.arrays)):
        return 5.0
    if name in session.hoc.strings:
        return 4.0
    if name in session.hoc.sections:
        return 3.0
    if name in session.hoc.objects:
        return 2.0
    return float(name in session.hoc.procedures or name in session.hoc.templates or _built_in(session, name))


def _built_in(session: Session, name: str) -> bool:
    """Whether a name is a function, a class, a mechanism or a range variable."""
    from rxd.neuron.interpreter import FUNCTIONS, classes

    catalogue = session.catalogue
    known = name in FUNCTIONS or name in classes() or name in {"v", "diam", "L", "Ra", "nseg", "cm"}
    return known or catalogue.knows(name) or catalogue.point_class(name) is not None or catalogue.owner(name) is not None


_PLAIN: tuple[tuple[str, Callable[..., float]], ...] = (
    ("exp", _exp), ("log", _logarithm(math.log)), ("log10", _logarithm(math.log10)), ("sqrt", math.sqrt), ("sin", math.sin),
    ("cos", math.cos), ("tan", math.tan), ("tanh", math.tanh), ("sinh", math.sinh), ("cosh", math.cosh), ("atan", math.atan),
    ("atan2", math.atan2), ("abs", abs), ("int", math.trunc), ("erf", math.erf), ("erfc", math.erfc),
)  # fmt: skip

MATH_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **{name: _function(name, function) for name, function in _PLAIN},
        "nernst": nernst,
        "ghk": ghk,
        "ion_register": ion_register,
        "ion_charge": ion_charge,
        "ion_style": ion_style,
        "name_declared": name_declared,
    }
)
