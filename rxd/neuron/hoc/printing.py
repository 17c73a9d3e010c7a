"""How hoc prints.

In: values. Out: text on standard output, or in a string reference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["PRINTERS", "shown"]


def shown(value: Any) -> str:
    """A value as `print` shows it: numbers in eight figures, with a space behind."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return f"{value:.8g} "
    return "NULLobject " if value is None else f"{value!r} "


def formatted(arguments: list[Any]) -> str:
    """`printf` formatting: %d takes whole numbers from floats."""
    form, *values = arguments
    return str(form) % tuple(values)


def printf(arguments: list[Any]) -> float:
    """`printf("format", ...)`."""
    text = formatted(arguments)
    sys.stdout.write(text)
    return float(len(text))


def sprint(arguments: list[Any]) -> float:
    """`sprint(text, "format", ...)`; the text is passed as a reference."""
    target, *rest = arguments
    text = formatted(rest)
    target.set(text)
    return float(len(text))


PRINTERS: Mapping[str, Callable[[list[Any]], float]] = MappingProxyType({"printf": printf, "sprint": sprint})
