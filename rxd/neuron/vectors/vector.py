"""Vector: NEURON's array of numbers.

In: sizes, lists, arrays, pointers to record. Out: a growable array of floats whose methods change it in place and return it.
`as_numpy()` is a view, not a copy. Methods that compute something from the elements are in `vector_analysis`, arithmetic that
changes the elements in `vector_arithmetic`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.session import current_session
from rxd.neuron.texts.lists import object_of
from rxd.neuron.vectors.analysis import Analysis
from rxd.neuron.vectors.arithmetic import Arithmetic
from rxd.neuron.vectors.pointers import ItemPointer, Pointer, RangePointer, Statement, as_pointer
from rxd.neuron.vectors.signals import Signals
from rxd.neuron.vectors.spikes import Spikes

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run

__all__ = ["Vector"]


class Vector(Arithmetic, Analysis, Signals, Spikes):
    """A growable array of floats.

    Parameters
    ----------
    size : int, or iterable of float
        A length, or the elements.
    fill : float
        The value of the elements, if a length is given.
    """

    _flush: Callable[[], None] | None = None  # brings numbers that are still to come

    # NumPy's operators leave `array + vector` to __array__, whose result is an array, as in NEURON
    def __init__(self, size: float | Iterable[float] = 0, fill: float = 0.0) -> None:
        session = current_session()
        self._run: Run | None = None
        self._session = session
        self._name = f"Vector[{session.number('Vector')}]"
        self._label = ""
        if isinstance(size, (int, float, np.integer, np.floating)):
            if size < 0:
                raise HocError(f"A Vector has a size of at least 0, not {size}.")
            self._room = np.full(int(size), float(fill))
        elif isinstance(size, str):
            raise HocError(f"A Vector takes a size or numbers, not the text {size!r}.")
        else:
            self._room = _numbers(size)
        self._used = self._room.size

    def __class_getitem__(cls, number: float) -> Vector:
        """`h.Vector[3]`: the one of that number; IndexError if there is none."""
        found: Vector = object_of(cls, number)
        return found

    # ------------------------------------------------------------------------------------------------------------ elements

    @property
    def _buffer(self) -> np.ndarray:
        """Room for the elements; as soon as anybody asks, the Vector is up to date."""
        if self._flush is not None:
            self._flush()
        return self._room

    @_buffer.setter
    def _buffer(self, room: np.ndarray) -> None:
        if self._flush is not None:
            self._flush()
        self._room = room

    @property
    def _n(self) -> int:
        """How many elements there are."""
        if self._flush is not None:
            self._flush()
        return self._used

    @_n.setter
    def _n(self, n: int) -> None:
        if self._flush is not None:
            self._flush()
        self._used = n

    def _wait_for(self, flush: Callable[[], None] | None) -> bool:
        """Call a function before the next look at the elements, or no more; False if an array shows them, which cannot."""
        if flush is not None and self._flush is not None and self._flush != flush:
            self._flush()  # somebody else has numbers for it that come first
        if flush is not None and sys.getrefcount(self._room) > 2:  # its own and the argument; a view holds another
            return False
        self._flush = flush
        return True

    @property
    def _a(self) -> np.ndarray:
        """The elements, a view of the buffer."""
        return self._buffer[: self._n]

    @_a.setter
    def _a(self, values: np.ndarray) -> None:
        if values.size == self._n and values.dtype == np.float64:
            self._buffer[: self._n] = values  # views handed out by as_numpy() stay valid
        else:
            self._buffer = np.array(values, dtype=float)
            self._n = self._buffer.size

    def extend(self, values: np.ndarray) -> None:
        """Append numbers; the buffer grows by half, so that many small additions cost little."""
        total = self._n + values.size
        if total > self._buffer.size:
            buffer = np.zeros(max(total, self._buffer.size + self._buffer.size // 2))
            buffer[: self._n] = self._a
            self._buffer = buffer
        self._buffer[self._n : total] = values
        self._n = total

    def push_all(self, values: np.ndarray) -> None:
        """Append many numbers."""
        needed = self._n + len(values)
        if needed > self._buffer.size:
            buffer = np.zeros(max(16, 2 * self._buffer.size, needed))
            buffer[: self._n] = self._a
            self._buffer = buffer
        self._buffer[self._n : needed] = values
        self._n = needed

    def push(self, value: float) -> None:
        """Append one number."""
        n, room = self._n, self._room  # up to date by the first
        if n == room.size:
            buffer = np.zeros(max(16, 2 * n))
            buffer[:n] = room
            self._room = room = buffer
        room[n] = value
        self._used = n + 1

    @property
    def x(self) -> Vector:
        """The elements: `vec.x[i]`."""
        return self

    @property
    def _ref_x(self) -> _Elements:
        return _Elements(self)

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[float]:
        return iter(self._a.tolist())

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int and 0 <= index < self._used and self._flush is None:  # what loops ask for
            return self._room.item(index)
        if isinstance(index, slice):
            return Vector(self._a[index].copy())
        return float(self._a[self._checked(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        if type(index) is int and 0 <= index < self._used and self._flush is None:
            self._room[index] = float(value)
        elif isinstance(index, slice):
            self._set_slice(index, value)
        else:
            self._a[self._checked(index)] = float(value)

    def _set_slice(self, index: slice, value: Any) -> None:
        wanted = len(range(*index.indices(self._n)))
        numbers = _numbers(value) if isinstance(value, Iterable) else np.full(wanted, float(value))
        if len(numbers) != wanted:
            raise IndexError(f"{self._name}: {len(numbers)} values for {wanted} elements")
        self._a[index] = numbers

    def _checked(self, index: Any) -> int:
        i = int(index)
        if not -self._n <= i < self._n:
            raise IndexError(f"{self._name}: index {i}, but the size is {self._n}")
        return i

    def __contains__(self, value: object) -> bool:
        return bool(np.any(self._a == value))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._a if dtype is None else self._a.astype(dtype)
        return array.copy() if copy or copy is None else array

    @property
    def __array_interface__(self) -> dict[str, Any]:
        # the elements themselves, not their address: an array made of it keeps them alive
        return {**self._a.__array_interface__, "data": self._a}

    def __bool__(self) -> bool:
        return self._n > 0

    # ------------------------------------------------------------------------------------------------- size, conversion

    def size(self) -> int:
        """Number of elements."""
        return self._n

    def buffer_size(self, size: int | None = None) -> int:
        """Number of elements there is room for; with an argument, make room."""
        if size is not None and int(size) > self._buffer.size:
            self._buffer = np.concatenate([self._buffer, np.zeros(int(size) - self._buffer.size)])
        return int(self._buffer.size)

    def resize(self, size: float) -> Vector:
        """Change the size; new elements are 0."""
        n = int(size)
        if n < 0:
            raise HocError(f"A Vector has a size of at least 0, not {size}.")
        if n > self._n:
            self.extend(np.zeros(n - self._n))
        self._n = n
        return self

    def clear(self) -> Vector:
        """Remove all elements."""
        self._n = 0
        return self

    def get(self, index: float) -> float:
        """An element."""
        return float(self._a[self._within(index)])

    def set(self, index: float, value: float) -> Vector:
        """Write an element."""
        self._a[self._within(index)] = float(value)
        return self

    def _within(self, index: float) -> int:
        i = int(index)
        if not 0 <= i < self._n:
            raise HocError(f"Arg out of range: {self._name} has {self._n} elements; there is no element {i}.")
        return i

    def _span(self, first: float | None, last: float | None) -> tuple[int, int]:
        """The slice from `first` to `last`, both included."""
        if first is None:
            return 0, self._n
        start = self._within(first)
        stop = self._n if last is None else self._within(last) + 1
        if stop <= start:
            raise HocError(f"Arg out of range: {self._name} from {start} to {stop - 1}")
        return start, stop

    def as_numpy(self) -> np.ndarray:
        """The elements as an array that shares memory with the Vector, as long as that keeps its size."""
        return self._a

    def to_python(self, into: Any = None) -> Any:
        """The elements as a list, or written into a list or array."""
        if into is None:
            return self._a.tolist()
        if len(into) != self._n:
            raise HocError(f"to_python: {self._name} has {self._n} elements, the target {len(into)}")
        into[:] = self._a.tolist() if isinstance(into, list) else self._a
        return into

    def from_python(self, values: Iterable[float]) -> Vector:
        """Take the elements from a sequence or an array."""
        self._a = _numbers(values)
        return self

    def copy(self, source: Vector, *places: Any) -> Vector:
        """Copy another Vector: all of it, to a place, or part of it to a place.

        `copy(src)`, `copy(src, dest_start)`, `copy(src, src_start, src_end)`, `copy(src, dest_start, src_start, src_end)`, each
        with steps behind, or `copy(src, src_indices[, dest_indices])` with Vectors of indices.
        """
        values = source._a.copy()
        if not places:
            self._a = values
            return self
        if isinstance(places[0], Vector):
            chosen = values[places[0]._a.astype(int)]
            target = places[-1]._a.astype(int)
            room = target < self._n  # elements there are none of are left out, as in NEURON
            self._a[target[room]] = chosen[room]
            return self
        numbers = [int(place) for place in places]
        if len(numbers) == 2:  # part of the source, from the start
            numbers = [0, *numbers]
        start = numbers[0]
        if len(numbers) > 2 and 0 <= numbers[2] < numbers[1]:
            raise HocError(f"copy: the last element, {numbers[2]}, comes before the first, {numbers[1]}.")
        first, last = numbers[1:3] if len(numbers) > 1 else (0, -1)
        step, stride = numbers[3:5] if len(numbers) > 4 else (1, 1)
        chosen = range(first, values.size if last < 0 else last + 1, stride)
        part = values[chosen.start : chosen.stop : stride]
        stop = start + step * (part.size - 1) + 1
        if stop > self._n:
            self.resize(stop)
        if source is self:  # one element after the other: those that were written are read again, as NEURON's reference says
            for place, origin in zip(range(start, stop, step), chosen, strict=False):
                self._a[place] = self._a[origin]
        else:
            self._a[start:stop:step] = part
        return self

    def c(self, first: float | None = None, last: float | None = None) -> Vector:
        """A copy, or a copy of a part (both ends included)."""
        start, stop = self._span(first, last)
        return Vector(self._a[start:stop].copy())

    at = c

    def cl(self, first: float | None = None, last: float | None = None) -> Vector:
        """The same with its label."""
        copy = self.c(first, last)
        copy.label(self._label)
        return copy

    def append(self, *things: Vector | float) -> Vector:
        """Append numbers and Vectors."""
        for thing in things:
            if isinstance(thing, Vector):
                self.extend(thing._a.copy())
            else:
                self.push(float(thing))
        return self

    def insrt(self, index: float, *things: Vector | float) -> Vector:
        """Insert numbers and Vectors before an element."""
        if not 0 <= int(index) <= self._n:
            raise HocError(f"Arg out of range: insrt at {int(index)} of {self._n} elements")
        parts = [thing._a if isinstance(thing, Vector) else [float(thing)] for thing in things]
        self._a = np.concatenate([self._a[: int(index)], *parts, self._a[int(index) :]])
        return self

    def remove(self, first: float, last: float | None = None) -> Vector:
        """Remove an element, or all from `first` to `last`."""
        start = self._within(first)
        stop = start if last is None else self._within(last)
        self._a = np.delete(self._a, slice(start, stop + 1))
        return self

    def label(self, text: str | None = None) -> str:
        """Its label; with an argument, set it."""
        if text is not None:
            self._label = text
        return self._label

    def hname(self) -> str:
        """Its name."""
        return self._name

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def printf(self, *args: Any) -> int:
        """Print the elements, or write them to a File: `printf([file], [format], [first, last])`."""
        file = args[0] if args and hasattr(args[0], "stream") else None
        args = args if file is None else args[1:]
        form = args[0] if args and isinstance(args[0], str) else None
        numbers = args[1:] if form is not None else args
        start, stop = self._span(*numbers) if numbers else (0, self._n)
        values = self._a[start:stop].tolist()
        if file is not None:  # one line each, and an empty one behind
            file.output.write(("".join([(form or "%g\n") % value for value in values]) + "\n").encode())
        elif form is None:
            lines = ["".join([f"{value:g}\t" for value in values[i : i + 5]]) + "\n" for i in range(0, len(values), 5)]
            sys.stdout.write("".join(lines) + ("" if len(values) % 5 else "\n"))
        else:
            sys.stdout.write("".join([form % value for value in values]))
        return stop - start

    # --------------------------------------------------------------------------------------------------- record and play

    def record(self, *args: Any, sec: Any = None) -> Vector:
        """Record a variable during a run: `record(ref)` at every step, `record(ref, Dt)`, or `record(ref, times)`.

        A point process before the pointer, which NEURON wants for local time steps, is accepted and not needed.
        """
        given = list(args)
        if given and not isinstance(given[0], Pointer):
            given.pop(0)
        if not given:
            raise HocError("record takes a pointer: vec.record(soma(0.5)._ref_v).")
        pointer = as_pointer(given[0], "Vector.record")
        when: float | Vector | None = None
        if len(given) > 1:
            when = given[1] if isinstance(given[1], Vector) else float(given[1])
        session = current_session()
        if isinstance(pointer, RangePointer):
            session.own(pointer.record.session, f"section {pointer.record.name}")
        session.run.record(self, pointer, when)
        return self

    def play(self, *args: Any, sec: Any = None) -> Vector:
        """Drive a variable during a run.

        `play(ref, times, continuous)`: the elements are its values at those times, interpolated if `continuous` is true, or a
        Vector with the indices of kinks and jumps (which are found without it).
        `play(ref, Dt)`: its values every Dt ms. In the place of a pointer there may be a statement of hoc, which runs with each
        value as `$1`. `play(index)` is not supported.
        """
        given = list(args)
        if given and not isinstance(given[0], (Pointer, str)):
            given.pop(0)
        if not given:
            raise HocError(
                "play takes a pointer, vec.play(clamp._ref_amp, times, True), or a statement: vec.play('x = $1', times)."
            )
        pointer = Statement.of(given[0]) if isinstance(given[0], str) else as_pointer(given[0], "Vector.play")
        when: float | Vector = (
            given[1] if len(given) > 1 and isinstance(given[1], Vector) else float(given[1] if len(given) > 1 else 0)
        )
        continuous = len(given) > 2 and (isinstance(given[2], Vector) or bool(given[2]))
        current_session().run.play(self, pointer, when, continuous)
        return self

    def play_remove(self) -> float:
        """Stop recording into it and playing it."""
        current_session().run.forget(self)
        return 1.0

    def __getstate__(self) -> dict[str, Any]:
        return {"_room": self._a.copy(), "_used": self._n, "_label": self._label, "_run": None, "_name": "Vector"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._session = current_session()
        self._name = f"Vector[{current_session().number('Vector')}]"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return self._name


class _Elements:
    """`vec._ref_x`: give it an index to get a pointer."""

    def __init__(self, vector: Vector) -> None:
        self._vector = vector

    def __getitem__(self, index: int) -> ItemPointer:
        self._vector[index]
        return ItemPointer(self._vector, int(index))


def _numbers(values: Any) -> np.ndarray:
    if not hasattr(values, "__len__"):
        values = list(values)
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise HocError("A Vector takes numbers; some of the elements given are none.") from None
    if array.ndim > 1:
        array = array.ravel()
    return array
