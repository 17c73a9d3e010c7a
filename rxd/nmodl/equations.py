"""Blocks that say how states move: DERIVATIVE, KINETIC, old-style PROCEDUREs, and the equations of LINEAR.

In: a block. Out: the rate of each state, or the solution of linear equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import reduce
from typing import Any

import sympy

from geometry.records import dataclass
from rxd.declare.functions import conserved, given, linear_solution, nonlinear_solution
from rxd.nmodl.execute import SENDING, SILENT
from rxd.nmodl.names import dt, names_read
from rxd.nmodl.sides import Sides
from rxd.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Compartment,
    Conserve,
    Diffusion,
    Equation,
    Expression,
    Flux,
    Loop,
    ModFile,
    Name,
    Number,
    Reaction,
    Solve,
)

__all__ = ["STEPPED", "Equations", "rates_of_procedure"]

SYMBOLIC_LIMIT = 3
"""Largest number of linear equations whose solution is written out; larger ones are solved with numbers."""
STEPPED = "stepped:"
"""Marks a state after a call of the DERIVATIVE block it is in, which has made a step in NEURON."""
LONG = 1e9
"""A step (ms) that ends in the steady state: NEURON's."""


@dataclass(slots=True)
class Collected:
    """What a block says about states."""

    rates: dict[str, Any] = field(default_factory=dict)
    volumes: dict[str, Any] = field(default_factory=dict)
    diffusion: dict[str, Any] = field(default_factory=dict)
    conserved: dict[str, Any] = field(default_factory=dict)
    equations: list[Any] = field(default_factory=list)
    solves: list[Solve] = field(default_factory=list)


class Equations(Sides):
    """A machine that collects equations.

    Parameters
    ----------
    states : mapping
        States by name.
    symbol : function
        Symbol of a state.
    on_solve : function, optional
        What to do at a SOLVE; without one it is noted.

    Attributes
    ----------
    turns : sequence of mapping of str to float
        Numbers that parameters in the bounds of loops have in one place or another; the file's for those not named.
    bound : set of str
        The parameters there are in such bounds.
    """

    silent = SILENT | SENDING

    def __init__(
        self,
        file: ModFile,
        resolve: Callable[[str], Any],
        states: Mapping[str, float],
        symbol: Callable[[str], Any],
        on_solve: Callable[[Solve], None] | None = None,
    ) -> None:
        super().__init__(file, resolve)
        self.states, self.symbol, self.on_solve = states, symbol, on_solve
        self.resting: Callable[[str], Any] = resolve
        self.constant: frozenset[str] = frozenset()
        self.found = Collected()
        self.rate_depth: int | None = None
        self.missing: set[str] = set()
        self.turns: Sequence[Mapping[str, float]] = ({},)
        self.bound: set[str] = set()

    def loop(self, statement: Loop) -> None:
        """A loop: where parameters say how often it turns, as often as each of their numbers says, in a branch for each."""
        if statement.condition is not None:
            super().loop(statement)
            return
        ways: dict[tuple[int, int, int], dict[tuple[tuple[str, float], ...], None]] = {}
        for numbers in self.turns:
            known = {**self.defaults, **{self.symbol(key): sympy.Float(number) for key, number in numbers.items()}}
            self.replaced.clear()
            way = self.bounds(statement, known)
            self.bound.update(symbol.name for symbol in self.replaced)
            setting = sorted((symbol.name, float(known[symbol])) for symbol in self.replaced)
            ways.setdefault(way, {})[tuple(setting)] = None
        cases: list[tuple[Expression | None, tuple[Loop]]] = []
        for way, settings in ways.items():
            first, last, step = (Number(str(number)) for number in way)
            turning = replace(statement, first=first, last=last, step=step)
            cases.append((_any_of(settings) if len(cases) < len(ways) - 1 else None, (turning,)))
        if len(cases) > 1:
            self.branch(cases, statement.line)
        else:
            super().loop(cases[0][1][0])

    def unknown(self, call: Call) -> Any:
        """A FUNCTION_TABLE without numbers, which may still come."""
        self.missing.add(call.name)
        return sympy.Integer(1)

    def collected(self) -> Collected:
        """Rates and the like, as they are."""
        found = self.found
        return Collected(
            dict(found.rates), dict(found.volumes), dict(found.diffusion), dict(found.conserved), list(found.equations),
            list(found.solves),
        )  # fmt: skip

    def take_back(self, said: Collected) -> None:
        """Go back to what had been said."""
        self.found = said

    def join_collected(self, condition: Any, said: Collected, line: int) -> None:
        """A rate that only one branch gives is nothing in the other; all else must be the same in both."""
        other = self.found
        same = ("volumes", "diffusion", "conserved", "equations", "solves")
        if any(getattr(said, name) != getattr(other, name) for name in same):
            remedy = "Put it outside of the branches, and what differs into a variable."
            message = "an equation, COMPARTMENT, LONGITUDINAL_DIFFUSION, CONSERVE or SOLVE in a branch that may not be taken."
            raise self.file.error(line, f"{message} {remedy}")
        nothing = sympy.Integer(0)
        for key in dict.fromkeys((*said.rates, *other.rates)):
            first, second = said.rates.get(key, nothing), other.rates.get(key, nothing)
            other.rates[key] = self.either(condition, first, second)

    def is_static(self, condition: Any) -> bool:
        """Whether only parameters decide."""
        return {symbol.name for symbol in condition.free_symbols} <= self.constant

    def rest(self, key: str) -> Any:
        """What INITIAL left in a variable."""
        return self.resting(key)

    def assign(self, statement: Assign) -> None:
        """``name = value``, or a rate."""
        if not statement.prime:
            super().assign(statement)
            return
        key = self.key(statement.target, statement.line)
        if key not in self.states:
            raise self.file.error(statement.line, f"{key}' is the rate of something that is no STATE.")
        self.rate_depth = len(self.frames)
        self.found.rates[key] = self.amount(self.evaluate(statement.value))
        self.rate_depth = None

    def evaluate(self, expression: Expression) -> Any:
        """The value of an expression; what a rate does not say of states itself is a coefficient of it."""
        value = super().evaluate(expression)
        if self.rate_depth != len(self.frames) or not isinstance(expression, (Name, Call)):
            return value
        if isinstance(expression, Name):
            return value if self.key(expression, 0) in self.states else self._coefficient(value)
        seen = any(name in self.states or name in self.arrays for name in names_read(expression.arguments))
        return value if seen or expression.name not in self.procedures else self._coefficient(value)

    def _coefficient(self, value: Any) -> Any:
        """A value whose dependence on states, if any, an implicit step does not see."""
        symbols = getattr(value, "free_symbols", ())
        return given(value) if any(s.name in self.states or ":" in s.name for s in symbols) else value

    def builtin(self, call: Call, arguments: list[Any]) -> Any:
        """A function of NMODL's own; or a DERIVATIVE block, called for what else it assigns."""
        block = next((block for block in self.file.all("derivative") if block.name == call.name), None)
        if block is None:
            return super().builtin(call, arguments)
        rates = self.found.rates
        self.found.rates = {}
        self.called(block, [])
        self.values |= {key: sympy.Symbol(f"{STEPPED}{key}") for key in self.found.rates}
        self.found.rates = rates
        return sympy.Integer(0)

    def special(self, statement: Any) -> None:
        """Statements of KINETIC and LINEAR blocks, and SOLVE."""
        if isinstance(statement, Reaction):
            self._reaction(statement)
        elif isinstance(statement, Flux):
            amount = self.amount(self.evaluate(statement.amount))
            self.values["f_flux"], self.values["b_flux"] = sympy.Integer(0), amount
            for key, number in self.terms(statement.target, statement.line):
                self._add(key, number * self._coefficient(amount))
        elif isinstance(statement, Conserve):
            self._conserve(statement)
        elif isinstance(statement, Compartment):
            self._compartment(statement)
        elif isinstance(statement, Diffusion):
            self.found.diffusion |= self.in_space(statement.index, statement.coefficient, statement.states)
        elif isinstance(statement, Equation):
            self.found.equations.append(self.evaluate(statement.left) - self.evaluate(statement.right))
        elif isinstance(statement, Solve):
            (self.on_solve or self.found.solves.append)(statement)
        else:
            super().special(statement)

    # ------------------------------------------------------------------------------------------------------------- kinetics

    def _reaction(self, statement: Reaction) -> None:
        left = self.terms(statement.left, statement.line)
        right = [] if statement.right is None else self.terms(statement.right, statement.line)
        forward = self._coefficient(self.amount(self.evaluate(statement.forward))) * self._product(left)
        backward = sympy.Integer(0)
        if statement.backward is not None:
            backward = self._coefficient(self.amount(self.evaluate(statement.backward))) * self._product(right)
        self.values["f_flux"], self.values["b_flux"] = forward, backward
        for side, sign in ((left, -1), (right, 1)):
            for key, number in side:
                self._add(key, sign * number * (forward - backward))

    def _product(self, terms: list[tuple[str, int]]) -> Any:
        values = ((key, self.get(key), number) for key, number in terms)
        return sympy.Mul(*((x if key in self.states else self._coefficient(x)) ** number for key, x, number in values))

    def _conserve(self, statement: Conserve) -> None:
        """What is conserved takes the place of the rate of the last state it names that has its own still."""
        terms = [term for term in self.terms(statement.left, statement.line) if term[0] in self.states]
        last = next((key for key, _ in reversed(terms) if key not in self.found.conserved), None)
        if last is None:
            raise self.file.error(statement.line, "CONSERVE sums no state of this block.")
        volumes = self.found.volumes
        total = sympy.Add(*(number * self.get(key) * volumes.get(key, 1) for key, number in terms))
        self.found.conserved[last] = total - self._coefficient(self.evaluate(statement.right))

    def _add(self, key: str, amount: Any) -> None:
        if key in self.states:
            self.found.rates[key] = self.found.rates.get(key, sympy.Integer(0)) + amount

    def _compartment(self, statement: Compartment) -> None:
        self.found.volumes |= self.in_space(statement.index, statement.volume, statement.states)

    def rates(self, block: Block) -> dict[str, Any]:
        """The rates of states that a DERIVATIVE or KINETIC block gives."""
        self.run(block.body)
        found = {key: rate / self.found.volumes.get(key, 1) for key, rate in self.found.rates.items()}
        excess = self.found.conserved
        return {key: conserved(rate, excess[key]) if key in excess else rate for key, rate in found.items()}

    # --------------------------------------------------------------------------------------------------------------- linear

    def steady(self, block: Block, rates: Mapping[str, Any], start: Mapping[str, Any]) -> dict[str, Any]:
        """The states at which nothing changes; what CONSERVE names takes the place of a rate.

        Where that is not given by linear equations and CONSERVE, it is where a long step leads from ``start``.
        """
        excess = self.found.conserved
        if excess and not self.tables:  # NEURON takes the long step always
            rows = [excess.get(key, rate) for key, rate in rates.items()]
            if self._is_linear(rows, list(rates)):
                return self.solve(rows, list(rates), block)
        begin = {key: start.get(key, sympy.Float(self.states[key])) for key in rates}
        rows = [excess[key] if key in excess else LONG * rate - (self.symbol(key) - begin[key]) for key, rate in rates.items()]
        return self.solve_nonlinear(rows, begin)

    def solve_nonlinear(self, equations: list[Any], start: Mapping[str, Any]) -> dict[str, Any]:
        """Solve equations for states, numerically from a start."""
        symbols = [sympy.Dummy(f"x{i}", real=True) for i in range(len(start))]
        ties = {self.symbol(key): symbol for key, symbol in zip(start, symbols, strict=True)}
        rows = [equation.xreplace(ties) for equation in equations]
        system = sympy.Lambda(tuple(symbols), sympy.Tuple(*rows, *(sympy.diff(row, x) for row in rows for x in symbols)))
        return {key: nonlinear_solution(i, system, *start.values()) for i, key in enumerate(start)}

    def _is_linear(self, equations: list[Any], states: list[str]) -> bool:
        symbols = {self.symbol(key) for key in states}
        return not any(sympy.diff(equation, x).free_symbols & symbols for equation in equations for x in symbols)

    def solve(self, equations: list[Any], states: list[str], block: Block) -> dict[str, Any]:
        """Solve linear equations for states.

        Raises
        ------
        NmodlError
            If they are not linear, or not as many as there are states.
        """
        symbols = [self.symbol(key) for key in states]
        if len(equations) != len(symbols):
            message = f"{block.name} has {len(equations)} equations for {len(symbols)} states ({', '.join(states)})."
            raise self.file.error(block.line, message)
        nothing = dict.fromkeys(symbols, sympy.Integer(0))
        matrix = [[sympy.diff(equation, symbol) for symbol in symbols] for equation in equations]
        if not self._is_linear(equations, states):
            raise self.file.error(block.line, f"{block.name} is not linear in its states. Write it as NONLINEAR.")
        right = [-equation.xreplace(nothing) for equation in equations]
        n = len(symbols)
        if n <= SYMBOLIC_LIMIT:
            solution = list(sympy.Matrix(matrix).LUsolve(sympy.Matrix(right)))
        else:
            entries = [entry for row in matrix for entry in row]
            solution = [linear_solution(i, n, *entries, *right) for i in range(n)]
        return dict(zip(states, solution, strict=True))


def _any_of(settings: Iterable[tuple[tuple[str, float], ...]]) -> Expression:
    """The condition that parameters are as one of some settings says; with no `==`, which may guard a singularity."""

    def both(left: Expression, right: Expression) -> Expression:
        return Binary("&&", left, right)

    def equal(name: str, number: float) -> Expression:
        return both(*(Binary(sign, Name(name), Number(repr(number))) for sign in ("<=", ">=")))

    each = [reduce(both, (equal(*pair) for pair in setting)) for setting in settings]
    return reduce(lambda left, right: Binary("||", left, right), each)


def rates_of_procedure(
    file: ModFile, block: Block, machine: Equations, known: Callable[[Any], Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a PROCEDURE that is solved does to states: rates of those that relax, values of those that are set.

    Old files write the step of the exponential method themselves, ``m = m + (1 - exp(-dt / tau)) * (minf - m)``: an expression
    ``a + b m`` with ``b = exp(-dt / tau)``, from which the rate ``(a / (1 - b) - m) / tau`` follows. Where `b` is interpolated
    in a table, it is a mean of two such factors, and the rate is the mean of theirs. ``known`` puts in factors that INITIAL has
    computed.
    """
    machine.run(block.body)
    machine.values |= {key: known(machine.values[key]) for key in machine.states if key in machine.values}
    rates, values = {}, {}
    for key in machine.states:
        if key not in machine.values:
            continue
        x = machine.symbol(key)
        hidden: dict[Any, Any] = {}
        after = _veiled(machine.values[key], {x, dt}, hidden)
        slope = sympy.simplify(sympy.diff(after, x))
        if x not in after.free_symbols:
            values[key] = machine.values[key]
            continue
        if x in slope.free_symbols:
            raise file.error(
                block.line, f"{block.name} changes {key} in a way that is no relaxation. Write it as a DERIVATIVE."
            )
        start = after.xreplace({x: sympy.Integer(0)})
        if (speed := _speed(slope)) is not None:
            goal = sympy.simplify(start / (1 - slope))
            if not goal.has(dt):
                shown = {veil: expression for expression, veil in hidden.items()}
                rates[key] = (speed * (goal - x)).xreplace(shown)
                continue
        raise file.error(
            block.line,
            f"{block.name} steps {key} by dt in a way of its own. Write {key}' = ... in a DERIVATIVE block, with METHOD cnexp.",
        )
    return rates, values


def _speed(factor: Any) -> Any:
    """`1 / tau` of what a step of dt multiplies by: `exp(-dt / tau)`, or a mean of such factors; None for anything else."""
    speed, weight = sympy.Integer(0), sympy.Integer(0)
    for term in sympy.Add.make_args(sympy.expand(factor, power_exp=False)):
        share, decay = term.as_independent(dt)
        if not isinstance(decay, sympy.exp) or (one := sympy.simplify(-decay.args[0] / dt)).has(dt):
            return None
        speed, weight = speed + share * one, weight + share
    return sympy.simplify(speed) if sympy.simplify(weight) == 1 else None


def _veiled(expression: Any, kept: set[Any], hidden: dict[Any, Any]) -> Any:
    """An expression with a symbol in place of every part that has none of some symbols in it.

    What SymPy makes of rates from tables and with branches while it simplifies takes long or fails; it need not look at them.
    """
    if not expression.free_symbols & kept:
        return expression if expression.is_Atom else hidden.setdefault(expression, sympy.Dummy("veil", real=True))
    return expression if expression.is_Atom else expression.func(*(_veiled(part, kept, hidden) for part in expression.args))
