"""How hoc prints.

In: values. Out: text on standard output, or in a string reference.
"""

from __future__ import annotations

import re
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
    # %d takes whole numbers from floats; C's length letters (%ld, %lf) say nothing to Python
    text = re.sub(r"%([-+ #0]*[\d*]*(?:\.[\d*]+)?)(?:l|h|L)+", r"%\1", str(form))
    return text % tuple(int(value) if isinstance(value, float) and value.is_integer() else value for value in values)


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
    return 1.0


_SCANNED = MappingProxyType({"d": r"([-+]?\d+)", "s": r"(\S+)", "c": r"([\s\S])"})
_REAL = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"


def sscanf(arguments: list[Any]) -> float:
    """`sscanf(text, "format", &x, text2)`: read numbers and words out of a text; returns how many were found."""
    text, form, *targets = arguments
    rest, found = str(text), 0
    for piece in re.findall(r"%\*?\d*(?:l|h)*[a-zA-Z]|\s+|[^%\s]+", str(form)):
        letter = piece[-1] if piece.startswith("%") else ""
        pattern = _SCANNED.get(letter, _REAL) if letter else r"\s*" if piece.isspace() else re.escape(piece)
        match = re.match(pattern if letter == "c" else r"\s*" + pattern, rest)
        if match is None:
            break
        rest = rest[match.end() :]
        if letter and "*" not in piece:
            value = match.group(1)
            target = targets[found]
            if letter == "c" and not isinstance(target.get(), str):
                value = ord(value)  # in a number, the code of the letter
            target.set(value if letter in {"s", "c"} else float(value))
            found += 1
    return float(found)


PRINTERS: Mapping[str, Callable[[list[Any]], float]] = MappingProxyType({"printf": printf, "sprint": sprint, "sscanf": sscanf})
