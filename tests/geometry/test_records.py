"""Records, against those that Python's `dataclasses` makes of the same class: there is no difference to be seen."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any, ClassVar

import pytest

from geometry.records import dataclass


class Point:
    """Something with all kinds of fields."""

    x: float
    y: float = 0.0
    names: list[str] = field(default_factory=list, compare=False)
    hidden: int = field(default=3, repr=False, kw_only=True)
    fixed: int = field(default=7, init=False)
    KIND: ClassVar[str] = "point"

    def __post_init__(self) -> None:
        """Look at it."""
        if self.x < 0:
            raise ValueError(f"x {self.x}")

    def twice(self) -> float:
        """Something of its own."""
        return 2 * self.x


SETTINGS = [{"frozen": frozen, "eq": eq} for frozen in (True, False) for eq in (True, False)]


def tried(action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What something gives, or what goes wrong."""
    try:
        return action(*arguments, **named)
    except (TypeError, ValueError, AttributeError) as error:
        return type(error), str(error)


@dataclass(frozen=True, slots=True)
class Kept:
    """One that can be pickled, since it has a place."""

    a: int
    b: tuple[int, ...] = ()


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_records_are_what_pythons_are(settings: dict[str, bool]) -> None:
    theirs, ours = (copies(Point, make, settings) for make in (dataclasses.dataclass, dataclass))
    for arguments, named in [((1, 2), {}), ((1,), {"hidden": 4}), ((-1,), {}), ((), {}), ((1, 2, [], 4), {}), ((1,), {"z": 1})]:
        first, second = (repr(tried(kind, *arguments, **named)) for kind in (theirs, ours))
        assert first == second
    assert inspect.signature(theirs) == inspect.signature(ours)
    assert theirs.__match_args__ == ours.__match_args__
    assert theirs.__slots__ == ours.__slots__
    assert repr(theirs.__dataclass_params__) == repr(ours.__dataclass_params__)
    assert [each.name for each in fields(theirs)] == [each.name for each in fields(ours)]
    assert (theirs.__hash__ is None) == (ours.__hash__ is None)
    for kind in (theirs, ours):
        point = kind(1, 2)
        assert (point == kind(1, 2, ["a"])) is settings["eq"]
        assert point != kind(1, 3)
        assert replace(point, y=7).y == 7
        assert copy.deepcopy(point).x == 1
        assert point.twice() == 2
        assert kind.KIND == "point"
    one, other = theirs(1, 2), ours(1, 2)
    assert tried(setattr, one, "x", 3) == tried(setattr, other, "x", 3)
    assert tried(delattr, one, "y") == tried(delattr, other, "y")
    with pytest.raises(AttributeError):
        other.new = 3
    if settings == {"frozen": True, "eq": True}:
        assert hash(one) == hash(other)


def copies(body: type, make: Callable[..., Any], settings: dict[str, bool]) -> Any:
    """A record of the same body."""
    own = {name: value for name, value in vars(body).items() if name not in {"__dict__", "__weakref__"}}
    own = {name: copy.copy(value) if isinstance(value, dataclasses.Field) else value for name, value in own.items()}
    return make(slots=True, **settings)(type(body.__name__, (), own))


def test_methods_are_not_written_before_one_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Alone:
        """One of a kind."""

        a: int

    before = Alone.__init__, Alone.__eq__, Alone.__hash__, Alone.__repr__
    assert not any(each.__code__.co_filename.startswith("<") for each in before)
    assert repr(Alone(1)).endswith("Alone(a=1)")
    after = Alone.__init__, Alone.__eq__, Alone.__hash__
    assert all(each.__code__.co_filename == "<string>" for each in after)


def test_methods_of_its_own_stay() -> None:
    @dataclass(frozen=True, slots=True)
    class Own:  # noqa: PLW1641 - it gets one
        """One with methods."""

        a: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

    assert repr(Own(1)) == "own"
    assert Own(1) == 3
    assert hash(Own(1)) == hash((1,))


def test_records_with_a_base_have_its_fields() -> None:
    @dataclass(frozen=True, slots=True)
    class More(Kept):
        """One more field."""

        c: int = 5

    assert repr(More(1, (2,), 3)).endswith("More(a=1, b=(2,), c=3)")
    assert str(inspect.signature(More)) == "(a: 'int', b: 'tuple[int, ...]' = (), c: 'int' = 5) -> None"


def test_heirs_without_fields_can_have_their_own_start() -> None:
    class Heir(Kept):
        """One that is made otherwise."""

        def __init__(self, both: int) -> None:
            super().__init__(both, (both,))

    assert Heir(4).b == (4,)
    assert list(inspect.signature(Heir).parameters) == ["both"]


def test_frozen_records_are_pickled() -> None:
    kept = pickle.loads(pickle.dumps(Kept(1, (2, 3))))
    assert kept == Kept(1, (2, 3))
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'a'"):
        kept.a = 2  # type: ignore[misc]
