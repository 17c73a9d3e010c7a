"""A mod file as equations: gates, currents, what it writes, what only results read.

In: a `ModFile`. Out: `Translation`. Every block is run once with expressions (`rxd.nmodl.execute`). A variable that one block
assigns and another reads stands for its expression; one that INITIAL alone assigns and that depends on the voltage becomes a
state that does not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import sympy

from rxd.declare.functions import algebraic, conserved, earlier, given, left
from rxd.declare.mechanism import Current, Gate
from rxd.declare.symbols import IonSymbol
from rxd.nmodl.equations import STEPPED, SYMBOLIC_LIMIT, Equations, rates_of_procedure
from rxd.nmodl.function_tables import FunctionTable
from rxd.nmodl.names import (
    SIMULATORS,
    IonName,
    assigned_by,
    assigned_in,
    called_by,
    dt,
    expanded,
    locals_of,
    names_of,
    solved_by,
)
from rxd.nmodl.presets import AFTER, preset
from rxd.nmodl.regular import smooth
from rxd.nmodl.syntax import Block, ModFile, NmodlError, Solve, UnknownNameError
from rxd.nmodl.translation import Method, Translation

__all__ = ["translate"]

EXACT = frozenset({"cnexp", "after_cvode", ""})
IMPLICIT = frozenset({"derivimplicit", "sparse", "runge", "euler", "adrunge", "cvode_t", "cvode_v", "newton", "cvode"})
OWN = frozenset({"breakpoint", "derivative", "kinetic", "linear", "nonlinear"})
"""Blocks that say, with what they call, what variables are at all times."""
ZERO = sympy.Integer(0)


def translate(
    file: ModFile,
    tables: bool = False,
    lookups: Mapping[str, FunctionTable] = MappingProxyType({}),
    numbers: bool = False,
    turns: Sequence[Mapping[str, float]] = ({},),
) -> Translation:
    """The equations of a mod file.

    Parameters
    ----------
    tables : bool
        Interpolate where the file says TABLE, as NEURON does, instead of computing what would be in them.
    lookups : mapping of str to FunctionTable
        Numbers of its FUNCTION_TABLEs.
    numbers : bool
        Somebody runs INITIAL of a point process with numbers, so that parameters, and what it alone assigns, are what it leaves
        in them.
    turns : sequence of mapping of str to float
        Numbers of parameters in the bounds of loops, one mapping for each way they are in one place or another; the file's for
        those not named.

    Raises
    ------
    NmodlError
        For what cannot be an equation; the line and a remedy are named.
    """
    return _Translator(file, tables, lookups, numbers, turns).translate()


class _Translator:
    """One file in translation."""

    def __init__(
        self,
        file: ModFile,
        tables: bool,
        lookups: Mapping[str, FunctionTable],
        numbers: bool,
        turns: Sequence[Mapping[str, float]],
    ) -> None:
        self.file, self.tables, self.lookups, self.numbers, self.turns = file, tables, lookups, numbers, turns
        self.missing: set[str] = set()
        self.bound: set[str] = set()
        self.names = names_of(file)
        for block in file.all("discrete"):
            raise file.error(block.line, "a DISCRETE block cannot be translated. Write it as DERIVATIVE, KINETIC or LINEAR.")
        self.placeholders: dict[Any, str] = {}
        received = tuple(statement for block in file.all("net_receive") for statement in block.body)
        moving = tuple(statement for block in file.blocks if block.kind in OWN for statement in block.body)
        moving += tuple(statement for block in solved_by(file, moving) for statement in block.body)
        self.own = assigned_by(file, moving)
        self.events = frozenset(assigned_by(file, received) - set(self.names.states) - self.own) & self.names.assigned
        blocks = [block.body for block in file.blocks if block.kind in {*OWN, "procedure", "initial"}]
        changed = set().union(*map(assigned_in, blocks))
        # what BEFORE and AFTER blocks count stays where they leave it
        one = set(file.globals) if file.kind == "SUFFIX" else set()
        self.kept = frozenset().union(*(assigned_in(block.body) for block in file.all("hook"))) - self.events - one
        # and so do parameters that blocks after INITIAL set
        after = [block.body for block in file.all("hook") if block.name == AFTER]
        after += [part.body for code in after for part in called_by(file, code)]
        left = set().union(*map(assigned_in, after), preset(file) if numbers and file.kind == "POINT_PROCESS" else ())
        self.preset = frozenset(key for d in file.parameters if d.name in left for key in expanded(d))
        self.left = self._left_alone() if numbers else frozenset[str]()
        self.begins: dict[str, Any] = {}
        self.spreads = False
        self.changed = frozenset(key for key in self.names.parameters if key in changed)
        self.stages: dict[str, dict[str, Any]] = {"initial": {}, "currents": {}, "states": {}}
        self.frozen: dict[str, Any] = {}
        carried = any(ion.what == "current" and ion.written for ion in self.names.ions.values())
        self.quiet = not (carried or file.nonspecific or file.electrode)
        self.diffusion: dict[str, tuple[Any, Any]] = {}
        self.open: list[str] = []
        self.solved: dict[Any, str] = {}

    def _left_alone(self) -> frozenset[str]:
        """Variables that INITIAL alone assigns: run with numbers, it leaves them to the rest of a run."""
        file = self.file
        initial = tuple(statement for block in file.all("initial") for statement in block.body)
        if file.kind == "SUFFIX":
            known = assigned_by(file, initial) - self.own - self.kept
            own = (key for name, key in locals_of(file) if name in known)
            return frozenset((*(key for d in file.assigned if d.name in known for key in expanded(d)), *own))
        runs = file.kind == "POINT_PROCESS" and (file.all("breakpoint") or file.all("net_receive"))
        if not runs or any(isinstance(statement, Solve) for statement in initial):
            return frozenset()
        known = assigned_by(file, initial) - self.own - set(file.globals)
        return frozenset(key for d in file.assigned if d.name in known for key in expanded(d))

    # ---------------------------------------------------------------------------------------------------------------- names

    def symbol(self, key: str) -> sympy.Symbol:
        """The symbol of a state or parameter."""
        return sympy.Symbol(key, real=True)

    def resolver(self, stage: str) -> Any:
        """What names stand for in a block, before it assigns them."""
        names = self.names

        def resolve(key: str) -> Any:
            if key in SIMULATORS:
                return SIMULATORS[key]
            if key in self.file.constants:
                return sympy.Float(self.file.constants[key])
            if key in names.states or key in names.place or key in self.events:
                return self.symbol(key)
            if key in names.ions:
                return self._ion(key, names.ions[key], stage)
            if key in names.assigned or key in self.changed or key in {"f_flux", "b_flux"}:
                return self._placeholder(key, stage)
            if key in names.parameters or key in self.file.pointers:
                return self.symbol(key)
            if key.endswith("0") and key[:-1] in names.states:
                return sympy.Float(names.states[key[:-1]])
            if key in self.file.random:
                raise self.file.error(self.file.line_of(key), f"RANDOM {key}: noise in equations is not supported.")
            raise UnknownNameError(key)

        return resolve

    def _placeholder(self, key: str, stage: str) -> sympy.Symbol:
        symbol = sympy.Symbol(f"{stage}:{key}", real=True)
        self.placeholders[symbol] = key
        return symbol

    def _ion(self, key: str, ion: IonName, stage: str) -> Any:
        if ion.what == "current":
            if ion.written and (stage == "currents" or not ion.read):
                return self._placeholder(key, stage)
            return ZERO if stage == "initial" else IonSymbol(ion.ion, "current")
        if ion.written and stage != "initial":
            return self._placeholder(key, stage)
        return IonSymbol(ion.ion, ion.what)

    # --------------------------------------------------------------------------------------------------------------- blocks

    def machine(self, stage: str, on_solve: Any = None) -> Equations:
        """A machine for a block."""
        made = Equations(self.file, self.resolver(stage), self.names.states, self.symbol, on_solve)
        made.tables, made.lookups, made.missing = self.tables, self.lookups, self.missing
        made.turns, made.bound = self.turns, self.bound
        made.constant = frozenset((*self.names.parameters, *self.names.place, "celsius")) - self.changed
        if stage != "initial":  # which has nobody before it
            made.resting = lambda key: self._placeholder(key, "rest") if key in self.names.assigned else made.resolve(key)
        return made

    def translate(self) -> Translation:
        """Run all blocks and put together what they say."""
        initial = self.machine("initial")
        initial.on_solve = lambda solve: self._solve_now(solve, initial)
        equations = self.file.kind != "ARTIFICIAL_CELL"  # which has none: all its code is run event by event
        block = self.file.block("initial")
        if block is not None and equations:
            self._initialize(initial, block)
        currents = self.machine("currents")
        block = self.file.block("breakpoint")
        if block is not None and equations:
            currents.run(block.body)
        self.stages["initial"], self.stages["currents"] = initial.values, currents.values
        rates, methods = self._states(currents.found.solves)
        self.solved = {self.symbol(key): key for key in self.names.states if key in self.stages["states"] and key not in rates}
        gates = tuple(Gate(self.symbol(key), self.final(rate, "states"), self._initial(key)) for key, rate in rates.items())
        still = [key for key in self.names.states if key not in rates and not any(key in s for s in self._moving())]
        self.frozen |= {key: self._initial(key) for key in still if key not in self.names.ions}
        made = self._currents()
        writes = self._writes(set(rates))
        assigned = self._assigned(set(rates))
        frozen = tuple(Gate(self.symbol(key), ZERO, value) for key, value in self.frozen.items())
        settable = dict.fromkeys((*(k for k in sorted(self.names.assigned) if self._is_settable(k)), *self.file.pointers), 0.0)
        diffusing = self._diffusing()
        set_last = self._set_last(rates)
        moved = tuple(gate for gate in gates if gate.symbol not in {last.symbol for last in set_last})
        shown = (*set_last, *self._shown(writes, diffusing))
        methods |= {str(gate.symbol): Method("shown", "") for gate in shown}
        self._refuse_dt((*gates, *frozen), made)
        return Translation(
            self.file, self.names, _plain((*gates, *frozen)), (*moved, *frozen), MappingProxyType(methods), made,
            MappingProxyType(writes), MappingProxyType(assigned), MappingProxyType(settable), self.events,
            MappingProxyType(diffusing), shown, MappingProxyType(self._begun(assigned)), MappingProxyType(self.begins),
            frozenset(self.missing), bounds=frozenset(self.bound), turns=tuple(self.turns),
        )  # fmt: skip

    def _initialize(self, machine: Equations, block: Block) -> None:
        """INITIAL. What it does to a point process beyond equations is left to whoever runs it with numbers."""
        if self.file.kind == "SUFFIX":
            machine.run(block.body)
            symbols = set().union(*(getattr(value, "free_symbols", ()) for value in machine.values.values()))
            for key in sorted(s.name.removeprefix(STEPPED) for s in symbols if s.name.startswith(STEPPED)):
                message = f"INITIAL calls a DERIVATIVE block, which steps {key}, and keeps that. Set {key} after it."
                raise self.file.error(block.line, message)
            return
        for statement in block.body:
            before = dict(machine.values)
            try:
                machine.do(statement)
            except NmodlError:
                machine.values = before
                names = assigned_by(self.file, (statement,)) - self.own
                self.events |= {key for key in self.names.assigned if key in names or key.rpartition("_")[0] in names}

    def _moving(self) -> tuple[dict[str, Any], ...]:
        """What blocks assign that run step by step."""
        return self.stages["currents"], self.stages["states"]

    def _is_settable(self, key: str) -> bool:
        return key in self.events or key in self.begins or not any(key in values for values in self.stages.values())

    def _block_of(self, solve: Solve) -> Block:
        kinds = ("derivative", "kinetic", "procedure", "linear", "nonlinear")
        block = next((b for kind in kinds for b in self.file.all(kind) if b.name == solve.block), None)
        if block is None:
            raise self.file.error(
                solve.line, f"SOLVE {solve.block}: there is no DERIVATIVE, KINETIC, LINEAR or PROCEDURE so called."
            )
        return block

    def _solve_now(self, solve: Solve, machine: Equations) -> None:
        """SOLVE in INITIAL: the steady state, or linear equations, at once."""
        block = self._block_of(solve)
        inner = self.machine("initial")
        inner.values = machine.values
        if block.kind in {"linear", "nonlinear"}:
            inner.values = {key: value for key, value in machine.values.items() if key not in self.names.states}
            inner.run(block.body)
            states, equations = self._involved(inner), inner.found.equations
            if block.kind == "linear":
                machine.values |= inner.solve(equations, states, block)
            else:
                begin = {key: machine.values.get(key, sympy.Float(self.names.states[key])) for key in states}
                machine.values |= inner.solve_nonlinear(self._as_many(equations, states, block), begin)
        elif block.kind in {"kinetic", "derivative"}:
            unknown = dict(machine.values)
            inner.values = {key: value for key, value in unknown.items() if key not in self.names.states}
            rates = inner.rates(block)
            found = inner.steady(block, rates, unknown)
            machine.values = {**unknown, **inner.values, **found}
        else:
            inner.run(block.body)

    def _involved(self, machine: Equations) -> list[str]:
        """The states that equations are for."""
        symbols = set().union(*(equation.free_symbols for equation in machine.found.equations))
        return [key for key in self.names.states if self.symbol(key) in symbols]

    def _as_many(self, equations: list[Any], states: list[str], block: Block) -> list[Any]:
        if len(equations) != len(states):
            message = f"{block.name} has {len(equations)} equations for {len(states)} states ({', '.join(states)})."
            raise self.file.error(block.line, message)
        return equations

    def _states(self, solves: list[Solve]) -> tuple[dict[str, Any], dict[str, Method]]:
        rates: dict[str, Any] = {}
        methods: dict[str, Method] = {}
        for solve in solves:
            block, machine = self._block_of(solve), self.machine("states")
            machine.values = dict(self.stages["states"])
            if solve.method not in EXACT | IMPLICIT:
                known = ", ".join(sorted((EXACT | IMPLICIT) - {""}))
                raise self.file.error(solve.line, f"METHOD {solve.method} is not known; there are: {known}.")
            found, how = self._solved(block, solve, machine)
            rates |= found
            methods |= dict.fromkeys(found, Method(how, block.name))
            self.stages["states"] = machine.values
        return rates, methods

    def _solved(self, block: Block, solve: Solve, machine: Equations) -> tuple[dict[str, Any], str]:
        """Rates of the states of a block, and how a step moves them."""
        if block.kind == "procedure":
            found, values = rates_of_procedure(self.file, block, machine, self._with_factors)
            machine.values = {k: x for k, x in machine.values.items() if k not in self.names.states} | values
            return found, "cnexp"
        if block.kind in {"linear", "nonlinear"}:
            machine.run(block.body)
            states, equations = self._involved(machine), machine.found.equations
            if block.kind == "linear" and len(states) <= SYMBOLIC_LIMIT:
                machine.values |= machine.solve(equations, states, block)
                return {}, ""
            pairs = zip(states, self._as_many(equations, states, block), strict=True)
            return {key: algebraic(ZERO, equation) for key, equation in pairs}, "algebraic"
        found = machine.rates(block)
        spread, volumes = machine.found.diffusion, machine.found.volumes
        self.diffusion |= {key: (value, volumes.get(key, sympy.Integer(1))) for key, value in spread.items() if key in found}
        if block.kind == "derivative" and solve.method in EXACT:
            return found, "cnexp"
        return found, "euler" if solve.method == "euler" else "sparse" if block.kind == "kinetic" else "newton"

    def _with_factors(self, value: Any) -> Any:
        """An expression with factors of a step, ``decay = exp(-dt / tau)``, that INITIAL alone computes."""
        found: dict[Any, Any] = {}
        for symbol in (s for s in value.free_symbols if s in self.placeholders):
            key = self.placeholders[symbol]
            if key in self.stages["initial"] and not any(key in values for values in self._moving()):
                factor = self.final(self.stages["initial"][key], "initial")
                found |= {symbol: factor} if dt in factor.free_symbols else {}
        return value.xreplace(found)

    def _diffusing(self) -> dict[str, tuple[Any, Any]]:
        """States that diffuse along the cable, with numbers and parameters alone for how."""
        known = {*self.names.parameters, *self.names.place, "celsius", *filter(self._is_settable, self.names.assigned)}
        found: dict[str, tuple[Any, Any]] = {}
        self.spreads = True  # what INITIAL leaves is made of parameters here, which alone are followed
        for key, parts in self.diffusion.items():
            coefficient, volume = (self.final(value, "states") for value in parts)
            moving = {s.name for s in coefficient.free_symbols | volume.free_symbols} - known
            if moving:
                message = (
                    f"LONGITUDINAL_DIFFUSION of {key} depends on {', '.join(sorted(moving))}, which moves. Its coefficient and "
                    "COMPARTMENT are made of numbers, parameters and diam here."
                )
                raise self.file.error(self.file.line_of(key), message)
            if coefficient != 0:
                found[key] = (coefficient, volume)
        self.spreads = False
        return found

    def _set_last(self, rates: Mapping[str, Any]) -> tuple[Gate, ...]:
        """States that BREAKPOINT of a mechanism without currents sets, whatever its block has made of them: ``cai = a + b``."""
        found = []
        for key in sorted(rates.keys() & self.stages["currents"].keys()) if self.quiet else ():
            with suppress(NmodlError):  # one that keeps its value somewhere
                value = self.final(self.stages["currents"][key], "currents")
                others = set().union(*(rate.free_symbols for other, rate in rates.items() if other != key))
                if self.symbol(key) not in value.free_symbols | others:
                    found.append(Gate(self.symbol(key), value, self._initial(key)))
        return tuple(found)

    def _shown(self, writes: Mapping[tuple[str, str], Any], diffusing: Mapping[str, Any]) -> tuple[Gate, ...]:
        """What is written of states that diffuse at the end of a step, after it has been written."""
        found = []
        for (ion, what), value in writes.items():
            key = f"e{ion}" if what == "e" else f"{ion}{what}"
            if key not in diffusing and {s.name for s in value.free_symbols} & diffusing.keys():
                found.append(Gate(self.symbol(key), value, self._initial(key)))
        return tuple(found)

    # ---------------------------------------------------------------------------------------------------------------- finals

    def final(self, value: Any, stage: str) -> Any:
        """An expression without placeholders."""
        value = sympy.sympify(value)
        while True:
            if self.solved and stage != "initial":  # states that equations give are no unknowns
                value = value.xreplace({x: self._placeholder(key, stage) for x, key in self.solved.items()})
            found = sorted((s for s in value.free_symbols if s in self.placeholders), key=str)
            if not found:
                return smooth(value)
            value = value.xreplace(
                {symbol: self._meaning(self.placeholders[symbol], symbol.name.split(":")[0]) for symbol in found}
            )

    def _meaning(self, key: str, stage: str) -> Any:
        """What a variable is that a block reads before it assigns it: what the others have left in it."""
        order = {"states": ("currents", "states"), "currents": ("states", "currents")}.get(stage, ())
        where = next((name for name in order if key in self.stages[name]), None)
        if where is None:
            return self._left_by_initial(key, stage)
        if f"{where}:{key}" in self.open:
            raise self.file.error(
                self.file.line_of(key),
                f"{key} keeps its value from step to step, which no equation says. Make it a STATE, or compute it first.",
            )
        self.open.append(f"{where}:{key}")
        try:
            value = self.final(self.stages[where][key], where)
        finally:
            self.open.pop()
        moves = where != stage and any(s.name == "v" or s.name in self.names.states for s in value.free_symbols)
        if not moves:
            return value
        return self._left_by_block(key, value) if where == "states" else earlier(value)

    def _left_by_block(self, key: str, value: Any) -> Any:
        """What a solved block has left for BREAKPOINT, whatever scripts set since; before the first step what INITIAL has."""
        start = self.final(self.stages["initial"][key], "initial") if key in self.stages["initial"] else ZERO
        return left(value, self._started(start))

    def _left_by_initial(self, key: str, stage: str) -> Any:
        if key in self.names.ions:
            ion = self.names.ions[key]
            return IonSymbol(ion.ion, ion.what) if ion.what != "current" else ZERO
        if key not in self.stages["initial"]:
            return self.symbol(key) if key in self.names.parameters or self._is_settable(key) else ZERO
        if stage == "initial":  # where `n = n + 1` counts from run to run, or goes on from what BEFORE INITIAL leaves
            counts = self.file.kind == "SUFFIX" and key in self.left | self.kept
            return self.symbol(key) if key in self.names.parameters or counts else ZERO
        if key in self.preset:
            return self.symbol(key)
        value = self.final(self.stages["initial"][key], "initial")
        moving = {
            s for s in value.free_symbols if s.name in self.names.states or isinstance(s, IonSymbol) or s.name in {"v", "t"}
        }
        if not moving and key not in self.kept:
            if key not in self.left or self.spreads or dt in value.free_symbols or value.has(sympy.zoo, sympy.nan, sympy.oo):
                return value
            if self.file.kind == "SUFFIX":
                self.begins[key] = value
            else:
                self.events |= {key}
            return self.symbol(key)
        self.frozen[key] = self._started(value)
        return self.symbol(key)

    def _started(self, value: Any) -> Any:
        """An expression of INITIAL with states as they start."""
        states = {s: self._initial(s.name) for s in value.free_symbols if s.name in self.names.states}
        return value.xreplace(states) if states else value

    def _initial(self, key: str) -> Any:
        if key in self.stages["initial"]:
            return self.final(self.stages["initial"][key], "initial").xreplace(
                {self.symbol(other): self._start(other) for other in self.names.states}
            )
        ion = self.names.ions.get(key)
        return IonSymbol(ion.ion, ion.what) if ion is not None else self._start(key)

    def _start(self, key: str) -> Any:
        """What a state is before INITIAL: the parameter ``m0`` of a state ``m``, if there is one."""
        array = key.rpartition("_")[0]
        for name in (f"{key}0", f"{array}0" if array in {d.name for d in self.file.states if d.size is not None} else ""):
            if name in self.names.parameters:
                return self.symbol(name)
        return sympy.Float(self.names.states[key])

    # --------------------------------------------------------------------------------------------------------------- results

    def _value(self, key: str) -> Any:
        """A variable after BREAKPOINT."""
        if key in self.names.states and not any(key in self.stages[stage] for stage in ("currents", "states")):
            return self.symbol(key)
        for stage in ("currents", "states"):
            if key in self.stages[stage]:
                return self.final(self.stages[stage][key], stage)
        return self._left_by_initial(key, "currents")

    def _currents(self) -> tuple[Current, ...]:
        found = [Current(name, self._value(name)) for name in self.file.nonspecific]
        found += [Current(f"{name}_in", -self._value(name)) for name in self.file.electrode]
        for name, ion in self.names.ions.items():
            if ion.what == "current" and ion.written:
                found.append(Current(name, self._value(name), ion.ion))
        return tuple(found)

    def _writes(self, states: set[str]) -> dict[tuple[str, str], Any]:
        writes: dict[tuple[str, str], Any] = {}
        for name, ion in self.names.ions.items():
            if not ion.written or ion.what == "current":
                continue
            if name in self.stages["initial"] and not any(name in stage for stage in (states, *self._moving())):
                value = self._started(self.final(self.stages["initial"][name], "initial"))
                if self.numbers and self.file.kind == "SUFFIX":
                    self.begins[name] = value  # a number that stays, unless a script sets another
                    continue
                writes[ion.ion, ion.what] = value
                continue
            writes[ion.ion, ion.what] = self.symbol(name) if name in states else self._value(name)
        return writes

    def _assigned(self, states: set[str]) -> dict[str, tuple[Any, str]]:
        found: dict[str, tuple[Any, str]] = {}
        written = [key for key, ion in self.names.ions.items() if ion.written and ion.what != "current"]
        for key in dict.fromkeys((*sorted((*self.names.assigned, *self.names.states)), *written)):
            if key in states or key in self.frozen or key in self.events or key in self.file.nonspecific:
                continue
            # a solved block comes last in a step; without currents all of BREAKPOINT runs then, in its order
            for stage in ("currents", "states") if self.quiet else ("states", "currents"):
                if key in self.stages[stage]:
                    # one that follows from its own past, and that no equation reads, is left out: results do without
                    with suppress(NmodlError):
                        value = self.final(self.stages[stage][key], stage)
                        if dt not in value.free_symbols:
                            found[key] = (value, "states" if self.quiet else stage)
                    break
            else:
                if key in self.stages["initial"]:
                    value = self._left_by_initial(key, "currents")
                    known = {*self.frozen, *self.events, *self.begins}
                    if key not in known and dt not in value.free_symbols:
                        found[key] = (value, "currents")
        return found

    def _begun(self, assigned: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
        """What INITIAL, or BREAKPOINT after it, leaves in variables that the block solved assigns."""
        found: dict[str, Any] = {}
        for key, (value, stage) in assigned.items():
            if stage != "states":
                continue
            first = "currents" if not self.quiet and key in self.stages["currents"] else "initial"
            if key in self.stages[first]:
                start = self.final(self.stages[first][key], first)
                if start != value and not start.has(sympy.zoo, sympy.nan, sympy.oo):
                    found[key] = self._started(start)
            elif key not in self.names.ions:
                found[key] = ZERO
        return found

    def _refuse_dt(self, gates: tuple[Gate, ...], currents: tuple[Current, ...]) -> None:
        for name, value in (*((str(g.symbol), g.rate) for g in gates), *((c.name, c.density) for c in currents)):
            if dt in sympy.sympify(value).free_symbols:
                message = f"{name} depends on dt, the step of the simulator. Write it as a rate, in DERIVATIVE."
                raise self.file.error(self.file.line_of(name), message)


def _plain(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """Gates without what only a step that goes block by block looks for."""
    return tuple(Gate(gate.symbol, _unnamed(gate.rate), gate.initial) for gate in gates)


def _unnamed(value: Any) -> Any:
    while found := value.atoms(given, conserved, algebraic) if isinstance(value, sympy.Basic) else ():
        value = value.xreplace({part: part.args[0] for part in found})
    return value
