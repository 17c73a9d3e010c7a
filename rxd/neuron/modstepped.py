"""Point processes of mod files whose code is no set of equations: run with numbers at every step, as NEURON runs them all.

In: an object and its segment. Out: its current and conductance before a step, its states after it. This is for what draws
random numbers in BREAKPOINT, remembers what it has computed, or looks through a history of events; it takes Python's time.
"""

from __future__ import annotations

import math
from typing import Any

from rxd.neuron.errors import caution
from rxd.neuron.modevents import EventCode
from rxd.neuron.modpoints import ModObject
from rxd.nmodl import ModFile, NmodlError, Translation
from rxd.nmodl.names import names_of
from rxd.nmodl.syntax import Assign, Block, Solve

__all__ = ["ModStepped", "stepped_translation"]

SLOPE = 0.001
"""Difference of voltages (mV) from which NEURON takes a conductance."""
AFFINE = 1e-9


def stepped_translation(file: ModFile, reason: NmodlError) -> Translation | None:
    """What is known of a point process without equations; None if it does more than carry a current of no ion's."""
    solved = [solve for block in file.all("breakpoint") for solve in block.body if isinstance(solve, Solve)]
    kinds = {block.kind for solve in solved for block in file.blocks if block.name == solve.block}
    refused = any(file.all(kind) for kind in ("discrete", "linear", "nonlinear", "kinetic"))
    if file.kind != "POINT_PROCESS" or refused or not kinds <= {"procedure", "derivative"}:
        return None
    if any(ion.writes for ion in file.ions):
        return None
    names = names_of(file)
    return Translation(file, names, (), (), {}, (), {}, {}, {}, names.assigned | frozenset(names.states), reason=str(reason))


class _Step(EventCode):
    """Runs BREAKPOINT, and what it solves, of one object."""

    def __init__(self, owner: ModObject, t: float, v: float, dt: float) -> None:
        super().__init__(owner, t)
        self.v, self.dt = v, dt

    def get(self, key: str) -> Any:
        """The value of a name."""
        own = {"v": self.v, "dt": self.dt}
        return own[key] if key in own and not any(key in frame for frame in self._visible()) else super().get(key)

    def assign(self, statement: Assign) -> None:
        """``name = value``, or a state moved by the exact exponential of its rate."""
        if not statement.prime:
            super().assign(statement)
            return
        key = self.key(statement.target, statement.line)
        x, rates = float(self.get(key)), []
        for value in (0.0, 1.0, 2.0):
            self.put(key, value)
            rates.append(float(self.evaluate(statement.value)))
        self.put(key, x)
        source, slope = rates[0], rates[1] - rates[0]
        if abs(rates[2] - 2 * rates[1] + rates[0]) > AFFINE * max(map(abs, rates)):
            raise self.file.error(
                statement.line, f"the rate of {key} is not affine in it; a step is only made for one that is."
            )
        z = slope * self.dt
        self.put(key, x + self.dt * (source + slope * x) * (math.expm1(z) / z if z else 1.0))


class ModStepped(ModObject):
    """A point process of a mod file that is run with numbers at every step."""

    def __init__(self, *place: Any, **where: Any) -> None:
        caution(f"{self.kind} is run with numbers at every step, which takes long: {self.translation.reason}")
        super().__init__(*place, **where)

    def initialize(self) -> None:
        """INITIAL, and the current of the initial state."""
        super().initialize()
        segment = self.get_segment()
        if segment is not None:
            self.level(0.0, segment.v)

    def level(self, t: float, v: float) -> tuple[float, float]:
        """Conductance (uS) and drive (nA) at a time and voltage: the current into the cell is `drive - conductance v`."""
        above, current = (self._current(t, voltage) for voltage in (v + SLOPE, v))
        conductance = (above - current) / SLOPE
        return conductance, conductance * v - current

    def _current(self, t: float, v: float) -> float:
        """The current out of the cell, nA."""
        file, code = self.translation.file, self._code(t, v)
        for block in file.all("breakpoint"):
            code.run_all(block.body)
        outward = sum(float(self.values[name]) for name in file.nonspecific)
        return outward - sum(float(self.values[name]) for name in file.electrode)

    def move(self, t: float, v: float) -> None:
        """Bring states from a step's start to its end, t."""
        file = self.translation.file
        solved = [statement for block in file.all("breakpoint") for statement in block.body if isinstance(statement, Solve)]
        for solve in solved:
            block: Block = next(block for block in file.blocks if block.name == solve.block)
            self._code(t, v).run_all(block.body)

    def _code(self, t: float, v: float) -> _Step:
        code = _Step(self, t, v, self.session.globals.dt)
        code.frames.append({})
        return code
