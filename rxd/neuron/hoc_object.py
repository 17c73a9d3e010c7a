"""What all objects of NEURON's classes have in common.

In: an object of a class. Out: its name, whether it is another, and an error with help for what it does not have.
"""

from __future__ import annotations

from typing import Any

from rxd.neuron.missing import missing_member
from rxd.neuron.session import current_session

__all__ = ["HocObject"]


class HocObject:
    """An object with a number; what it does not have raises an error that says what there is."""

    _number: int | None

    def __class_getitem__(cls, number: float) -> Any:
        """`h.Vector[3]`: the one of that number.

        Raises
        ------
        IndexError
            If there is none.
        """
        from rxd.neuron.texts.lists import object_of

        return object_of(cls, number)

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def __getattr__(self, name: str) -> Any:
        if name == "_number":
            self._number = current_session().number(type(self).__name__)
            return self._number
        raise missing_member(type(self), name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{self._number}]"
