"""Errors of the `cable` package.

In: a message. Out: exceptions, all of them subclasses of `ValueError`, so that a caller who does not know them can catch them.
"""

from __future__ import annotations

__all__ = ["CableError", "ClampError", "EventError"]


class CableError(ValueError):
    """A cable, a tree or a constant that cannot be; the message names the thing, the place and the remedy."""


class ClampError(CableError):
    """An electrode that cannot be; the message names its place."""


class EventError(CableError):
    """A spike source, a detector or a connection that cannot be."""
