"""House units as plain numbers: ``0.1 * uM`` is ``1e-4`` because concentrations are in mM inside.

`as_number` accepts plain numbers and pint quantities, converts the latter to the house unit and refuses everything else by
name.
"""

from __future__ import annotations

import math
import numbers
import re
from typing import Any, Final

import numpy as np

from rxd.errors import UnitsError

ms: Final = 1.0
us: Final = 1e-3
s: Final = 1e3
minute: Final = 6e4
hour: Final = 3.6e6
um: Final = 1.0
nm: Final = 1e-3
mm: Final = 1e3
mV: Final = 1.0
V: Final = 1e3
M: Final = 1e3
mM: Final = 1.0
uM: Final = 1e-3
nM: Final = 1e-6
nA: Final = 1.0
pA: Final = 1e-3
uS: Final = 1.0
nS: Final = 1e-3


def as_number(value: Any, what: str, unit: str = "") -> float:
    """One finite float in the house unit.

    Parameters
    ----------
    value : number or pint.Quantity
        A quantity is converted to ``unit``.
    what : str
        Name for the message, for example ``"d of species 'ca'"``.
    unit : str
        House unit, for the message and the conversion.

    Raises
    ------
    UnitsError
        For strings, None, booleans, complex numbers, wrong dimensions, NaN and infinities.
    """
    if isinstance(value, float) and math.isfinite(value):  # nearly always
        return float(value)
    shown = f" in {unit}" if unit else ""
    if hasattr(value, "to") and hasattr(value, "magnitude"):
        try:
            value = value.to(re.sub(r"(?<=[a-z])(?=\d)", "**", unit) or "dimensionless").magnitude
        except Exception as error:  # pint's errors share no base class across versions
            message = f"{what} must be a quantity that converts to {unit or 'a plain number'}; got {value!r}."
            raise UnitsError(message) from error
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        try:
            is_number = not isinstance(value, (bool, np.bool_, str, bytes)) and bool(getattr(value, "is_number", False))
        except TypeError:
            is_number = False
        if not is_number:
            message = f"{what} must be a number{shown}; got {value!r} ({type(value).__name__})."
            raise UnitsError(message)
    number = float(value)
    if not np.isfinite(number):
        message = f"{what} must be finite{shown}; got {number!r}."
        raise UnitsError(message)
    return number
