"""Errors of the NEURON layer, with the types NEURON scripts catch.

In: nothing. Out: `NotSupported` for names that are missing here, `HocError` for calls NEURON would refuse too, and `caution`,
which warns at the line of the script.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Final

__all__ = ["HocError", "NoSuchVoxel", "NotSupported", "RxDException", "caution", "deleted_section"]

_HOUSE: Final = f"{Path(__file__).parents[1]}{os.sep}"


class NotSupported(AttributeError):  # noqa: N818 - a sentence as users read it
    """A NEURON name that Axoplasm does not have; the message says what is missing and what to use instead."""


class HocError(RuntimeError):
    """A call that NEURON would refuse as well (NEURON raises RuntimeError, too)."""


class RxDException(Exception):  # noqa: N818 - NEURON's name
    """A wrong declaration or a wrong use of the rxd objects, under NEURON's name."""


class NoSuchVoxel(RxDException, IndexError):  # noqa: N818 - as its parent's
    """A place in no voxel; in NEURON an IndexError."""


def deleted_section() -> ReferenceError:
    """The error NEURON raises for a section that is gone."""
    return ReferenceError("can't access a deleted section")


def caution(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the script that led here, however deep in Axoplasm the cause was found."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HOUSE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
