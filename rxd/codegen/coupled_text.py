"""Source of the coupled stepper's kernels: right-hand side and exact Jacobian of every group.

In: a `System`. Out: the text of a module in which ``rates_<group>`` fills ``dy/dt`` without exchange between nodes and
``linearise_<group>`` fills it together with the values of its Jacobian and, where ``rxd.t`` occurs, its time derivative. Every
current is computed once and then put into all equations that it changes, in the right-hand side as in the Jacobian: charge and
moles agree to round-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

import sympy

from geometry.records import dataclass
from rxd.codegen.exponentials import share_exponentials
from rxd.codegen.printer import LanePrinter, assignments
from rxd.codegen.text import KERNEL_ARGUMENTS
from rxd.discretize.records import LANES
from rxd.symbolic.system import LocalSystem

TIME = sympy.Symbol("t", real=True)
ARGUMENTS = frozenset({"X", "P", "t", "dt", "F", "J", "l"})


@dataclass(slots=True)
class Layers:
    """Assignments of a kernel: ``inner`` ones evaluate expressions once, ``outer`` ones are sums that use their names."""

    group: LocalSystem
    inner: list[tuple[str, sympy.Expr]] = field(default_factory=list)
    outer: list[tuple[str, sympy.Expr]] = field(default_factory=list)

    def name(self, wanted: str, expression: sympy.Expr) -> sympy.Symbol:
        """Evaluate an expression once, under a name that nothing in the group has."""
        taken = {symbol.name for symbol in self.group.symbols} | {each.name for each in self.group.fields}
        while wanted in taken:
            wanted += "_"
        self.inner.append((wanted, expression))
        return sympy.Symbol(wanted, real=True)

    def put(self, target: str, chemistry: sympy.Expr, electric: sympy.Expr, wanted: str) -> None:
        """Assign chemistry plus what named currents add to it."""
        if electric == 0:
            self.inner.append((target, chemistry))
        else:
            self.outer.append((target, electric + (self.name(wanted, chemistry) if chemistry != 0 else 0)))

    def text(self, name: str, doc: str, constants: Constants, known: Known) -> str:
        """The kernel: loads, inner layer, outer layer."""
        return kernel_text(name, doc, self.lines(constants, known), "late_kernel")

    def lines(self, constants: Constants, known: Known, x: str = "l", p: str = "l") -> list[str]:
        """Loads, inner layer, outer layer; ``x`` and ``p``: where the lane is in the first rows of X and P."""
        group = self.group
        inner = [(target, constants.taken_out(expression)) for target, expression in self.inner]
        outer = [(target, constants.taken_out(expression)) for target, expression in self.outer]
        targets = [target for target, _ in (*inner, *outer)]
        names = constants.names | {symbol.name for symbol in constants.symbols} | set(targets)
        shared, values = share_exponentials([expression for _, expression in (*inner, *outer)], sorted(names))
        used = set().union(*(expression.free_symbols for expression in (*values, *(value for _, value in shared))))
        lines = [f"{symbol.name} = {row('X', k, x)}" for k, symbol in enumerate(group.symbols) if symbol in used]
        given = (*(each.symbol for each in group.fields), *constants.symbols)
        lines += [f"{symbol.name} = {row('P', known.row(k), p)}" for k, symbol in enumerate(given) if symbol in used]
        lines += [f"{symbol.name} = {LanePrinter().doprint(value)}" for symbol, value in shared]
        taken, n = names | {symbol.name for symbol, _ in shared}, len(inner)
        lines += assignments(targets[:n], values[:n], taken)
        taken |= {line.split(" = ")[0] for line in lines}
        return lines + assignments(targets[n:], values[n:], taken)


@dataclass(slots=True)
class Known:
    """Rows of P in the order in which kernels first ask for them: numbers of a group's fields and, behind these, constants.

    What no kernel reads is not there: it would only fill the cache.
    """

    order: list[int] = field(default_factory=list)

    def row(self, number: int) -> int:
        """Where a field or constant is."""
        if number not in self.order:
            self.order.append(number)
        return self.order.index(number)


class Constants:
    """Parts of a group's expressions that fields alone decide: computed once for every node, not at every evaluation.

    Only those with a division, a power or a function in them, or some operations, are worth the row of memory.
    """

    def __init__(self, group: LocalSystem) -> None:
        self.fields = frozenset(each.symbol for each in group.fields)
        self.names = {symbol.name for symbol in group.symbols} | {each.name for each in group.fields} | ARGUMENTS
        self.found: dict[sympy.Expr, sympy.Symbol] = {}
        self.seen: dict[sympy.Expr, sympy.Expr] = {}

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """Their names, in the order of their rows."""
        return tuple(self.found.values())

    def taken_out(self, expression: sympy.Expr) -> sympy.Expr:
        """The expression with names in place of its constant parts."""
        if not expression.args or not expression.free_symbols & self.fields:
            return expression
        if expression not in self.seen:
            self.seen[expression] = self._taken_out(expression)
        return self.seen[expression]

    def _taken_out(self, expression: sympy.Expr) -> sympy.Expr:
        number = isinstance(expression, sympy.Expr)  # a condition, or a case of `Cases`, is none that a row could hold
        if number and expression.free_symbols <= self.fields:
            return self._named(expression) if worthwhile(expression) else expression
        if not isinstance(expression, sympy.Add | sympy.Mul):
            return expression.func(*(self.taken_out(each) for each in expression.args))
        fixed = [each for each in expression.args if each.free_symbols <= self.fields]
        moving = [self.taken_out(each) for each in expression.args if not each.free_symbols <= self.fields]
        together = expression.func(*fixed)
        return expression.func(self._named(together) if worthwhile(together) else together, *moving)

    def _named(self, expression: sympy.Expr) -> sympy.Symbol:
        if expression not in self.found:
            number = len(self.found)
            while f"c{number}" in self.names:
                number += 1
            self.names.add(f"c{number}")
            self.found[expression] = sympy.Symbol(f"c{number}", real=True)
        return self.found[expression]

    def text(self, group: LocalSystem) -> str:
        """Kernel ``constants_<group>``: from fields in P to constants in F."""
        used = set().union(*(expression.free_symbols for expression in self.found))
        lines = [f"{each.name} = {row('P', k)}" for k, each in enumerate(group.fields) if each.symbol in used]
        taken = {each.name for each in group.fields} | ARGUMENTS
        lines += assignments([row("F", k) for k in range(len(self.found))], list(self.found), taken)
        return kernel_text(f"constants_{group.name}", f"Constants of {group.name}.", lines)


def worthwhile(expression: sympy.Expr) -> bool:
    """Whether computing an expression costs much more than reading a number."""
    if not expression.free_symbols:
        return False
    return bool(expression.atoms(sympy.Pow, sympy.Function)) or int(expression.count_ops()) > 2


def kernel_text(name: str, doc: str, lines: list[str], decorator: str = "kernel") -> str:
    """A function of the one signature with a loop over lanes."""
    head = [f"@{decorator}", f"def {name}({KERNEL_ARGUMENTS}):", f'    """{doc}"""', "    whole_vectors()", "    rows_apart()"]
    head.append(f"    for l in range({LANES}):")
    return "\n".join([*head, *(f"        {line}" for line in lines or ["pass"])])


def row(array: str, number: int, place: str = "l") -> str:
    """A lane of a row of a kernel's argument, in which the first row has it at this place."""
    return f"{array}[{place} + {number * LANES}]" if number else f"{array}[{place}]"


def coupled_pattern(group: LocalSystem) -> tuple[tuple[int, int], ...]:
    """(row, column) of every structural non-zero of a group's Jacobian, row by row."""
    return tuple(sorted(jacobian_entries(group, Layers(group))))


def add_rates(group: LocalSystem, layers: Layers, targets: Sequence[str] = ()) -> None:
    """Total time derivative of every unknown into F, or under other names."""
    chemistry = dict(group.rates)
    electric: dict[str, sympy.Expr] = {}
    for number, process in enumerate(group.processes):
        current = layers.name(f"i{number}", process.expression)
        for label, factor in process.effects:
            electric[label] = electric.get(label, sympy.Integer(0)) + factor * current
    zero = sympy.Integer(0)
    for number, label in enumerate(group.unknowns):
        target = targets[number] if targets else row("F", number)
        layers.put(target, chemistry.get(label, zero), electric.get(label, zero), f"r{number}")


def jacobian_entries(group: LocalSystem, layers: Layers) -> dict[tuple[int, int], tuple[sympy.Expr, sympy.Expr]]:
    """Chemistry and electric part of each entry; the slopes of currents are named in ``layers`` as they are met."""
    zero = sympy.Integer(0)
    row_of = {label: row for row, label in enumerate(group.unknowns)}
    chemistry: dict[tuple[int, int], sympy.Expr] = {}
    electric: dict[tuple[int, int], sympy.Expr] = {}
    for column, symbol in enumerate(group.symbols):
        for number, process in enumerate(group.processes):
            slope = derivative(process.expression, symbol)
            if slope != 0:
                named = layers.name(f"g{number}_{column}", slope)
                for label, factor in process.effects:
                    key = row_of[label], column
                    electric[key] = electric.get(key, zero) + factor * named
            for label, factor in process.effects:
                slope = derivative(factor, symbol)  # of a volume that changes
                if slope != 0:
                    key = row_of[label], column
                    chemistry[key] = chemistry.get(key, zero) + slope * process.expression
        for label, rate in group.rates:
            slope = derivative(rate, symbol)
            if slope != 0:
                key = row_of[label], column
                chemistry[key] = chemistry.get(key, zero) + slope
    return {key: (chemistry.get(key, zero), electric.get(key, zero)) for key in chemistry.keys() | electric.keys()}


def derivative(expression: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """Derivative, at once zero where the symbol does not occur."""
    return sympy.diff(expression, symbol) if symbol in expression.free_symbols else sympy.Integer(0)


def time_slopes(group: LocalSystem) -> list[tuple[int, sympy.Expr]]:
    """Rows that depend on time explicitly, with their derivative."""
    sides = list(enumerate(group.right_hand_side().values()))
    return [(number, slope) for number, value in sides if (slope := derivative(value, TIME)) != 0]


def rates_text(group: LocalSystem, constants: Constants, known: Known) -> str:
    """Kernel ``rates_<group>``."""
    layers = Layers(group)
    add_rates(group, layers)
    return layers.text(f"rates_{group.name}", f"Rates of {', '.join(group.unknowns)}.", constants, known)


def linearise_text(group: LocalSystem, constants: Constants, known: Known) -> str:
    """Kernel ``linearise_<group>``: rates, Jacobian and time derivative share their subexpressions."""
    layers = Layers(group)
    add_rates(group, layers)
    entries = jacobian_entries(group, layers)
    for k, key in enumerate(sorted(entries)):
        layers.put(row("J", k), *entries[key], f"j{key[0]}_{key[1]}")
    for k, (_, slope) in enumerate(time_slopes(group)):
        layers.put(row("J", len(entries) + k), slope, sympy.Integer(0), "")
    doc = f"Rates of {', '.join(group.unknowns)} with their Jacobian ({len(entries)} entries)."
    return layers.text(f"linearise_{group.name}", doc, constants, known)
