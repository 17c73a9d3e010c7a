"""`neuron.doc`: help texts of NEURON's names.

In: a name. Out: the docstring of what has it here.
"""

from __future__ import annotations

import inspect

__all__ = ["get_docstring"]


def get_docstring(name: str, symbol: str = "") -> str:
    """The help text of a name of `h`, or of a method (`symbol`) of a class."""
    from rxd.neuron.interpreter import FUNCTIONS, classes

    owner = classes().get(name) or FUNCTIONS.get(name)
    thing = getattr(owner, symbol, None) if symbol and owner is not None else owner
    return inspect.getdoc(thing) or f"No docstring available for object type '{name}'"
