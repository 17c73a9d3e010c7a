"""What `Vector` does with signals and files: convolution, correlation, filters, averages around events, reading and writing.

In: the elements, other Vectors, Files. Out: Vectors changed in place, numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

__all__ = ["Signals"]

SCALED: Mapping[int, Any] = MappingProxyType({1: np.int8, 2: np.uint16})
PLAIN: Mapping[int, Any] = MappingProxyType({3: np.float32, 4: np.float64, 5: np.int32})
RAW: Mapping[int, Any] = MappingProxyType({1: np.int8, 2: np.uint16, 3: np.float32, 4: np.float64, 5: np.int16})


class Signals:
    """Methods of `Vector` for signals, and those that read and write files."""

    _a: np.ndarray
    _n: int

    def _set(self, values: np.ndarray) -> Vector:
        self._a = np.asarray(values, dtype=float)
        return self  # type: ignore[return-value]

    # -------------------------------------------------------------------------------------------------------------- signals

    def convlv(self, source: Vector, response: Vector, sign: int = 1) -> Vector:
        """Cyclic convolution of a source with a response whose second half stands for negative delays; sign -1 undoes it.

        The length is the next power of two above that of the source, as in NEURON.

        Raises
        ------
        HocError
            If the convolution cannot be undone, since the response lacks a frequency.
        """
        n = _power_of_two(max(source._n, response._n))
        kernel = np.zeros(n)
        later = (response._n + 1) // 2 if response._n % 2 else response._n // 2
        before = response._n // 2 if response._n % 2 else response._n // 2 - 1
        kernel[:later] = response._a[:later]
        if before > 0:
            kernel[n - before :] = response._a[response._n - before :]
        spectra = np.fft.rfft(_padded(source._a, n)), np.fft.rfft(kernel)
        if int(sign) < 0 and np.abs(spectra[1]).min() < 1e-12 * np.abs(spectra[1]).max():
            raise HocError("convlv: the response has no part at some frequency, so that the convolution cannot be undone.")
        product = spectra[0] * spectra[1] if int(sign) >= 0 else spectra[0] / spectra[1]
        return self._set(np.fft.irfft(product, n))

    def correl(self, source: Vector, other: Vector | None = None) -> Vector:
        """Cyclic correlation of two Vectors, or of one with itself; the second half stands for negative delays."""
        second = source if other is None else other
        n = _power_of_two(max(source._n, second._n))
        first = np.fft.rfft(_padded(source._a, n))
        return self._set(np.fft.irfft(first * np.conj(np.fft.rfft(_padded(second._a, n))), n))

    def spctrm(self, source: Vector, frequencies: float | None = None) -> Vector:
        """Power at m frequencies of a source: the mean over overlapping pieces of 2 m elements under a triangular window.

        m is the smallest power of two that is the number of frequencies or more, by default an eighth of that of the elements,
        as in NEURON; what the last pieces lack is 0.
        """
        m, wanted = 1, source._n // 8 if frequencies is None else int(frequencies)
        while m < wanted:
            m *= 2
        pairs = int(np.ceil(source._n / (2 * m) - 0.5))
        window = 1 - np.abs(np.arange(2 * m) / m - 1)
        data = _padded(source._a, max(source._n, (2 * pairs + 1) * m, 2 * m))
        pieces = np.lib.stride_tricks.sliding_window_view(data, 2 * m)[: 2 * pairs * m : m]
        power = np.abs(np.fft.fft(window * pieces)) ** 2
        power[:, 1:m] += power[:, :m:-1]
        with np.errstate(invalid="ignore"):  # of one element there is no spectrum: NaN, as in NEURON
            return self._set(power[:, :m].sum(axis=0) / (4 * pairs * m * np.sum(window**2)))

    def trigavg(self, data: Vector, events: Vector, before: float, after: float) -> int:
        """Average of the data around events, given as indices: from `before` elements before to `after` after (not included).

        Events too close to an end are left out; returns how many counted.
        """
        pre, post = int(before), int(after)
        places = events._a.astype(int)
        places = places[(places - pre >= 0) & (places + post < data._n)]
        windows = np.array([data._a[place - pre : place + post] for place in places])
        self._set(windows.mean(axis=0) if len(places) else np.full(pre + post, np.nan))  # as in NEURON: a mean of none
        return len(places)

    def filter(self, *vectors: Vector) -> Vector:
        """Filter a source: `filter(source, filter)`, or `filter(filter)` of the elements.

        As in NEURON the source is convolved (`convlv`) with the Fourier transform of the filter, packed as its real parts from
        the lowest frequency up and then its imaginary parts from the highest down, of which there are as many numbers as the
        filter has. For a filter in time take `numpy.convolve` or `scipy.signal.lfilter` of `vec.as_numpy()`.
        """
        if len(vectors) not in {1, 2}:
            raise HocError("filter takes a filter, or a source and a filter: vec.filter(source, filter).")
        source, other = vectors if len(vectors) == 2 else (self._vector(), vectors[0])
        n = _power_of_two(max(source._n, other._n))
        spectrum = np.fft.rfft(_padded(other._a, n))
        packed = np.concatenate([spectrum.real, spectrum.imag[-2:0:-1]])
        return self.convlv(source, type(source)(packed[: other._n]))

    def medfltr(self, *args: Any) -> Vector:
        """Medians of every element with up to n neighbours on either side: `medfltr([source], [n])`; n is 3 if not given."""
        given = list(args)
        values = (given.pop(0) if given and isinstance(given[0], Signals) else self)._a.copy()
        n = int(given[0]) if given else 3
        if not given:
            n = min(n, max(values.size // 2, 1))
        if not 1 <= n <= max(values.size // 2, 1):
            raise HocError(f"medfltr: {n} neighbours are none of 1 to {values.size // 2}, half of the elements.")
        return self._set(np.array([np.median(values[max(i - n, 0) : i + n + 1]) for i in range(values.size)]))

    def _vector(self) -> Vector:
        return self  # type: ignore[return-value]

    def from_double(self, n: float, pointer: Any) -> Vector:
        """The n numbers that begin where a pointer points, which is into a Vector or another array."""
        return self._set(np.array([float(pointer[i]) for i in range(int(n))]))

    # ---------------------------------------------------------------------------------------------------------------- files

    def vwrite(self, file: Any, kind: float = 4) -> float:
        """Write the elements to a File, in binary, with their number and kind before them.

        Kinds: 1 and 2 are whole numbers of 8 and 16 bits into which the range of the elements is divided, 3 and 4 numbers with
        single and double precision, 5 whole numbers of 32 bits.
        """
        number = _number(kind, {**SCALED, **PLAIN})
        file.output.write(np.array([self._n, int(kind)], dtype=np.int32).tobytes())
        if int(kind) in SCALED:
            least, steps = self._a.min(initial=np.inf), np.iinfo(number).max - np.iinfo(number).min
            width = float(np.ptp(self._a)) if self._n else 0.0
            scale = steps / width if width > 0 else 1.0
            file.output.write(np.array([scale, least]).tobytes())
            file.output.write(((self._a - least) * scale + np.iinfo(number).min).astype(number).tobytes())
        else:
            file.output.write(self._a.astype(number).tobytes())
        return 1.0

    def vread(self, file: Any) -> float:
        """Read what `vwrite` has written; 0 at the end of the file."""
        head = file.input.read(8)
        if len(head) < 8:
            return 0.0
        n, kind = np.frombuffer(head, dtype=np.int32)
        number = _number(kind, {**SCALED, **PLAIN})
        scale, least = np.frombuffer(file.input.read(16)) if int(kind) in SCALED else (1.0, 0.0)
        values = np.frombuffer(file.input.read(int(n) * np.dtype(number).itemsize), dtype=number).astype(float)
        self._set((values - np.iinfo(number).min) / scale + least if int(kind) in SCALED else values)
        return 1.0

    def fwrite(self, file: Any, *span: float) -> float:
        """Write the elements, or those from first to last, in binary, without their number."""
        first, last = (int(span[0]), int(span[1]) + 1) if len(span) == 2 else (0, self._n)
        file.output.write(self._a[first:last].tobytes())
        return float(last - first)

    def fread(self, file: Any, n: float | None = None, kind: float = 4) -> float:
        """Read n numbers, or as many as there are elements, written in binary; what is not there stays as it was, or 0.

        Kinds: 1 for 8 bits, 2 for 16 without a sign, 3 and 4 for single and double precision, 5 for 16 with a sign.
        """
        number, wanted = _number(kind, RAW), self._n if n is None else int(n)
        found = np.frombuffer(file.input.read(wanted * np.dtype(number).itemsize), dtype=number).astype(float)
        self._set(np.concatenate([found, _padded(self._a[:wanted], wanted)[found.size :]]))
        return 1.0

    def scanf(self, file: Any, *form: float) -> float:
        """Read numbers from a text File: all, n (`scanf(file, n)`), or one column of several (`scanf(file, which, of)`)."""
        n = int(form[0]) if len(form) in {1, 3} else None
        column, columns = (int(x) for x in form[-2:]) if len(form) > 1 else (1, 1)
        values: list[float] = []
        while n is None or len(values) < n:
            row = _row(file, columns)
            if row is None:
                break
            values.append(row[column - 1])
        self._set(np.array(values))
        return float(len(values))

    def scantil(self, file: Any, sentinel: float, column: float = 1, columns: float = 1) -> float:
        """Read numbers from a text File until one equals a sentinel."""
        values: list[float] = []
        while (row := _row(file, int(columns))) is not None and row[int(column) - 1] != float(sentinel):
            values.append(row[int(column) - 1])
        self._set(np.array(values))
        return float(len(values))


def _number(kind: float, known: Mapping[int, Any]) -> Any:
    """The type of numbers in a file."""
    if int(kind) not in known:
        raise HocError(f"A Vector's numbers in a file are of kind {', '.join(map(str, sorted(known)))}, not {int(kind)}.")
    return known[int(kind)]


def _row(file: Any, columns: int) -> list[float] | None:
    try:
        return [file.scanvar() for _ in range(columns)]
    except HocError:
        return None


def _power_of_two(n: int) -> int:
    return 1 << max(n - 1, 1).bit_length()


def _padded(values: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([values, np.zeros(n - values.size)])
