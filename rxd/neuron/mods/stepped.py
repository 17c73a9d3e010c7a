"""Point processes of mod files whose code is no set of equations: run with numbers at every step, as NEURON runs them all.

In: an object and its segment. Out: its current and conductance before a step, its states after it. This is for what draws
random numbers in BREAKPOINT, remembers what it has computed, or looks through a history of events; it takes Python's time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rxd.neuron.errors import caution
from rxd.neuron.mods.events import EventCode
from rxd.neuron.mods.points import ModObject
from rxd.neuron.mods.written import code_of_point
from rxd.nmodl import ModFile, NmodlError, Translation
from rxd.nmodl.execute import SILENT
from rxd.nmodl.names import assigned_in, names_of
from rxd.nmodl.sides import Sides
from rxd.nmodl.syntax import Assign, Block, Compartment, Conserve, Flux, Local, Reaction, Solve
from rxd.solve.schemes import NEURON

__all__ = ["ModStepped", "stepped_translation"]

SLOPE = 0.001
"""Difference of voltages (mV) from which NEURON takes a conductance."""
AFFINE = 1e-9
ENOUGH = 1e-6
"""Changes of all states together after which NEURON takes a KINETIC block for solved."""
MOST_TURNS = 50


def stepped_translation(file: ModFile, reason: NmodlError) -> Translation | None:
    """What is known of a point process without equations; None if it does more than carry a current of no ion's."""
    solved = [solve for block in file.all("breakpoint") for solve in block.body if isinstance(solve, Solve)]
    kinds = {block.kind for solve in solved for block in file.blocks if block.name == solve.block}
    refused = any(file.all(kind) for kind in ("discrete", "linear", "nonlinear"))
    if file.kind != "POINT_PROCESS" or refused or not kinds <= {"procedure", "derivative", "kinetic"}:
        return None
    started = any(isinstance(statement, Solve) for block in file.all("initial") for statement in block.body)
    if started or any(ion.writes for ion in file.ions):
        return None
    names = names_of(file)
    computed = set().union(*(assigned_in(block.body) for block in file.blocks), file.nonspecific, file.electrode, file.pointers)
    given = {part.name: 0.0 for part in file.assigned if part.name in names.assigned - computed and part.size is None}
    memory = (names.assigned | frozenset(names.states)) - given.keys()
    return Translation(file, names, (), (), {}, (), {}, {}, given, memory, reason=str(reason))


class _Step(EventCode):
    """Runs BREAKPOINT, and what it solves, of one object; `printf` says nothing there."""

    silent = SILENT - {"set_seed"}

    def __init__(self, owner: ModObject, t: float, v: float, dt: float) -> None:
        super().__init__(owner, t)
        self.v, self.dt = v, dt
        self.tables = bool(owner.session.globals.values.get(f"usetable_{self.file.name}", 0.0))

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


class _Kinetics(Sides, _Step):
    """Moves the states of a KINETIC block of one object: backward Euler by Newton's method, as NEURON's `sparse` does it.

    Rate constants are those of the states at hand, which no derivative sees.
    """

    @property
    def theta(self) -> float:
        """The part of a step that is solved for."""
        return NEURON[int(self.owner.session.globals["secondorder"])].cable.gamma

    def step(self, block: Block, once: bool) -> None:
        """Bring the states of a block to the end of a step; `once`: in one iteration, since rates are linear in them."""
        start: dict[str, float] = {}
        for _ in range(MOST_TURNS):
            self.volumes: dict[str, float] = {}
            self.rates: dict[str, float] = {}
            self.slopes: dict[tuple[str, str], float] = {}
            self.excess: dict[str, tuple[dict[str, float], float]] = {}
            self.run(block.body)
            start = start or {key: float(self.get(key)) for key in self.rates}
            changes = self._changes(start)
            for key, change in changes.items():
                moved = float(self.get(key)) + change
                self.put(key, moved if once else max(moved, 0.0))
            if sum(map(abs, changes.values())) < ENOUGH or once:
                break
        else:
            message = f"{block.name}: no solution is found in {MOST_TURNS} iterations. Take a smaller h.dt."
            raise self.file.error(block.line, message)
        for key, old in start.items():  # from the middle of the step, if it is solved for that, straight on
            now = float(self.get(key))
            self.put(key, now + (now - old) * (1.0 / self.theta - 1.0))

    def _changes(self, start: dict[str, float]) -> dict[str, float]:
        """What an iteration adds to each state."""
        keys = list(start)
        place = {key: i for i, key in enumerate(keys)}
        now = {key: float(self.get(key)) for key in keys}
        matrix, rest = -np.eye(len(keys)), np.zeros(len(keys))
        for key, i in place.items():
            share = self.theta * self.dt / self.volumes.get(key, 1.0)
            rest[i] = share * self.rates[key] - (now[key] - start[key])
        for (key, other), slope in self.slopes.items():
            matrix[place[key], place[other]] += self.theta * self.dt / self.volumes.get(key, 1.0) * slope
        for key, (numbers, excess) in self.excess.items():
            matrix[place[key]], rest[place[key]] = 0.0, excess
            for other, number in numbers.items():
                matrix[place[key], place[other]] = number
        return dict(zip(keys, np.linalg.solve(matrix, -rest).tolist(), strict=True))

    def special(self, statement: Any) -> None:
        """What a KINETIC block says."""
        if isinstance(statement, Reaction):
            self._react(statement)
        elif isinstance(statement, Flux):
            amount = float(self.amount(self.evaluate(statement.amount)))
            self.values["f_flux"], self.values["b_flux"] = 0.0, amount
            for key, number in self._own(statement.target, statement.line):
                self.rates[key] = self.rates.get(key, 0.0) + number * amount
        elif isinstance(statement, Conserve):
            terms = self._own(statement.left, statement.line)
            last = next(key for key, _ in reversed(terms) if key not in self.excess)
            numbers = {key: number * self.volumes.get(key, 1.0) for key, number in terms}
            total = sum(number * float(self.get(key)) for key, number in numbers.items())
            self.excess[last] = numbers, total - float(self.amount(self.evaluate(statement.right)))
        elif isinstance(statement, Compartment):
            self.volumes |= self.in_space(statement.index, statement.volume, statement.states)
        else:
            super().special(statement)

    def _own(self, side: Any, line: int) -> list[tuple[str, int]]:
        """The states of a side."""
        return [term for term in self.terms(side, line) if term[0] in self.owner.translation.names.states]

    def _react(self, statement: Reaction) -> None:
        """Add a reaction's flux to the rates of its states, and its slopes to theirs."""
        left, right = statement.left, statement.right
        sides = [(left, statement.forward, 1), *([] if right is None else [(right, statement.backward, -1)])]
        moved = [(key, -n) for key, n in self._own(left, statement.line)]
        moved += [] if right is None else self._own(right, statement.line)
        flux: dict[int, float] = {}
        for side, coefficient, sign in sides:
            constant = 0.0 if coefficient is None else float(self.amount(self.evaluate(coefficient)))
            terms = [(key, float(self.get(key)), number) for key, number in self.terms(side, statement.line)]
            flux[sign] = constant * math.prod(x**number for _, x, number in terms)
            for i, (key, x, number) in enumerate(terms):
                others = math.prod(y**m for j, (_, y, m) in enumerate(terms) if j != i)
                slope = sign * constant * number * x ** (number - 1) * others
                for other, change in moved if key in self.owner.translation.names.states else ():
                    self.slopes[other, key] = self.slopes.get((other, key), 0.0) + change * slope
        self.values["f_flux"], self.values["b_flux"] = flux[1], flux.get(-1, 0.0)
        for key, change in moved:
            self.rates[key] = self.rates.get(key, 0.0) + change * (flux[1] - flux.get(-1, 0.0))


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

    @property
    def linear(self) -> dict[str, bool]:
        """Whether the rates of each KINETIC block are linear in states."""
        return self._own(
            "linear_", lambda: {block.name: _is_linear(self, block) for block in self.translation.file.all("kinetic")}
        )

    def level(self, t: float, v: float) -> tuple[float, float]:
        """Conductance (uS) and drive (nA) at a time and voltage: the current into the cell is `drive - conductance v`."""
        above, current = (self._current(t, voltage) for voltage in (v + SLOPE, v))
        conductance = (above - current) / SLOPE
        return conductance, conductance * v - current

    def _current(self, t: float, v: float) -> float:
        """The current out of the cell, nA."""
        file = self.translation.file
        for block in file.all("breakpoint"):
            self._run(block, t, v)
        outward = sum(float(self.values[name]) for name in file.nonspecific)
        return outward - sum(float(self.values[name]) for name in file.electrode)

    def move(self, t: float, v: float) -> None:
        """Bring states from a step's start to its end, t."""
        file = self.translation.file
        solved = [statement for block in file.all("breakpoint") for statement in block.body if isinstance(statement, Solve)]
        for solve in solved:
            block: Block = next(block for block in file.blocks if block.name == solve.block)
            if block.kind == "kinetic":
                self._code(t, v).step(block, self.linear[block.name])
            else:
                self._run(block, t, v)

    def _run(self, block: Block, t: float, v: float) -> None:
        """Run a block, as a function of Python's if it is one."""
        run = code_of_point(self, block.body, (), True)
        if run is None:
            self._code(t, v).run_all(block.body)
        else:
            run(t, v, self.session.globals.dt)

    def interpreter(self, t: float, v: float, stepped: bool) -> EventCode:
        """What runs the code that is no function of Python's."""
        return self._code(t, v) if stepped else super().interpreter(t, v, stepped)

    def _code(self, t: float, v: float) -> _Kinetics:
        code = _Kinetics(self, t, v, self.session.globals.dt)
        code.frames.append({})
        return code


def _is_linear(point: ModStepped, block: Block) -> bool:
    """Whether rates are linear in states: each reaction has one on a side. What coefficients read is no matter to NEURON."""
    code = _Kinetics(point, 0.0, 0.0, 0.0)
    code.frames.append({})
    if any(not isinstance(s, (Reaction, Conserve, Compartment, Assign, Flux, Local)) for s in block.body):
        return False
    reactions = [statement for statement in block.body if isinstance(statement, Reaction)]
    sides = [(side, r.line) for r in reactions for side in (r.left, r.right) if side is not None]
    return all(sum(number for _, number in code.terms(*side)) <= 1 for side in sides)
