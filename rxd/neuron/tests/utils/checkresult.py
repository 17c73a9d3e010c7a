"""`neuron.tests.utils.checkresult`: results against those kept in a JSON file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from rxd.neuron.vectors.vector import Vector

__all__ = ["Chk"]


class Chk:
    """Results by name, kept in a file: the first of a name is kept, later ones must be equal to it.

    Parameters
    ----------
    fname : str
        The JSON file.
    must_exist : bool
        Whether it must be there.

    Raises
    ------
    FileNotFoundError
        If it must and is not.
    """

    def __init__(self, fname: str, must_exist: bool = True) -> None:
        self.fname = fname
        self.d: dict[str, Any] = {}
        self.modified = False
        if must_exist or Path(fname).exists():
            self.d = json.loads(Path(fname).read_text(encoding="utf-8"))

    def __call__(self, key: str, value: Any, tol: float = 0.0) -> None:
        """Compare a value, numbers to a relative tolerance, or keep it if there is none of that name.

        Raises
        ------
        AssertionError
            If they differ.
        """
        value = value.to_python() if isinstance(value, Vector) else value
        if key in self.d:
            assert _alike(value, self.d[key], tol), f"{key}: {value!r}, but {self.fname} has {self.d[key]!r}"
            return
        self.d[key] = value
        self.modified = True

    def get(self, key: str, default: Any = None) -> Any:
        """What is kept under a name, or the default."""
        return self.d.get(key, default)

    def rm(self, key: str) -> None:
        """Forget what is kept under a name."""
        self.modified |= self.d.pop(key, None) is not None

    def save(self) -> None:
        """Write the file if anything has changed."""
        if self.modified:
            Path(self.fname).write_text(json.dumps(self.d, indent=2) + "\n", encoding="utf-8")


def _alike(value: Any, kept: Any, tol: float) -> bool:
    if isinstance(value, list | tuple) and isinstance(kept, list):
        return len(value) == len(kept) and all(_alike(a, b, tol) for a, b in zip(value, kept, strict=True))
    if isinstance(value, dict) and isinstance(kept, dict):
        return value.keys() == kept.keys() and all(_alike(value[key], kept[key], tol) for key in kept)
    if isinstance(value, int | float) and isinstance(kept, int | float):
        return math.isclose(value, kept, rel_tol=tol)
    return bool(value == kept)
