"""Physical constants, the named factors between house units, and the textbook formulas of ions at a membrane.

In: temperatures in degrees Celsius, concentrations in mM, voltages in mV. Out: the same units (ms, um, mV, mM, nA, nF, uS).
The factors are those of the table "Units inside the house" in `docs/architecture.md`; no other module spells them out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from cable.errors import CableError

__all__ = [
    "AVOGADRO",
    "BOLTZMANN",
    "CURRENT_PER_FLUX",
    "ELEMENTARY_CHARGE",
    "FARADAY",
    "FLUX_PER_CURRENT",
    "GAS_CONSTANT",
    "KELVIN_AT_ZERO_CELSIUS",
    "MOHM_PER_OHM_CM_PER_UM",
    "MOLECULES_PER_MM_UM3",
    "NA_PER_DENSITY",
    "NF_PER_DENSITY",
    "US_OHM_CM_PER_UM",
    "US_PER_DENSITY",
    "ghk_current",
    "ghk_flux",
    "nernst",
    "thermal_voltage",
]

# The SI of 2019 fixes these three; CODATA 2018/2022 list them as exact (https://doi.org/10.1103/RevModPhys.93.025010).
ELEMENTARY_CHARGE: Final = 1.602176634e-19
"""Elementary charge, C."""
BOLTZMANN: Final = 1.380649e-23
"""Boltzmann constant, J/K."""
AVOGADRO: Final = 6.02214076e23
"""Avogadro constant, 1/mol."""
FARADAY: Final = ELEMENTARY_CHARGE * AVOGADRO
"""Faraday constant, C/mol."""
GAS_CONSTANT: Final = BOLTZMANN * AVOGADRO
"""Molar gas constant, J/(mol K)."""
KELVIN_AT_ZERO_CELSIUS: Final = 273.15
"""0 degrees Celsius, K."""

MOLECULES_PER_MM_UM3: Final = AVOGADRO * 1e-18
"""Molecules in 1 um3 of 1 mM: 1 mM um3 = 1e-18 mol = 602214.076."""
NF_PER_DENSITY: Final = 1e-5
"""nF of 1 uF/cm2 on 1 um2."""
US_PER_DENSITY: Final = 1e-2
"""uS of 1 S/cm2 on 1 um2."""
NA_PER_DENSITY: Final = 1e-2
"""nA of 1 mA/cm2 on 1 um2."""
US_OHM_CM_PER_UM: Final = 100.0
"""uS of a core with Ra * rho = 1 ohm cm / um."""
MOHM_PER_OHM_CM_PER_UM: Final = 1.0 / US_OHM_CM_PER_UM
"""Mohm of a core with Ra * rho = 1 ohm cm / um."""
FLUX_PER_CURRENT: Final = 1e4
"""mM um3/ms carried by 1 mA/cm2 on 1 um2, times z F: flux = FLUX_PER_CURRENT * i * area / (z F)."""
CURRENT_PER_FLUX: Final = 1.0 / FLUX_PER_CURRENT
"""mA/cm2 of 1 mM um/ms, per z F: i = CURRENT_PER_FLUX * z F * flux."""

# Below this |z v / (R T / F)| the Bernoulli function is its series; the first term left out, x**4 / 720, is then < 1e-18.
_SERIES_BELOW: Final = 1e-4


def thermal_voltage(celsius: float) -> float:
    """Return R T / F.

    Parameters
    ----------
    celsius : float
        Temperature, degrees Celsius.

    Returns
    -------
    float
        mV; 24.08 at 6.3 degrees.

    Raises
    ------
    CableError
        If the temperature lies at or below absolute zero, or is not a number.
    """
    kelvin = celsius + KELVIN_AT_ZERO_CELSIUS
    if not kelvin > 0.0:
        raise CableError(
            f"A temperature of {celsius:g} degrees Celsius lies at or below absolute zero. Give degrees Celsius, such as 6.3."
        )
    return 1e3 * GAS_CONSTANT * kelvin / FARADAY


def nernst(charge: float, inside: ArrayLike, outside: ArrayLike, celsius: float) -> np.ndarray | float:
    """Return the Nernst potential `R T / (z F) log(outside / inside)`.

    Parameters
    ----------
    charge : float
        Charge number z of the ion.
    inside, outside : array_like, mM
        Concentrations; they broadcast against each other.
    celsius : float
        Temperature, degrees Celsius.

    Returns
    -------
    ndarray or float
        mV; a float if both concentrations are numbers.

    Raises
    ------
    CableError
        If the charge is zero or a concentration is not positive.
    """
    if charge == 0:
        raise CableError("A particle without charge has no Nernst potential. Give charge=, such as 2 for calcium.")
    concentrations = []
    for side, value in (("inside", inside), ("outside", outside)):
        array = np.asarray(value, dtype=float)
        bad = ~(array > 0.0)
        if bad.any():
            where = f" at index {tuple(int(i) for i in np.argwhere(bad)[0])}" if array.ndim else ""
            raise CableError(
                f"The Nernst potential needs positive concentrations: {side} is {array[bad].flat[0]:g} mM{where}. "
                "Give a concentration above zero, or a constant reversal potential."
            )
        concentrations.append(array)
    potential = thermal_voltage(celsius) / charge * (np.log(concentrations[1]) - np.log(concentrations[0]))
    return potential if np.ndim(potential) else float(potential)


def _bernoulli_pair(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x / (exp(x) - 1) and x / (1 - exp(-x)) to round-off, for any x: no overflow, no 0/0."""
    size = np.abs(x)
    safe = np.where(size > _SERIES_BELOW, size, 1.0)
    decay = np.where(size > _SERIES_BELOW, safe * np.exp(-safe) / -np.expm1(-safe), 1.0 - size / 2 + size**2 / 12)
    growth = decay + size
    return np.where(x >= 0.0, decay, growth), np.where(x >= 0.0, growth, decay)


def ghk_flux(
    v: ArrayLike, charge: float, inside: ArrayLike, outside: ArrayLike, celsius: float, *, permeability: ArrayLike = 1.0
) -> np.ndarray | float:
    """Return the Goldman-Hodgkin-Katz flux out of the cell.

    `J = P x (inside - outside exp(-x)) / (1 - exp(-x))` with `x = z v F / (R T)`; at `x = 0` it is `P (inside - outside)`,
    reached through the series of x / (exp(x) - 1). (Hodgkin and Katz 1949, https://doi.org/10.1113/jphysiol.1949.sp004310.)

    Parameters
    ----------
    v : array_like, mV
        Membrane potential.
    charge : float
        Charge number z; zero gives simple permeation.
    inside, outside : array_like, mM
        Concentrations.
    celsius : float
        Temperature, degrees Celsius.
    permeability : array_like, um/ms
        P; 1 um/ms is 0.1 cm/s.

    Returns
    -------
    ndarray or float
        Outward flux density, mM um/ms.
    """
    x = charge * np.asarray(v, dtype=float) / thermal_voltage(celsius)
    inward, outward = _bernoulli_pair(x)
    flux = np.asarray(permeability) * (np.asarray(inside) * outward - np.asarray(outside) * inward)
    return flux if np.ndim(flux) else float(flux)


def ghk_current(
    v: ArrayLike, charge: float, inside: ArrayLike, outside: ArrayLike, celsius: float, *, permeability: ArrayLike = 1.0
) -> np.ndarray | float:
    """Return the current density of `ghk_flux`, mA/cm2, outward positive; the arguments are the same."""
    return CURRENT_PER_FLUX * charge * FARADAY * ghk_flux(v, charge, inside, outside, celsius, permeability=permeability)
