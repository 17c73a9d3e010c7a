"""Errors of the `geometry` package.

In: a message, and for files the place. Out: exceptions, all of them subclasses of `ValueError`.
"""

from __future__ import annotations

from os import PathLike, fspath

__all__ = ["FormatError", "GeometryError"]


class GeometryError(ValueError):
    """A morphology, segmentation, shape or mesh that cannot be; the message names the thing, the place and the remedy."""


class FormatError(GeometryError):
    """A morphology file that cannot be read.

    Attributes
    ----------
    file : str
        The file.
    line : int or None
        Line number, counted from 1; None if the fault belongs to the file as a whole.
    reason : str
        What is wrong and what to do, without the place.
    """

    def __init__(self, reason: str, file: str | PathLike[str], line: int | None = None) -> None:
        self.reason = reason
        self.file = fspath(file)
        self.line = line
        place = self.file if line is None else f"{self.file}, line {line}"
        super().__init__(f"{place}: {reason}")
