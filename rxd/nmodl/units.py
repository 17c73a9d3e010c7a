"""The physical constants that UNITS blocks name, in the units they ask for.

In: ``(faraday)`` and ``(kilocoulombs)``. Out: a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from cable.constants import FARADAY, GAS_CONSTANT

__all__ = ["constant", "factor"]

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

BASES: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("coulomb", "coul", "c", "joule", "j", "degc", "k", "kelvin", "volt", "v", "amp", "a"), 1.0),
        **dict.fromkeys(("sec", "s"), 1.0),
        **dict.fromkeys(("m", "meter", "mole", "mol", "1", "", "degree", "molecules", "farad", "siemens", "ohm"), 1.0),
        "liter": 1e-3, "hour": 3600.0, "minute": 60.0, "ev": ELEMENTARY_CHARGE, "cm": 1e-2, "um": 1e-6, "micron": 1e-6,
    }
)  # fmt: skip


def factor(unit: str) -> float | None:
    """A unit in SI units, or None for one that is not known here."""
    total = 1.0
    for number, part in enumerate(re.split(r"/", unit.strip("() \t"))):
        for word in re.split(r"[-*\s]+", part.strip()):
            value = _word(word)
            if value is None:
                return None
            total = total / value if number else total * value
    return total


def _word(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        match = re.fullmatch(r"([a-z]*?)(\d*)", word.lower())
    if match is None:
        return None
    name, power = match.group(1), int(match.group(2) or 1)
    for base in (name, name.removesuffix("s")):
        if base in BASES:
            return BASES[base] ** power
        for prefix, size in PREFIXES.items():
            if base.startswith(prefix) and base[len(prefix) :] in BASES and base != prefix:
                return float((size * BASES[base[len(prefix) :]]) ** power)
    return None


def constant(name: str, unit: str) -> float | None:
    """A physical constant in a unit, or None if one of the two is not known."""
    value, scale = CONSTANTS.get(name.strip("() \t").lower()), factor(unit)
    return None if value is None or scale is None else value / scale
