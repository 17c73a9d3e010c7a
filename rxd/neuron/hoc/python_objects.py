"""`PythonObject`: Python seen from hoc.

In: names of the script. Out: its variables, called and read by hoc code.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any

from rxd.neuron.errors import HocError

__all__ = ["PythonHandle"]


class PythonHandle:
    """`new PythonObject()`: the module the script runs in; its names, and those of Python itself, are members."""

    def member(self, name: str) -> Any:
        """A name of the script.

        Raises
        ------
        HocError
            If the script has none.
        """
        script = sys.modules["__main__"]
        if not hasattr(script, name) and not hasattr(builtins, name):
            raise HocError(f"the Python script has no {name!r}")
        value = getattr(script, name, None) if hasattr(script, name) else getattr(builtins, name)
        return float(value) if isinstance(value, int) else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(sys.modules["__main__"], name, value)

    def __repr__(self) -> str:
        return "PythonObject[0]"
