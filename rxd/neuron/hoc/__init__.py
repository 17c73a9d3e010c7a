"""hoc: the language NEURON scripts pass to `h("...")` and keep in .hoc files.

In: text. Out: changes of the session. `parser` turns text into a tree, `evaluate` gives expressions values, `execute` carries
statements out, `state` keeps what they define, `files` finds what `load_file` names.
"""

from __future__ import annotations

from typing import Any

from rxd.neuron.hoc.objects import HocObject

__all__ = ["HocObject"]


def __getattr__(name: str) -> Any:
    """NEURON's classes, and `HocObject`, under the names they have in `neuron.hoc`."""
    if name.startswith("__"):
        raise AttributeError(name)
    from rxd.neuron.classes import CLASSES
    from rxd.neuron.errors import NotSupported

    if name in CLASSES:
        return CLASSES[name]
    raise NotSupported(f"neuron.hoc.{name} is not supported; neuron.hoc has HocObject and NEURON's classes, such as Vector.")
