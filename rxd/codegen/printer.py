"""SymPy expressions -> Python source that numba compiles to vector code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from types import MappingProxyType
from typing import Any, Final

import sympy
from sympy.printing.printer import Printer

from rxd.codegen.reciprocals import Steep, in_order, interleaved, steep_parts
from rxd.errors import KernelError

VECTOR_FUNCTIONS = frozenset({"exp", "log", "tanh", "bernoulli_ratio", "bernoulli_ratio_of", "bernoulli_slope"})
SCALAR_FUNCTIONS = frozenset({"sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "erf", "floor"})
NAMES: Final = MappingProxyType({"exp": "vexp", "log": "vlog", "tanh": "vtanh"})
DIGAMMA: Final = 6
"""From where on the series of the digamma function is used."""


class LanePrinter(Printer):
    """Prints one expression; powers become products, conditionals become selects. Compound results stand in parentheses."""

    printmethod = "_lane"

    def emptyPrinter(self, expr: Any) -> str:
        """Refuse what no rate may contain."""
        message = (
            f"Rates cannot contain {type(expr).__name__} ({expr}). "
            f"Write the rate with arithmetic, exp, log, powers or Piecewise."
        )
        raise KernelError(message)

    def _print_Integer(self, expr: Any) -> str:
        return f"{int(expr)}.0"

    def _print_Rational(self, expr: Any) -> str:
        return f"({expr.p}.0 / {expr.q}.0)"

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_NumberSymbol(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Symbol(self, expr: Any) -> str:
        return str(expr.name)

    def _print_Pow(self, expr: Any) -> str:
        base, exponent = expr.base, expr.exp
        if exponent.is_Float and float(exponent).is_integer():
            exponent = sympy.Integer(int(exponent))
            if exponent in (0, 1):
                return self._print(base**exponent)
        if exponent.is_Integer and 0 < abs(int(exponent)) <= 16:
            power = self._product(self._factor(base), abs(int(exponent)))
            return power if exponent > 0 else f"(1.0 / {power})"
        if exponent == sympy.Rational(1, 2):
            return f"math.sqrt({self._print(base)})"
        if exponent == -sympy.Rational(1, 2):
            return f"(1.0 / math.sqrt({self._print(base)}))"
        if base == sympy.E:
            return f"vexp({self._print(exponent)})"
        if exponent.is_Integer:  # of negative numbers, too, which rounding may make of a concentration near 0
            x = self._print(base)
            size = f"vpow(abs({x}), {self._print(exponent)})"
            return size if exponent.is_even else f"({size} if {x} >= 0.0 else -{size})"
        return f"vpow({self._print(base)}, {self._print(exponent)})"

    def _product(self, base: str, count: int) -> str:
        """``base**count`` by repeated squaring in source, which keeps the number of multiplications logarithmic."""
        if count == 1:
            return base
        half = self._product(base, count // 2)
        squared = f"({half} * {half})"
        return f"({squared} * {base})" if count % 2 else squared

    def _print_Mul(self, expr: Any) -> str:
        numerator, denominator = [], []
        factors = expr.as_ordered_factors()
        for factor in interleaved(factors) if expr.atoms(Steep) else factors:
            if factor.is_Pow and factor.exp.is_Rational and factor.exp.is_negative and factor.base != sympy.E:
                denominator.append(sympy.Pow(factor.base, -factor.exp))
            else:
                numerator.append(factor)
        text = " * ".join(self._factor(f) for f in numerator) or "1.0"
        if denominator:
            below = " * ".join(self._factor(f) for f in denominator)
            text = f"{text} / {below}" if len(denominator) == 1 else f"{text} / ({below})"
        return f"({text})"

    def _factor(self, factor: Any) -> str:
        text = self._print(factor)
        return f"({text})" if factor.is_Add or text.startswith("-") else text

    def _print_Add(self, expr: Any) -> str:
        return "(" + " + ".join(self._print(term) for term in expr.as_ordered_terms()) + ")"

    def _print_Function(self, expr: Any) -> str:
        name = expr.func.__name__
        arguments = ", ".join(self._print(argument) for argument in expr.args)
        if name in VECTOR_FUNCTIONS:
            return f"{NAMES.get(name, name)}({arguments})"
        if name in SCALAR_FUNCTIONS:
            return f"math.{name}({arguments})"
        message = (
            f"Rates cannot use the function '{name}' ({expr}). Use exp, log, powers, tanh, sin, cos, sqrt, Abs, Min, Max, "
            f"Piecewise, Heaviside or rxd.vtrap, or write it with these."
        )
        raise KernelError(message)

    def _print_exp(self, expr: Any) -> str:
        return f"vexp({self._print(expr.args[0])})"

    def _print_log(self, expr: Any) -> str:
        return f"vlog({self._print(expr.args[0])})"

    def _print_gamma(self, expr: Any) -> str:
        return f"math.gamma({self._print(expr.args[0])})"

    def _print_loggamma(self, expr: Any) -> str:
        return f"math.lgamma({self._print(expr.args[0])})"

    def _print_polygamma(self, expr: Any) -> str:
        """The slope of loggamma: its asymptotic series at x + 6 and the recurrence psi(x + 1) = psi(x) + 1 / x (to 1e-9)."""
        order, x = expr.args
        if order != 0:
            return str(self._print_Function(expr))
        far = x + DIGAMMA
        series = sum(
            b / far**k for b, k in ((sympy.Rational(1, 12), 2), (-sympy.Rational(1, 120), 4), (sympy.Rational(1, 252), 6))
        )
        return str(self._print(sympy.log(far) - 1 / (2 * far) - series - sum(1 / (x + k) for k in range(DIGAMMA))))

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_sign(self, expr: Any) -> str:
        x = self._print(expr.args[0])
        return f"(1.0 if {x} > 0.0 else (-1.0 if {x} < 0.0 else 0.0))"

    def _print_Heaviside(self, expr: Any) -> str:
        x = self._print(expr.args[0])
        return f"(1.0 if {x} > 0.0 else (0.0 if {x} < 0.0 else {self._print(expr.args[1])}))"

    def _print_DiracDelta(self, expr: Any) -> str:
        return "0.0"  # the derivative of a step: a jump has no slope that an implicit solver could use

    def _print_Max(self, expr: Any) -> str:
        return self._fold(expr.args, ">")

    def _print_Min(self, expr: Any) -> str:
        return self._fold(expr.args, "<")

    def _fold(self, arguments: Sequence[Any], comparison: str) -> str:
        text = self._print(arguments[0])
        for argument in arguments[1:]:
            other = self._print(argument)
            text = f"({text} if {text} {comparison} {other} else {other})"
        return text

    def _print_Piecewise(self, expr: Any) -> str:
        *cases, (last, condition) = expr.args
        text = self._print(last)
        if condition not in (True, sympy.true):
            text = f"({text} if {self._print(condition)} else math.nan)"
        for value, test in reversed(cases):
            text = f"({self._print(value)} if {self._print(test)} else {text})"
        return text

    def _print_Relational(self, expr: Any) -> str:
        return f"({self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)})"

    def _print_And(self, expr: Any) -> str:
        return "(" + " and ".join(self._print(a) for a in expr.args) + ")"

    def _print_Or(self, expr: Any) -> str:
        return "(" + " or ".join(self._print(a) for a in expr.args) + ")"

    def _print_Not(self, expr: Any) -> str:
        return f"(not {self._print(expr.args[0])})"

    def _print_ITE(self, expr: Any) -> str:
        condition, then, otherwise = (self._print(a) for a in expr.args)
        return f"({then} if {condition} else {otherwise})"

    def _print_BooleanTrue(self, expr: Any) -> str:
        return "True"

    def _print_BooleanFalse(self, expr: Any) -> str:
        return "False"


def _joined_powers(expression: sympy.Expr) -> sympy.Expr:
    """The derivative ``n x**n / x`` of a power with a symbol for exponent as ``n x**(n - 1)``, which x = 0 allows."""
    products = [product for product in expression.atoms(sympy.Mul) if any(map(_is_open, product.args))]
    return expression.xreplace({product: sympy.powsimp(product, combine="exp", deep=True) for product in products})


def _is_open(factor: sympy.Expr) -> bool:
    """Whether a factor is a power that may meet its own base: with symbols below and above."""
    return isinstance(factor, sympy.Pow) and bool(factor.exp.free_symbols) and bool(factor.base.free_symbols)


def assignments(targets: Sequence[str], expressions: Iterable[sympy.Expr], taken: Iterable[str]) -> list[str]:
    """Lines ``target = expression`` with common subexpressions named ``s0, s1 ...`` first.

    Parameters
    ----------
    targets : sequence of str
        Left-hand sides, for example ``F[32 + l]``.
    expressions : iterable of SymPy expressions
        As many as targets.
    taken : iterable of str
        Names that subexpressions must avoid.
    """
    printer = LanePrinter()
    used = frozenset(taken)
    fresh = (symbol for symbol in sympy.numbered_symbols("s", real=True) if symbol.name not in used)
    joined = [_joined_powers(sympy.sympify(e)) for e in expressions]
    values, named = steep_parts(joined, (f"q{k}" for k in count() if f"q{k}" not in used))
    shared, reduced = sympy.cse([*values, *(value for _, value in named)], symbols=fresh, order="none")
    if named:
        own = zip((symbol for symbol, _ in named), reduced[len(values) :], strict=True)
        shared, reduced = in_order([*shared, *own]), reduced[: len(values)]
    lines = [f"{symbol.name} = {printer.doprint(value)}" for symbol, value in shared]
    lines += [f"{target} = {printer.doprint(value)}" for target, value in zip(targets, reduced, strict=True)]
    return lines
