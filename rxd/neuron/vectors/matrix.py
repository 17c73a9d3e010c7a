"""Matrix: NEURON's dense and sparse matrices, over NumPy.

In: sizes and numbers. Out: matrices, Vectors, numbers. Sparse ones are kept as dense: they are small in scripts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import ItemPointer
from rxd.neuron.vectors.vector import Vector

__all__ = ["Matrix"]

_FORM = " %-8.3g"


class Matrix(HocObject):
    """A matrix of numbers: `h.Matrix(rows, columns)`.

    Parameters
    ----------
    rows, columns : int
    kind : int
        1 dense, 2 sparse; both behave alike.
    """

    def __init__(self, rows: float = 1, columns: float = 1, kind: float = 1) -> None:
        self._a = np.zeros((int(rows), int(columns)))
        self._kind = kind
        self._number = current_session().number("Matrix")

    def _new(self, values: np.ndarray, into: Matrix | None = None) -> Matrix:
        made = Matrix(1, 1) if into is None else into
        made._a = np.array(values, dtype=float)
        return made

    # ------------------------------------------------------------------------------------------------------------ elements

    @property
    def x(self) -> np.ndarray:
        """The elements: `m.x[i][j]`; an array of shape (rows, columns) that shares memory with the matrix."""
        return self._a

    @property
    def _ref_x(self) -> _Rows:
        return _Rows(self)

    def as_numpy(self) -> np.ndarray:
        """The elements as an array that shares memory with the matrix."""
        return self._a

    def nrow(self) -> int:
        """Number of rows."""
        return int(self._a.shape[0])

    def ncol(self) -> int:
        """Number of columns."""
        return int(self._a.shape[1])

    def getval(self, i: float, j: float) -> float:
        """An element."""
        return float(self._a[int(i), int(j)])

    def setval(self, i: float, j: float, value: float) -> float:
        """Write an element."""
        self._a[int(i), int(j)] = float(value)
        return float(value)

    def set(self, *values: float) -> Matrix:
        """Write all elements, row by row."""
        self._a[...] = np.reshape(values, self._a.shape)
        return self

    def resize(self, rows: float, columns: float) -> Matrix:
        """Change the size; new elements are 0."""
        old = self._a
        self._a = np.zeros((int(rows), int(columns)))
        n, m = min(old.shape[0], int(rows)), min(old.shape[1], int(columns))
        self._a[:n, :m] = old[:n, :m]
        return self

    def c(self) -> Matrix:
        """A copy."""
        return self._new(self._a)

    def bcopy(self, i: float, j: float, rows: float, columns: float, *to: Any) -> Matrix:
        """Copy a block of these elements: `bcopy(i, j, rows, columns[, to_i, to_j][, into])`."""
        into = to[-1] if to and isinstance(to[-1], Matrix) else None
        at = [int(x) for x in to if not isinstance(x, Matrix)] or [0, 0]
        block = self._a[int(i) : int(i) + int(rows), int(j) : int(j) + int(columns)]
        target = Matrix(at[0] + int(rows), at[1] + int(columns)) if into is None else into
        target._a[at[0] : at[0] + block.shape[0], at[1] : at[1] + block.shape[1]] = block
        return target

    def getrow(self, i: float, into: Vector | None = None) -> Vector:
        """A row."""
        return _vector(self._a[int(i)], into)

    def getcol(self, j: float, into: Vector | None = None) -> Vector:
        """A column."""
        return _vector(self._a[:, int(j)], into)

    def getdiag(self, k: float, into: Vector | None = None) -> Vector:
        """A diagonal (k > 0 above the main one), one element for each row; those outside are 0."""
        k = int(k)
        values = np.zeros(self.nrow())
        diagonal = np.diagonal(self._a, k)
        values[max(-k, 0) : max(-k, 0) + diagonal.size] = diagonal
        return _vector(values, into)

    def setrow(self, i: float, values: Vector | float) -> Matrix:
        """Write a row: numbers, or one number everywhere."""
        self._a[int(i)] = _numbers(values, self.ncol())
        return self

    def setcol(self, j: float, values: Vector | float) -> Matrix:
        """Write a column."""
        self._a[:, int(j)] = _numbers(values, self.nrow())
        return self

    def setdiag(self, k: float, values: Vector | float) -> Matrix:
        """Write a diagonal; of a Vector, element i belongs to row i."""
        k = int(k)
        rows = np.arange(max(-k, 0), min(self.nrow(), self.ncol() - k))
        if not isinstance(values, Vector):
            self._a[rows, rows + k] = float(values)
            return self
        if len(values) not in {self.nrow(), rows.size and int(rows[-1]) + 1}:
            raise HocError(f"Matrix: {self.nrow()} numbers are wanted, but the Vector has {len(values)}")
        self._a[rows, rows + k] = values.as_numpy()[rows]
        return self

    def zero(self) -> Matrix:
        """Set all elements to 0."""
        self._a[...] = 0.0
        return self

    def ident(self) -> Matrix:
        """Make it the identity."""
        self._a[...] = np.eye(*self._a.shape)
        return self

    def to_vector(self, into: Vector | None = None) -> Vector:
        """The elements column by column."""
        return _vector(self._a.ravel(order="F"), into)

    def from_vector(self, values: Vector) -> Matrix:
        """Take the elements from a Vector, column by column."""
        self._a[...] = np.reshape(values.as_numpy(), self._a.shape, order="F")
        return self

    def sprowlen(self, i: float) -> int:
        """How many elements of a row are not 0."""
        return int(np.count_nonzero(self._a[int(i)]))

    def spgetrowval(self, i: float, number: float, column: Any) -> float:
        """An element of a row that is not 0, by its number; its column goes into a reference."""
        j = int(np.flatnonzero(self._a[int(i)])[int(number)])
        column.set(float(j))
        return self.getval(i, j)

    # ------------------------------------------------------------------------------------------------------------- algebra

    def mulv(self, vector: Vector, into: Vector | None = None) -> Vector:
        """Matrix times vector."""
        if len(vector) != self.ncol():
            raise HocError(f"Matrix.mulv: {self.ncol()} columns, but the Vector has {len(vector)} elements")
        return _vector(self._a @ vector.as_numpy(), into)

    def mulm(self, other: Matrix, into: Matrix | None = None) -> Matrix:
        """Matrix times matrix."""
        return self._new(self._a @ other._a, into)

    def muls(self, factor: float, into: Matrix | None = None) -> Matrix:
        """Multiply by a number: this matrix, or into another."""
        return self._new(self._a * float(factor), self if into is None else into)

    def add(self, other: Matrix, into: Matrix | None = None) -> Matrix:
        """Add a matrix: to this one, or into another."""
        return self._new(self._a + other._a, self if into is None else into)

    def solv(self, right: Vector, *rest: Any) -> Vector:
        """Solve `self x = right`."""
        into = next((arg for arg in rest if isinstance(arg, Vector)), None)
        b = right.as_numpy()
        return _vector(self._regular("solv", lambda: _solved(self._a, b)), into)

    def det(self, exponent: Any) -> float:
        """Determinant: the returned number, from 1 to 10, times 10 to the power written into a reference."""
        sign, logarithm = np.linalg.slogdet(self._a)
        power = float(np.floor(logarithm / np.log(10))) if sign else 0.0
        exponent.set(power)
        return float(sign * np.exp(logarithm - power * np.log(10))) if sign else 0.0

    def _regular(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """What only matrices have that are not singular."""
        try:
            return compute()
        except np.linalg.LinAlgError as error:
            raise HocError(f"Matrix.{name}: {self} has no inverse: {error}.") from None

    def inverse(self, into: Matrix | None = None) -> Matrix:
        """The inverse."""
        return self._new(self._regular("inverse", lambda: np.linalg.inv(self._a)), into)

    def transpose(self, into: Matrix | None = None) -> Matrix:
        """The transpose."""
        return self._new(self._a.T, into)

    def pow(self, n: float, into: Matrix | None = None) -> Matrix:
        """A whole power, 0 or more."""
        if int(n) < 0:
            raise HocError(f"Matrix.pow: {int(n)} is below 0; take the inverse first.")
        return self._new(np.linalg.matrix_power(self._a, int(n)), into)

    def exp(self, into: Matrix | None = None) -> Matrix:
        """The matrix exponential."""
        from scipy import linalg  # few scripts need it, and it takes long to load

        return self._new(linalg.expm(self._a), into)

    def symmeig(self, vectors: Matrix | None = None) -> Vector:
        """Eigenvalues of a symmetric matrix, smallest first; eigenvectors go into the columns of another."""
        values, columns = np.linalg.eigh(self._a)
        if vectors is not None:
            vectors._a = columns
        return Vector(values)

    def svd(self, left: Matrix | None = None, right: Matrix | None = None) -> Vector:
        """Singular values, largest first; `left.T diag right` is the matrix."""
        u, values, v = np.linalg.svd(self._a)
        if left is not None:
            left._a = u.T.copy()
        if right is not None:
            right._a = v
        return Vector(values)

    # ------------------------------------------------------------------------------------------------------------ printing

    def printf(self, form: str = _FORM, end: str = "\n") -> float:
        """Print the elements."""
        sys.stdout.write(self._text(form, end))
        return 0.0

    def fprint(self, file: Any, *form: Any) -> float:
        """Write the sizes and the elements to a File, `fprint(file[, format[, end]])`; `fprint(0, file)` leaves out sizes."""
        given = [file, *form]
        with_sizes = hasattr(file, "stream") or bool(given.pop(0))
        target, *texts = given
        head = f"{self.nrow()} {self.ncol()}\n" if with_sizes else ""
        target.output.write((head + self._text(*(*texts, *(_FORM, "\n")[len(texts) :]))).encode())
        return 0.0

    def scanf(self, file: Any, rows: float | None = None, columns: float | None = None) -> float:
        """Read from a File: the sizes come first, unless they are given."""
        shape = (int(file.scanvar()), int(file.scanvar())) if rows is None or columns is None else (int(rows), int(columns))
        self._a = np.array([[file.scanvar() for _ in range(shape[1])] for _ in range(shape[0])])
        return 0.0

    def _text(self, form: str, end: str) -> str:
        return "".join("".join(form % value for value in row) + end for row in self._a.tolist())


def _vector(values: np.ndarray, into: Vector | None) -> Vector:
    return Vector(np.array(values)) if into is None else into.from_python(np.array(values))


def _solved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The solution of a linear system; of a singular one that has many the one in which unknowns without a pivot are 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        If there is none.
    """
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        from scipy import linalg  # few scripts need it, and it takes long to load

        q, r, order = linalg.qr(a, pivoting=True)
        small = 1e-12 * max(float(np.abs(a).max(initial=0.0)), 1e-300) * max(a.shape)
        rank = int(np.count_nonzero(np.abs(np.diagonal(r)) > small))
        x = np.zeros(len(b))
        x[order[:rank]] = linalg.solve_triangular(r[:rank, :rank], (q.T @ b)[:rank])
        if np.abs(a @ x - b).max(initial=0.0) > 1e-9 * np.abs(b).max(initial=0.0):
            raise
        return x


def _numbers(values: Vector | float, n: int) -> np.ndarray:
    if not isinstance(values, Vector):
        return np.full(n, float(values))
    if len(values) != n:
        raise HocError(f"Matrix: {n} numbers are wanted, but the Vector has {len(values)}")
    return values.as_numpy()


class _Rows:
    """`mat._ref_x`: give it a row and a column to get a pointer."""

    def __init__(self, matrix: Matrix, row: int | None = None) -> None:
        self._matrix, self._row = matrix, row

    def __getitem__(self, index: int) -> Any:
        if self._row is None:
            return _Rows(self._matrix, int(index))
        self._matrix.getval(self._row, index)
        return ItemPointer(_Flat(self._matrix), self._row * int(self._matrix.ncol()) + int(index))


class _Flat:
    """The elements of a matrix, row by row."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix

    def as_numpy(self) -> np.ndarray:
        """All of them."""
        return self._matrix.as_numpy().ravel()

    def __getitem__(self, index: int) -> float:
        return float(self._matrix.as_numpy().flat[index])

    def __setitem__(self, index: int, value: float) -> None:
        self._matrix.as_numpy().flat[index] = value
