"""Parts of a KSChan: states, gates, transitions, and the rates of these.

In: what a script says of them. Out: numbers for scripts, and what `rxd.neuron.mechanisms.kschan_text` writes down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from cable.constants import FARADAY, GAS_CONSTANT, KELVIN_AT_ZERO_CELSIUS
from geometry.records import dataclass
from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.nmodl.function_tables import FunctionTable

if TYPE_CHECKING:
    from rxd.neuron.mechanisms.kschan import KSChan
    from rxd.neuron.vectors.pointers import Pointer
    from rxd.neuron.vectors.vector import Vector

__all__ = ["CONSTANT", "KSGate", "KSState", "KSTrans", "Rate"]

CONSTANT, EXPONENTIAL, LINOID, SIGMOID, STEADY, TIME, TABLE = range(1, 8)
SIZES = MappingProxyType({CONSTANT: 1, EXPONENTIAL: 3, LINOID: 3, SIGMOID: 3, STEADY: 5, TIME: 5, TABLE: 2})
"""How many numbers a kind of function has at least."""
LARGEST = 700.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A function of the voltage: a kind, its numbers, and the ends of a table (mV).

    Kinds, of numbers c: 1 constant; 2 ``c0 exp(c1 (v - c2))``; 3 ``c0 x / (1 - exp(-x))`` with ``x = c1 (v - c2)``; 4
    ``c0 / (1 + exp(c1 (v - c2)))``; 5 and 6 steady state and time constant of a transition over a barrier (rate K, vhalf,
    charge z, asymmetry, least time; Borg-Graham 1991, in Wheal & Chad (eds), Molecular Neurobiology); 7 a table.
    """

    kind: int
    vector: Vector
    low: float
    high: float

    @property
    def numbers(self) -> list[float]:
        """Its numbers.

        Raises
        ------
        HocError
            If there are too few.
        """
        found: list[float] = self.vector.to_python()
        if len(found) < SIZES.get(self.kind, 0):
            raise HocError(f"set_f: a function of type {self.kind} has {SIZES[self.kind]} numbers, not {len(found)}.")
        return found

    def table(self) -> FunctionTable:
        """Its numbers, linear between points at equal distances."""
        values = np.array(self.numbers)
        return FunctionTable(values, (np.linspace(self.low, self.high, len(values)),))

    def __call__(self, v: float) -> float:
        """Its value at a voltage."""
        c = self.numbers
        if self.kind == CONSTANT:
            return c[0]
        if self.kind == TABLE:
            return self.table().number((v,))
        if self.kind in (STEADY, TIME):
            kelvin = KELVIN_AT_ZERO_CELSIUS + current_session().globals["celsius"]
            x = FARADAY / (1e3 * GAS_CONSTANT) / kelvin * c[2] * (v - c[1])
            forward, backward = c[0] * _exp(c[3] * x), c[0] * _exp((c[3] - 1.0) * x)
            tau = 1.0 / (forward + backward)
            return forward * tau if self.kind == STEADY else tau + c[4]
        if self.kind not in SIZES:
            return 1.0
        x = c[1] * (v - c[2])
        if self.kind == EXPONENTIAL:
            return c[0] * _exp(x)
        if self.kind == SIGMOID:
            return c[0] / (1.0 + _exp(x))
        return c[0] * (x / (1.0 - _exp(-x)) if abs(x) > 1e-6 else 1.0 + x / 2.0)


def _exp(x: float) -> float:
    return math.exp(min(max(x, -LARGEST), LARGEST))


class _Part(HocObject):
    """A part of a channel, which alone makes and removes it."""

    inner = frozenset(("channel", "follows_ligand", "is_hh", "of_channel", "rate", "table_name", "tabulated"))
    channel: KSChan | None = None

    def __init__(self, *_: Any) -> None:
        raise HocError(f"Cannot create a {type(self).__name__} except through KSChan")

    def of_channel(self) -> KSChan:
        """The channel it is part of.

        Raises
        ------
        HocError
            If it has been removed.
        """
        if self.channel is None:
            raise HocError(f"This object was deleted by KSChan: {self}")
        return self.channel


class KSState(_Part):
    """A state of a KSChan: `ks.add_hhstate("m")`, `ks.add_ksstate(gate, "open")`."""

    def __init__(self, channel: Any = None, gate: Any = None, name: str = "", fraction: float = 0.0) -> None:
        if channel is None:
            super().__init__()
        self.channel = channel
        self.own_gate: KSGate = gate
        self.own_name, self.own_fraction = name, float(fraction)

    def frac(self, value: float | None = None) -> float:
        """How much of the conductance it has."""
        channel = self.of_channel()
        if value is not None:
            self.own_fraction = float(value)
            channel.edit()
        return self.own_fraction

    def index(self) -> float:
        """Its number in the channel."""
        return float(self.of_channel().states.index(self))

    def gate(self) -> KSGate:
        """The gate it belongs to."""
        self.of_channel()
        return self.own_gate

    def name(self, text: str | None = None) -> str:
        """Its name; `name("open")` gives it one."""
        channel = self.of_channel()
        return self.own_name if text is None else channel.rename_state(self, text)


class KSGate(_Part):
    """A gate of a KSChan: one state, or a kinetic scheme, to a power."""

    def __init__(self, channel: Any = None, is_hh: bool = False) -> None:
        if channel is None:
            super().__init__()
        self.channel = channel
        self.is_hh, self.states, self.own_power = is_hh, list[KSState](), 1

    def nstate(self) -> float:
        """Number of states."""
        self.of_channel()
        return float(len(self.states))

    def power(self, value: float | None = None) -> float:
        """The power of the sum of its states."""
        channel = self.of_channel()
        if value is not None:
            self.own_power = int(value)
            channel.edit()
        return float(self.own_power)

    def sindex(self) -> float:
        """The number of its first state."""
        return float(self.of_channel().states.index(self.states[0]))

    def index(self) -> float:
        """Its number in the channel."""
        return float(self.of_channel().gates.index(self))


class KSTrans(_Part):
    """A transition of a KSChan between two states, or of the one state of a gate: open and closed."""

    def __init__(self, channel: Any = None, source: Any = None, sink: Any = None, kind: int = 0) -> None:
        if channel is None:
            raise HocError("Cannot create a KSTransition except through KSChan")
        self.channel = channel
        self.source: KSState = source
        self.sink: KSState = sink
        self.kind, self.ligand_name, self.order = kind, "", 1
        self.rates: list[Rate | None] = [None, None]

    @property
    def is_hh(self) -> bool:
        """Whether it is that of a gate of one state."""
        return self.source.own_gate.is_hh

    @property
    def follows_ligand(self) -> bool:
        """Whether its forward rate follows a concentration."""
        return self.kind > 1

    def rate(self, direction: int) -> Rate:
        """The function for the forward rate or steady state (0), or the backward rate or time constant (1).

        Raises
        ------
        HocError
            If it has none.
        """
        found = self.rates[direction]
        if found is None:
            raise HocError(
                f"{self} of {self.of_channel().name()} ({self.source.own_name} to {self.sink.own_name}) has no function "
                f"{direction}: {self}.set_f({direction}, type, vector)."
            )
        first = self.rates[0]
        # the time constant of a barrier is that of its steady state
        if direction == 1 and found.kind == TIME and first is not None and first.kind == STEADY:
            return Rate(TIME, first.vector, found.low, found.high)
        return found

    def tabulated(self) -> Iterator[tuple[str, Rate]]:
        """Its rates that are tables, with names."""
        for direction, rate in enumerate(self.rates):
            if rate is not None and rate.kind == TABLE:
                yield self.table_name(direction), rate

    def table_name(self, direction: int) -> str:
        """What a table of its is called in NMODL."""
        return f"table_{int(self.index())}_{direction}_of_rates"

    def set_f(self, direction: float, kind: float, vector: Vector, low: float = -100.0, high: float = 50.0) -> float:
        """The forward rate or steady state (0), or the backward rate or time constant (1): kind, numbers, ends of a table."""
        channel = self.of_channel()
        if int(direction) not in (0, 1) or not 0 <= int(kind) <= TABLE:
            raise HocError(f"{self}.set_f({direction:g}, {kind:g}, ...): a direction 0 or 1, and a type from 0 to 7.")
        if int(kind) == TABLE and not (low < high and vector.size() > 1):
            raise HocError(f"{self}.set_f: a table has two numbers or more, and a first voltage below the last.")
        self.rates[int(direction)] = Rate(int(kind), vector, float(low), float(high))
        channel.edit()
        return 0.0

    def index(self) -> float:
        """Its number in the channel."""
        return float(self.of_channel().transitions.index(self))

    def type(self, kind: float | None = None, ligand: str = "") -> float:
        """0 rates, 1 steady state and time constant, 2 and 3 a forward rate times a concentration outside and inside."""
        channel = self.of_channel()
        if kind is None or (int(kind), ligand if kind > 1 else "") == (self.kind, self.ligand_name):
            return float(self.kind)
        if not 0 <= int(kind) < 4:
            raise HocError(f"{self}.type({kind:g}): 0, 1, 2 or 3.")
        wanted = ""
        if kind > 1:
            wanted = ligand[:-1] + ("o" if int(kind) == 2 else "i")
            if self.is_hh or not channel._session.catalogue.knows(f"{ligand[:-1]}_ion"):
                reason = "a gate of one state has no ligand" if self.is_hh else f"{ligand[:-1]}_ion does not exist"
                raise HocError(f"{self}.type({kind:g}, {ligand!r}): {reason}.")
        if wanted or self.follows_ligand:
            channel.restructure()
        channel.edit()
        self.kind, self.ligand_name = int(kind), wanted
        channel.transitions.remove(self)
        at = int(self.source.index()) if self.is_hh else len(channel.transitions)
        channel.transitions.insert(at, self)
        channel.sort_transitions()
        return float(self.kind)

    def ligand(self) -> str:
        """The concentration it follows, `cai` or `cao`; no text if it follows none."""
        self.of_channel()
        return self.ligand_name

    def stoichiometry(self, order: float | None = None) -> float:
        """The power of that concentration."""
        channel = self.of_channel()
        if order is not None and int(order) != self.order:
            self.order = int(order)
            channel.edit()
        return float(self.order)

    def ftype(self, direction: float) -> float:
        """The kind of a function; -1 if there is none."""
        self.of_channel()
        found = self.rates[int(direction)]
        return -1.0 if found is None else float(found.kind)

    def f(self, direction: float, v: float) -> float:
        """The value of a function at a voltage; 0 if there is none."""
        self.of_channel()
        found = self.rates[int(direction)]
        return 0.0 if found is None else found(v)

    def parm(self, direction: float, low: Pointer | None = None, high: Pointer | None = None) -> Vector | None:
        """The numbers of a function; the ends of a table are written into references."""
        self.of_channel()
        found = self.rates[int(direction)]
        if found is not None and found.kind == TABLE and low is not None and high is not None:
            low.set(found.low)
            high.set(found.high)
        return None if found is None else found.vector

    def ab(self, v: Vector, forward: Vector, backward: Vector) -> float:
        """Fill Vectors with rates at the voltages of another."""
        pairs = [self._pair(x) for x in v.to_python()]
        if self.kind == 1:
            pairs = [(inf / tau, (1.0 - inf) / tau) for inf, tau in pairs]
        return _fill(pairs, forward, backward)

    def inftau(self, v: Vector, steady: Vector, time: Vector) -> float:
        """Fill Vectors with steady states and time constants at the voltages of another."""
        pairs = [self._pair(x) for x in v.to_python()]
        if self.kind != 1:
            pairs = [(a / (a + b), 1.0 / (a + b)) for a, b in pairs]
        return _fill(pairs, steady, time)

    def _pair(self, v: float) -> tuple[float, float]:
        return self.rate(0)(v), self.rate(1)(v)

    def src(self) -> KSState:
        """The state it leaves."""
        self.of_channel()
        return self.source

    def target(self) -> KSState:
        """The state it leads to."""
        self.of_channel()
        return self.sink


def _fill(pairs: list[tuple[float, float]], first: Vector, second: Vector) -> float:
    first.from_python([pair[0] for pair in pairs])
    second.from_python([pair[1] for pair in pairs])
    return 0.0
