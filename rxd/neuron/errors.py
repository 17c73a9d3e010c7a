"""Errors of the NEURON layer, with the types NEURON scripts catch.

In: nothing. Out: `NotSupported` for names that are missing here, `HocError` for calls NEURON would refuse too.
"""

from __future__ import annotations

__all__ = ["HocError", "NotSupported", "RxDException", "deleted_section"]


class NotSupported(AttributeError):  # noqa: N818 - a sentence as users read it
    """A NEURON name that Axoplasm does not have; the message says what is missing and what to use instead."""


class HocError(RuntimeError):
    """A call that NEURON would refuse as well (NEURON raises RuntimeError, too)."""


class RxDException(Exception):  # noqa: N818 - NEURON's name
    """A wrong declaration or a wrong use of the rxd objects, under NEURON's name."""


def deleted_section() -> ReferenceError:
    """The error NEURON raises for a section that is gone."""
    return ReferenceError("can't access a deleted section")
