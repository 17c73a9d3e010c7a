"""Records as Python's `dataclasses` make them, whose methods are written when the first of a kind is made.

In: a class with fields. Out: the same class with slots. Python writes up to seven functions for each record as text and
compiles them, for most of a millisecond, and we have two hundred of them, of which a script makes a few: a tenth of the time
that a small one takes in all. The functions are Python's own, from a class like this one that is made for the purpose.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields
from typing import Any, Final, TypeVar, dataclass_transform

__all__ = ["dataclass"]

Kind = TypeVar("Kind", bound=type)
WRITTEN: Final = "__dataclass_fields__"


@dataclass_transform(field_specifiers=(field, dataclasses.Field))
def dataclass(*, slots: bool = False, frozen: bool = False, eq: bool = True) -> Callable[[Kind], Kind]:
    """A decorator as `dataclasses.dataclass`.

    Parameters
    ----------
    slots, frozen, eq : bool
        As there; one without slots, or with fields of a base, is made as there.
    """

    def made(kind: Kind) -> Kind:
        if not slots or any(hasattr(base, WRITTEN) for base in kind.__bases__):  # fields of others are in their __init__
            python: Any = dataclasses.dataclass(slots=slots, frozen=frozen, eq=eq)
            return python(kind)
        return _record(kind, frozen, eq)

    return made


def _record(kind: Kind, frozen: bool, eq: bool) -> Kind:
    """A class with slots, with its fields, and with methods to come."""
    own = dict(vars(kind))
    named = ["__init__", "__repr__", *(["__eq__"] if eq else []), *(["__hash__"] if eq and frozen else [])]
    missing = [name for name in named if own.get(name) is None]
    if frozen:  # before the class with slots is made of this one
        setattr(kind, "__getstate__", own.get("__getstate__", _state))  # noqa: B010 - the type of a class has none
        setattr(kind, "__setstate__", own.get("__setstate__", _restored))  # noqa: B010
    record: Any = dataclasses.dataclass(slots=True, init=False, repr=False, eq=False)(kind)
    settings = record.__dataclass_params__
    settings.init, settings.repr, settings.eq, settings.frozen = True, True, eq, frozen

    def write() -> None:
        """Have Python write the methods, for a class with the same fields."""
        told = {name: own[name] for name in own.get("__annotations__", ()) if name in own}
        told |= {name: own[name] for name in ("__annotations__", "__module__", "__qualname__") if name in own}
        if hasattr(record, "__post_init__"):
            told["__post_init__"] = record.__post_init__
        written: Any = dataclasses.dataclass(slots=True, frozen=frozen, eq=eq)(type(record.__name__, (), told))
        for name in missing:
            setattr(record, name, vars(written)[name])

    for name in missing:
        setattr(record, name, _to_come(record, name, write))
    if eq and not frozen and own.get("__hash__") is None:
        record.__hash__ = None
    if frozen:
        record.__setattr__, record.__delattr__ = _frozen(record)
    if "__init__" in missing:
        record.__signature__ = _Signature(record, write)
    return record


def _to_come(record: Any, name: str, write: Callable[[], None]) -> Callable[..., Any]:
    """A method that has Python write what takes its place."""

    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        write()
        return getattr(record, name)(self, *arguments, **named)

    return method


def _frozen(record: Any) -> tuple[Callable[..., None], Callable[..., None]]:
    """What refuses to change fields, and passes on the rest, as Python's."""

    def refuse(what: str, self: Any, name: str) -> None:
        if type(self) is record or name in record.__dataclass_fields__:
            message = f"cannot {what} field {name!r}"
            raise FrozenInstanceError(message)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807 - its name in a traceback
        refuse("assign to", self, name)
        super(record, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        refuse("delete", self, name)
        super(record, self).__delattr__(name)

    return __setattr__, __delattr__


class _Signature:
    """What `inspect.signature` says of a record, or of a class that adds to it."""

    def __init__(self, record: Any, write: Callable[[], None]) -> None:
        self._record, self._write = record, write

    def __get__(self, instance: Any, owner: Any) -> inspect.Signature | None:
        if owner.__init__ is not self._record.__init__:
            return None
        self._write()
        whole = inspect.signature(self._record.__init__)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


def _state(self: Any) -> list[Any]:
    """What is pickled of a frozen record."""
    return [getattr(self, each.name) for each in fields(self)]


def _restored(self: Any, state: list[Any]) -> None:
    """Take it in again, which the record itself refuses."""
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
