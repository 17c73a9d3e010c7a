"""Names of the module `neuron` itself: classes to inherit from, mechanisms to load, printing of sections.

In: what scripts ask of `neuron`. Out: classes and text. `hclass3` is NEURON's name of the module they are in.
"""

from __future__ import annotations

import sys
from typing import Any

from rxd.neuron.hoc.templates import Instance
from rxd.neuron.mechanisms.inserted import DensityMechanism
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import EntryPointer

__all__ = [
    "DensityMechanism", "HocBaseObject", "hclass", "load_mechanisms", "nrn_dll_loaded", "numpy_element_ref", "psection",
    "version",
]  # fmt: skip

version = "9.0.2"
nrn_dll_loaded: tuple[str, ...] = ()


def numpy_element_ref(array: Any, index: int) -> EntryPointer:
    """A pointer to an element of a NumPy array, for `setpointer` and `Vector.record`."""
    return EntryPointer(array, index)


def hclass(kind: Any, module_name: str | None = None, name: str | None = None) -> Any:
    """A class to inherit from: one of NEURON's, such as `h.Vector`, or a template of hoc code.

    Its constructor takes the arguments of the class and `sec`; other keywords are those of a subclass's `__init__`.

    Raises
    ------
    TypeError
        If it is neither.
    """
    template = getattr(kind, "template", None)
    if template is None and not isinstance(kind, type):
        raise TypeError("Argument is not a valid HOC type.")
    made: Any = None
    base: Any = kind if template is None else Instance

    def new(cls: type[Any], *arguments: Any, **named: Any) -> Any:
        made = object.__new__(cls)
        if template is None:
            base.__init__(made, *arguments, **{key: value for key, value in named.items() if key == "sec"})
        else:
            Instance.__init__(made, current_session(), template, arguments)
        return made

    def nothing(self: Any, *_: Any, **__: Any) -> None:
        """All is done by `__new__`, as in NEURON: a class of the script need not call this."""

    def put(self: Any, name: str, value: Any) -> None:
        """Set a variable of the object, or, of another name, what the script's class has there or nowhere yet."""
        try:
            base.__setattr__(self, name, value)
        except LookupError:
            object.__setattr__(self, name, value)

    names: dict[str, Any] = {"__new__": new, "__init__": nothing, "__module__": module_name or __name__}
    if template is None:
        names["__setattr__"] = put
        names["baseattr"] = lambda self, name: getattr(super(made, self), name)
    made = type(name or (kind.__name__ if template is None else template.name), (base,), names)
    return made


class _Inheriting(type):
    """Turns `class A(HocBaseObject, hoc_type=h.Vector)` into a class that inherits from `h.Vector`."""

    def __new__(cls, name: str, bases: tuple[type, ...], names: dict[str, Any], hoc_type: Any = None) -> Any:
        if hoc_type is None:
            return super().__new__(cls, name, bases, names)
        others = tuple(base for base in bases if not isinstance(base, _Inheriting))
        return type(name, (*others, hclass(hoc_type)), {**names, "_hoc_type": hoc_type})

    def __init__(cls, name: str, bases: tuple[type, ...], names: dict[str, Any], hoc_type: Any = None) -> None:
        super().__init__(name, bases, names)


class HocBaseObject(metaclass=_Inheriting):
    """To inherit from a class of hoc: `class A(HocBaseObject, hoc_type=h.Vector)`."""


def load_mechanisms(path: str, warn_if_already_loaded: bool = True) -> bool:
    """Take the mod files of a folder, too; whether there are any.

    Parameters
    ----------
    path : str
        Folder with mod files, which in NEURON is where they have been compiled.
    """
    if current_session().mods.load(path):
        return True
    sys.stderr.write(
        f"load_mechanisms({path!r}): there are no mod files in {path!r}, nor in a folder mod, mods or mechanisms of it.\n"
    )
    return False


def psection(section: Any) -> None:
    """Print what a section contains."""
    from rxd.neuron import h

    h.psection(sec=section)
