"""Names of variables that Python finds without `__getattr__`.

In: a class whose `__getattr__` answers for variables, and their names. Out: the same names as attributes of the class that
ask `__getattr__`. Packages read variables as `segment.__getattribute__("diam")`, which never asks it by itself (NetPyNE
imports cells so, and left out what it did not find); and Python is through with it in a third of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import methodcaller
from typing import Any

__all__ = ["Named", "name_variables", "named"]


class Named:
    """A variable that an object's `__getattr__` answers for; what the object itself has under this name comes first."""

    __slots__ = ("_ask",)

    def __init__(self, name: str) -> None:
        self._ask = methodcaller("__getattr__", name)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else self._ask(instance)


def named(name: str) -> property:
    """A variable that `__getattr__` answers for, as an attribute of a class without a dict."""
    return property(methodcaller("__getattr__", name))


def name_variables(kind: type, names: Iterable[str], make: Callable[[str], property] = named) -> None:
    """Make attributes of a class of the names of variables, where it has none; they hold nothing themselves."""
    for name in names:
        if not hasattr(kind, name):
            setattr(kind, name, make(name))
