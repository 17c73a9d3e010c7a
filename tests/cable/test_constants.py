"""Constants and ion formulas: hand numbers, limits, symmetry."""

import math
from fractions import Fraction

import numpy as np
import pytest

from cable import constants
from cable.errors import CableError


def test_constants_are_those_of_the_si():
    assert pytest.approx(96485.33212, abs=5e-6) == constants.FARADAY
    assert pytest.approx(8.314462618, abs=5e-10) == constants.GAS_CONSTANT
    assert pytest.approx(602214.076, abs=1e-9) == constants.MOLECULES_PER_MM_UM3


def test_factors_follow_from_the_units():
    um2 = Fraction(1, 10**8)  # cm2
    assert float(um2 * 1000) == constants.NF_PER_DENSITY  # uF -> nF
    assert float(um2 * 10**6) == constants.NA_PER_DENSITY  # mA -> nA
    assert float(um2 * 10**6) == constants.US_PER_DENSITY  # S -> uS
    ohm = Fraction(10**4)  # 1 ohm cm / um
    assert float(10**6 / ohm) == constants.US_OHM_CM_PER_UM
    assert float(ohm / 10**6) == constants.MOHM_PER_OHM_CM_PER_UM
    mol_per_ms = um2 / 1000 / 1000  # 1 mA/cm2 on 1 um2, times z F
    assert float(mol_per_ms / Fraction(1, 10**18)) == constants.FLUX_PER_CURRENT
    assert constants.FLUX_PER_CURRENT * constants.CURRENT_PER_FLUX == 1.0


def test_thermal_voltage():
    assert constants.thermal_voltage(25.0) == pytest.approx(25.692579, abs=1e-6)
    assert constants.thermal_voltage(6.3) == pytest.approx(24.0811, abs=1e-4)
    with pytest.raises(CableError, match="absolute zero"):
        constants.thermal_voltage(-273.15)
    with pytest.raises(CableError, match="absolute zero"):
        constants.thermal_voltage(math.nan)


def test_nernst_of_textbook_ions():
    ten = constants.thermal_voltage(37.0) * math.log(10.0)
    assert constants.nernst(1, 140.0, 14.0, 37.0) == pytest.approx(-ten, rel=1e-15)
    assert constants.nernst(2, 1e-4, 1.0, 37.0) == pytest.approx(2 * ten, rel=1e-15)
    assert constants.nernst(-1, 10.0, 100.0, 37.0) == pytest.approx(-ten, rel=1e-15)
    assert isinstance(constants.nernst(1, 1.0, 2.0, 20.0), float)


def test_nernst_broadcasts():
    potential = constants.nernst(1, np.array([1.0, 2.0]), np.array([[2.0], [1.0]]), 20.0)
    assert potential.shape == (2, 2)
    assert potential[0, 1] == 0.0
    assert potential[1, 0] == 0.0
    assert potential[0, 0] == -potential[1, 1]


@pytest.mark.parametrize(
    ("charge", "inside", "outside", "words"),
    [
        (0, 1.0, 1.0, "without charge"),
        (1, 0.0, 1.0, "inside is 0 mM. "),
        (2, 1.0, [1.0, 1.0, -3.0], r"outside is -3 mM at index \(2,\)"),
        (2, math.nan, 1.0, "inside is nan"),
    ],
)
def test_nernst_refuses(charge, inside, outside, words):
    with pytest.raises(CableError, match=words):
        constants.nernst(charge, inside, outside, 20.0)


def test_ghk_flux_is_zero_at_the_nernst_potential_and_changes_sign_there():
    reversal = constants.nernst(2, 0.1, 2.0, 37.0)
    assert constants.ghk_flux(reversal, 2, 0.1, 2.0, 37.0) == pytest.approx(0.0, abs=1e-14)
    assert constants.ghk_flux(reversal - 10, 2, 0.1, 2.0, 37.0) < 0 < constants.ghk_flux(reversal + 10, 2, 0.1, 2.0, 37.0)


def test_ghk_flux_at_zero_voltage_is_permeation():
    assert constants.ghk_flux(0.0, 2, 0.3, 2.0, 37.0, permeability=0.5) == 0.5 * (0.3 - 2.0)
    assert constants.ghk_flux(-60.0, 0, 0.3, 2.0, 37.0) == 0.3 - 2.0


def test_ghk_series_meets_the_formula():
    edge = constants._SERIES_BELOW * constants.thermal_voltage(20.0)
    v = edge * np.array([-1.001, -0.999, 0.999, 1.001])
    x = v / constants.thermal_voltage(20.0)
    exact = x * (3.0 - 2.0 * np.exp(-x)) / -np.expm1(-x)
    np.testing.assert_allclose(constants.ghk_flux(v, 1, 3.0, 2.0, 20.0), exact, rtol=3e-15)


def test_ghk_flux_far_from_rest_is_ohmic_and_does_not_overflow():
    v = np.array([-1e5, 1e5])
    with np.errstate(all="raise", under="ignore"):
        flux = constants.ghk_flux(v, 1, 3.0, 2.0, 20.0)
    np.testing.assert_allclose(flux, v / constants.thermal_voltage(20.0) * np.array([2.0, 3.0]), rtol=1e-14)


def test_ghk_flux_mirrored_is_reversed():
    v = np.linspace(-100, 100, 9)
    there = constants.ghk_flux(v, 2, 0.1, 2.0, 30.0)
    back = constants.ghk_flux(-v, 2, 2.0, 0.1, 30.0)
    np.testing.assert_allclose(there, -back, rtol=1e-14)


def test_ghk_current_carries_the_flux():
    # z F J: 1 mM um/ms is 1e-7 mol/(cm2 s)
    flux = constants.ghk_flux(-65.0, 2, 0.1, 2.0, 37.0)
    current = constants.ghk_current(-65.0, 2, 0.1, 2.0, 37.0)
    assert current == pytest.approx(2 * constants.FARADAY * 1e3 * 1e-7 * flux, rel=1e-14)
