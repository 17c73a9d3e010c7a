"""The constants of UNITS blocks: physical ones in the units they ask for, and what one unit is in another.

In: ``(faraday)`` and ``(kilocoulombs)``, or ``(nm)`` and ``(um)``. Out: a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from cable.constants import FARADAY, GAS_CONSTANT

__all__ = ["constant"]

BOLTZMANN = 1.380649e-23
AVOGADRO = 6.02214076e23
ELEMENTARY_CHARGE = 1.602176634e-19
PLANCK = 6.62607015e-34

CONSTANTS: Mapping[str, float] = MappingProxyType(
    {
        "faraday": FARADAY, "k-mole": GAS_CONSTANT, "r": GAS_CONSTANT, "pi": math.pi, "e": ELEMENTARY_CHARGE,
        "boltzmann": BOLTZMANN, "k": BOLTZMANN, "avogadro": AVOGADRO, "mole": AVOGADRO,
        "planck": PLANCK, "hbar": PLANCK / (2 * math.pi), "c": 299792458.0,
    }
)  # fmt: skip

PREFIXES: Mapping[str, float] = MappingProxyType(
    {
        "giga": 1e9, "mega": 1e6, "kilo": 1e3, "centi": 1e-2, "milli": 1e-3, "micro": 1e-6, "nano": 1e-9, "pico": 1e-12,
        "femto": 1e-15, "k": 1e3, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12,
    }
)  # fmt: skip

Dimensions = tuple[int, int, int, int, int, int]  # powers of metre, kilogram, second, coulomb, kelvin, mole

NONE: Dimensions = (0, 0, 0, 0, 0, 0)
ENERGY: Dimensions = (2, 1, -2, 0, 0, 0)
VOLT: Dimensions = (2, 1, -2, -1, 0, 0)
CONDUCTANCE: Dimensions = (-2, -1, 1, 2, 0, 0)

BASES: Mapping[str, tuple[float, Dimensions]] = MappingProxyType(
    {
        **dict.fromkeys(("1", "", "degree", "molecules", "molecule"), (1.0, NONE)),
        **dict.fromkeys(("mole", "mol"), (1.0, (0, 0, 0, 0, 0, 1))),
        **dict.fromkeys(("m", "meter"), (1.0, (1, 0, 0, 0, 0, 0))),
        **dict.fromkeys(("sec", "second", "s"), (1.0, (0, 0, 1, 0, 0, 0))),
        **dict.fromkeys(("coulomb", "coul", "c"), (1.0, (0, 0, 0, 1, 0, 0))),
        **dict.fromkeys(("degc", "k", "kelvin"), (1.0, (0, 0, 0, 0, 1, 0))),
        **dict.fromkeys(("ampere", "amp", "a"), (1.0, (0, 0, -1, 1, 0, 0))),
        **dict.fromkeys(("volt", "v"), (1.0, VOLT)),
        **dict.fromkeys(("joule", "j"), (1.0, ENERGY)),
        **dict.fromkeys(("siemens", "S", "mho"), (1.0, CONDUCTANCE)),
        **dict.fromkeys(("um", "micron"), (1e-06, (1, 0, 0, 0, 0, 0))),
        "ohm": (1.0, (2, 1, -1, -2, 0, 0)), "farad": (1.0, (-2, -1, 2, 2, 0, 0)), "newton": (1.0, (1, 1, -2, 0, 0, 0)),
        "watt": (1.0, (2, 1, -3, 0, 0, 0)), "pascal": (1.0, (-1, 1, -2, 0, 0, 0)), "hertz": (1.0, (0, 0, -1, 0, 0, 0)),
        "gram": (1e-3, (0, 1, 0, 0, 0, 0)), "kg": (1.0, (0, 1, 0, 0, 0, 0)), "liter": (1e-3, (3, 0, 0, 0, 0, 0)),
        "hour": (3600.0, (0, 0, 1, 0, 0, 0)), "minute": (60.0, (0, 0, 1, 0, 0, 0)), "ev": (ELEMENTARY_CHARGE, ENERGY),
        "day": (86400.0, (0, 0, 1, 0, 0, 0)), "dyne": (1e-5, (1, 1, -2, 0, 0, 0)), "angstrom": (1e-10, (1, 0, 0, 0, 0, 0)),
        "megohm": (1e6, (2, 1, -1, -2, 0, 0)), "cm": (1e-2, (1, 0, 0, 0, 0, 0)),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """So many SI units of these dimensions."""

    size: float
    dimensions: Dimensions

    def times(self, other: Unit, power: int) -> Unit:
        """Multiply it by a power of another one."""
        dimensions = [mine + power * theirs for mine, theirs in zip(self.dimensions, other.dimensions, strict=True)]
        return Unit(self.size * other.size**power, cast(Dimensions, tuple(dimensions)))


def unit(text: str, names: Mapping[str, str] = MappingProxyType({})) -> Unit | None:
    """What a text such as `(mA/cm2)` says, or None if a word is not known here.

    `names` are those that the file itself defines: `{"mM": "(milli/liter)"}`.
    """
    total = Unit(1.0, NONE)
    for number, part in enumerate(text.strip("() \t").split("/")):
        for word in re.split(r"[-*\s]+", part.strip()):
            value = _word(word, names)
            if value is None:
                return None
            total = total.times(value, -1 if number else 1)
    return total


def _word(word: str, names: Mapping[str, str]) -> Unit | None:
    try:
        return Unit(float(word), NONE)
    except ValueError:
        match = re.fullmatch(r"([A-Za-z]*?)(\d*)", word)
    if match is None:
        return None
    power = int(match.group(2) or 1)
    for name in (match.group(1), match.group(1).removesuffix("s")):
        found = _named(name, names)
        for prefix, size in PREFIXES.items():
            rest = name.removeprefix(prefix)
            if found is None and rest != name and (rest or len(prefix) > 1):
                base = _named(rest, names)
                found = None if base is None else Unit(size, NONE).times(base, 1)
        if found is not None:
            return Unit(1.0, NONE).times(found, power)
    return None


def _named(name: str, names: Mapping[str, str]) -> Unit | None:
    if name in names:
        defined = unit(names[name], {other: text for other, text in names.items() if other != name})
        if defined is not None:
            return defined
    found = BASES.get(name) or BASES.get(name.lower() if name not in {"M", "S"} else name)
    return Unit(*found) if found else None


def constant(what: str, scale: str, names: Mapping[str, str] = MappingProxyType({})) -> float | None:
    """A physical constant in a unit, or one unit in another; None if one of the two is not known, or they do not go together.

    One unit in another counts molecules, as NEURON's table of units does: `(1/micrometer3) (millimole/m3)` is 1e21/6.022e23.
    """
    measure = unit(scale, names)
    if measure is None:
        return None
    value = CONSTANTS.get(what.strip("() \t").lower())
    if value is not None:
        return value / measure.size
    one = unit(what, names)
    if one is None or one.dimensions[:-1] != measure.dimensions[:-1]:
        return None
    return float(one.size / measure.size * AVOGADRO ** (one.dimensions[-1] - measure.dimensions[-1]))
