"""Pointer and PtrVector: pointers as objects of hoc.

In: `_ref_` pointers. Out: the values they point to, one by one or many at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.events.connections import FInitializeHandler
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer, RangePointer, Ref, Statement, as_pointer
from rxd.neuron.vectors.vector import Vector

__all__ = ["HocPointer", "PtrVector"]


class HocPointer(HocObject):
    """`h.Pointer(soma(0.5)._ref_v)`: its `val` is the variable.

    Parameters
    ----------
    target : pointer or str
        A pointer, or the name of a variable of hoc.
    statement : str, optional
        hoc code that `assign` runs, with the value in the place of ``$1``; or a variable of hoc that gets it, too.
    """

    def __init__(self, target: Pointer | str, statement: str = "") -> None:
        session = current_session()
        self._assigning = Statement.of(statement if "$1" in statement else f"{statement} = $1") if statement else None
        self._number = session.number("Pointer")
        self._text = target if isinstance(target, str) else None
        self._pointer = session.hoc.pointer_to(target) if isinstance(target, str) else as_pointer(target, "Pointer")
        self._pointer.get()  # a name that stands for nothing is told now

    @property
    def val(self) -> float:
        """The value."""
        return float(self._pointer.get())

    @val.setter
    def val(self, value: float) -> None:
        self._pointer.set(float(value))

    def assign(self, value: float) -> float:
        """Write the value, with the consequences an assignment in hoc has."""
        self.val = value
        if self._assigning is not None:
            self._assigning.set(value)
        return self.val

    def s(self) -> str:
        """What it points to, as text; the name it was made with, if that is how it was made."""
        return repr(self._pointer) if self._text is None else self._text

    def __repr__(self) -> str:
        return f"Pointer[{self._number}]"


class PtrVector(HocObject):
    """Pointers by number: values are gathered from where they point into a Vector, or scattered from one.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size: float) -> None:
        if size < 1:
            raise HocError(f"A PtrVector has a size of at least 1, not {size}.")
        self._session = current_session()
        self._number = self._session.number("PtrVector")
        self._pointers: list[Pointer] = [Ref(0.0) for _ in range(int(size))]
        self._membrane: tuple[int, np.ndarray | None] | None = None
        self._label = ""
        self._on_update: FInitializeHandler | None = None

    def ptr_update_callback(self, callback: Any, context: Any = None) -> float:
        """Have something called whenever pointers are to be set anew: before each initialisation.

        Variables do not move in memory here, as they did in NEURON 8 (NEURON 9 has no such method), but scripts set their
        pointers in this function alone.
        """
        self._on_update = FInitializeHandler(3, callback, *(() if context is None else (context,)))
        return 0.0

    def size(self) -> int:
        """How many pointers there are."""
        return len(self._pointers)

    def resize(self, size: float) -> float:
        """Change how many there are."""
        n, self._membrane = int(size), None
        self._pointers = [*self._pointers[:n], *(Ref(0.0) for _ in range(n - len(self._pointers)))]
        return 0.0

    def pset(self, index: float, target: Pointer) -> float:
        """Let a pointer point to something."""
        self._pointers[int(index)] = as_pointer(target, "PtrVector.pset")
        self._membrane = None
        return float(target.get())

    def getval(self, index: float) -> float:
        """The value a pointer points to."""
        return float(self._pointers[int(index)].get())

    def setval(self, index: float, value: float) -> float:
        """Write to where a pointer points."""
        self._pointers[int(index)].set(float(value))
        return float(value)

    def plot(self, graph: Any, *args: Any) -> float:
        """Draw the values on a `Graph` or on matplotlib axes, as `Vector.plot` does."""
        Vector([pointer.get() for pointer in self._pointers]).plot(graph, *args)
        return 0.0

    def gather(self, into: Vector) -> float:
        """Copy all values into a Vector of the same size."""
        self._check(into)
        places = self._places_in_membrane()
        if places is None:
            into.as_numpy()[:] = [pointer[0] for pointer in self._pointers]
        else:
            into.as_numpy()[:] = self._session.membrane.all()[places]
        return 0.0

    def _places_in_membrane(self) -> np.ndarray | None:
        """Where the membrane currents it points to are among all, if it points to nothing else, as programs for fields do."""
        if not self._session.run.fast_imem:
            return None
        if self._membrane is None or self._membrane[0] != self._session.shape_revision:
            ours = [p for p in self._pointers if isinstance(p, RangePointer) and p.shows_membrane_current]
            whole = len(ours) == len(self._pointers) and all(p.record.session is self._session for p in ours)
            found = self._session.membrane.places((p.record, p.record.index(p.x)) for p in ours) if whole else None
            self._membrane = self._session.shape_revision, found
        return self._membrane[1]

    def scatter(self, values: Vector) -> float:
        """Copy the elements of a Vector to where the pointers point."""
        self._check(values)
        for pointer, value in zip(self._pointers, values, strict=True):
            pointer.set(value)
        return 0.0

    def _check(self, vector: Vector) -> None:
        if len(vector) != len(self._pointers):
            raise HocError(
                f"{self} has {len(self._pointers)} pointers, the Vector {len(vector)} elements: sizes must be equal."
            )

    def label(self, text: str | None = None) -> str:
        """Its label; with an argument, set it."""
        if text is not None:
            self._label = text
        return self._label
