"""Morphology files.

In: a path. Out: a `Morphology`, or a `FormatError` with the file and the line.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from geometry.errors import FormatError
from geometry.io.asc import load_asc
from geometry.io.swc import load_swc
from geometry.morphology import Morphology

__all__ = ["load", "load_asc", "load_swc"]


def load(path: str | PathLike[str]) -> Morphology:
    """Read a morphology file; the extension says which format.

    Parameters
    ----------
    path : str or path
        `.swc`, or `.asc` (Neurolucida V3 text).

    Returns
    -------
    Morphology
        With what the reader ignored or interpreted in `notes`.

    Raises
    ------
    FormatError
        If the extension is unknown or the file does not make a morphology.
    FileNotFoundError
        If there is no such file.
    """
    extension = Path(path).suffix.lower()
    if extension == ".swc":
        return load_swc(path)
    if extension == ".asc":
        return load_asc(path)
    raise FormatError(f"unknown extension {extension!r}; morphologies are read from .swc and .asc files.", path)
