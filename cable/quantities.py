"""Numbers with units (`pint` quantities, or whatever has ``to`` and ``magnitude``) as plain numbers of the house's units.

In: a declaration as it was written. Out: the same with plain numbers; what has no unit is left alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["take_units"]


def take_units(record: Any, error: type[Exception], **units: str) -> None:
    """Convert attributes of a frozen record in place, each to its unit.

    Raises
    ------
    error
        For a quantity of another kind.
    """
    for name, unit in units.items():
        value = getattr(record, name)
        plain = _plain(value, unit, f"{name} of {type(record).__name__}", error)
        if plain is not value:
            object.__setattr__(record, name, plain)


def _plain(value: Any, unit: str, what: str, error: type[Exception]) -> Any:
    if hasattr(value, "to") and hasattr(value, "magnitude"):
        try:
            number = value.to(unit).magnitude
        except Exception as reason:  # pint's errors share no base class across versions
            raise error(f"{what} is a quantity in {unit}; got {value!r}.") from reason
        return number if np.ndim(number) else float(number)
    if isinstance(value, (list, tuple)) and any(hasattr(item, "magnitude") for item in value):
        return tuple(_plain(item, unit, what, error) for item in value)
    return value
