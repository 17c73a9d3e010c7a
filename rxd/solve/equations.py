"""The equations of a compiled model as functions of time and state: right-hand side and Jacobian of ``dy/dt = f(t, y)``.

In: a `Discretization`, the kernels compiled for "coupled" and the stimuli. Out: `Equations`, which steppers and users share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.records import dataclass
from rxd.discretize.records import LANES, Discretization, Group
from rxd.solve.aligned import aligned, aligned_zeros
from rxd.solve.assembly import Assembly, Exchange, add_electrodes, add_exchange, build_assembly, build_exchange
from rxd.solve.calls import FIELDS, LINEARISE, RATES, Model, call_constants, call_linearise, call_rates
from rxd.solve.tissue import ENTRIES


@dataclass(frozen=True, slots=True, eq=False)
class Electrodes:
    """What clamps do between two of their jumps.

    Into each segment, in storage order, flows ``current + slope (t - since) - conductance * v`` (nA) at a time t; without a
    slope the currents are constant.
    """

    current: np.ndarray
    conductance: np.ndarray
    slope: np.ndarray | None = None
    since: float = 0.0

    def current_at(self, t: float) -> np.ndarray:
        """The current at a time, nA."""
        return self.current if self.slope is None else self.current + self.slope * (t - self.since)


@dataclass(slots=True, eq=False)
class Linearisation:
    """Derivatives of f at one moment, refilled in place.

    Attributes
    ----------
    assembly : Assembly
    local : ndarray, shape (assembly.base[-1] and what tissue adds,)
        Jacobians of the groups in chunks of lanes, and of exchange in boxes that change.
    drift : ndarray, shape (size,)
        Explicit time derivative of f.
    electrodes : Electrodes
    data : ndarray, shape (nnz,)
        The Jacobian in CSR order; only after `fill`.
    """

    assembly: Assembly
    local: np.ndarray
    drift: np.ndarray
    electrodes: Electrodes
    data: np.ndarray

    def fill(self) -> np.ndarray:
        """Values of the Jacobian in CSR order, shape (nnz,), 1/ms on the diagonal."""
        return self.assembly.fill(self.local, self.electrodes.conductance, self.data)


@dataclass(frozen=True, slots=True, eq=False)
class Equations:
    """Right-hand side and Jacobian; safe to call from anywhere, since the work arrays hold nothing between calls."""

    discretization: Discretization
    stimuli: Any
    kernels: Any
    assembly: Assembly
    exchange: Exchange
    model: Model
    work: np.ndarray

    @property
    def timed(self) -> bool:
        """Whether time occurs in some rate."""
        return any(len(group.timed) for group in self.kernels.groups)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.assembly.size

    def electrodes(self, t: float) -> Electrodes:
        """What the clamps do from t on."""
        injected, conductance, drive = self.stimuli.at(t, self.discretization.cable.n)
        return Electrodes(injected + drive, conductance, *self.stimuli.rise)

    def rates(self, t: float, y: np.ndarray, electrodes: Electrodes, out: np.ndarray) -> np.ndarray:
        """``f(t, y)`` into ``out``, shape (size,), per ms; y is contiguous and, though left alone, writable."""
        self._compile(RATES, "rates")
        call_rates(y, t, out, self.work, self.model)
        return self._exchange(t, y, electrodes, out)

    def linearise(self, t: float, y: np.ndarray, out: np.ndarray, into: Linearisation) -> np.ndarray:
        """``f(t, y)`` into ``out`` and its derivatives ``into`` a linearisation, with the electrodes that stand there."""
        self._compile(LINEARISE, "linearise")
        into.drift[:] = 0.0
        call_linearise(y, t, out, into.drift, into.local, self.work, self.model)
        if self.assembly.tissue is not None:
            into.local[self.assembly.base[-1] :] = self.assembly.tissue.slopes(y)
        if into.electrodes.slope is not None:
            start, inverse_capacity = self.discretization.cable.start, self.exchange.inverse_capacity
            none = np.zeros(len(into.electrodes.slope))
            add_electrodes(y, into.drift, start, into.electrodes.slope, none, inverse_capacity)
        return self._exchange(t, y, into.electrodes, out)

    def make_linearisation(self, electrodes: Electrodes) -> Linearisation:
        """An empty linearisation to be filled."""
        assembly = self.assembly
        more = 0 if assembly.tissue is None else assembly.tissue.n * ENTRIES
        local = np.zeros(int(assembly.base[-1]) + more)
        return Linearisation(assembly, local, np.zeros(self.size), electrodes, np.zeros(assembly.nnz))

    def refresh_fields(self) -> None:
        """Take over fields of the groups that somebody has changed, and the constants made of them, in place."""
        fields, table, _ = self.model
        for group, compiled, row in zip(self.discretization.groups, self.kernels.groups, table, strict=True):
            known = known_numbers(group, compiled).ravel()
            fields[row[FIELDS] : row[FIELDS] + len(known)] = known

    def _compile(self, column: int, name: str) -> None:
        """Compile the kernels of one name now that they are needed: the direct solver's steps do without."""
        table = self.model[1]
        if not table[0, column]:
            table[:, column] = [compiled.address(name) for compiled in self.kernels.groups]

    def _exchange(self, t: float, y: np.ndarray, electrodes: Electrodes, out: np.ndarray) -> np.ndarray:
        add_exchange(y, out, self.exchange.arrays)
        if self.assembly.tissue is not None:
            self.assembly.tissue.add(y, out)
        start, inverse_capacity = self.discretization.cable.start, self.exchange.inverse_capacity
        add_electrodes(y, out, start, electrodes.current_at(t), electrodes.conductance, inverse_capacity)
        return out


def build_equations(discretization: Discretization, stimuli: Any, kernels: Any) -> Equations:
    """Equations of a model whose kernels were compiled for "coupled"."""
    assembly = build_assembly(discretization, [group.pattern for group in kernels.groups])
    exchange = build_exchange(assembly.edges, discretization)
    rows = max(2 * len(c.active) + len(c.pattern) + len(c.timed) for c in kernels.groups)
    model = model_arrays(discretization, kernels, assembly)
    return Equations(discretization, stimuli, kernels, assembly, exchange, model, aligned_zeros(rows * LANES))


def model_arrays(discretization: Discretization, kernels: Any, assembly: Assembly) -> Model:
    """``fields``, ``table`` and ``places`` of a model, see `rxd.solve.calls`."""
    fields: list[np.ndarray] = []
    places: list[np.ndarray] = []
    table = []
    for group, compiled, base in zip(discretization.groups, kernels.groups, assembly.base[:-1].tolist(), strict=True):
        at, offsets = sum(map(len, places)), []
        for part in (group.position[:, 0], group.position.ravel(), compiled.timed):
            offsets.append(at)
            places.append(np.asarray(part, dtype=np.int64))
            at += len(part)
        known = known_numbers(group, compiled)
        sizes = (
            0 if compiled.idle else group.n,
            len(group.position),
            known.shape[1],
            len(compiled.pattern),
            len(compiled.timed),
        )
        starts, position, timed = offsets
        where = (sum(map(len, fields)), starts, position, timed, base)
        table.append((*sizes, int(not group.contiguous), *where, 0, 0))
        fields.append(known.ravel())
    # left writable: a compiled function of one signature knows no read-only arrays
    return aligned(np.concatenate(fields)), np.array(table, dtype=np.int64), np.concatenate(places)


def known_numbers(group: Group, compiled: Any) -> np.ndarray:
    """What the kernels of a group read of its fields and of the constants computed from them, shape (chunks, rows, LANES)."""
    chunks, given, lanes = group.fields.shape
    known = np.zeros((chunks, given + compiled.constants, lanes))
    known[:, :given] = group.fields
    if compiled.constants:
        call_constants(compiled.addresses[0], known.reshape(-1), chunks, given, compiled.constants)
    return np.ascontiguousarray(known[:, compiled.known])
