"""Constants of the rxd module.

In: nothing. Out: numbers as functions, as in NEURON.
"""

from __future__ import annotations

from cable.constants import MOLECULES_PER_MM_UM3

NA_modern = 6.02214076e23


def NA() -> float:
    """Avogadro's number."""
    return NA_modern


def molecules_per_mM_um3() -> float:
    """Molecules in one cubic micrometre at 1 mM."""
    return MOLECULES_PER_MM_UM3
