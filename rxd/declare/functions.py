"""Functions for rate expressions that SymPy lacks, with derivatives and without removable singularities."""

from __future__ import annotations

from typing import Any

import sympy

from rxd.declare.symbols import as_expression


class bernoulli_ratio(sympy.Function):  # noqa: N801  (SymPy writes functions in lower case: exp, besselj)
    """``z / (exp(z) - 1)``, with its limit 1 at z = 0."""

    nargs = 1

    @classmethod
    def eval(cls, z: Any) -> Any:
        """A number for a number, 1 for zero, else None: SymPy then keeps the function as it is."""
        if z.is_number and z.is_zero:
            return sympy.Integer(1)
        if isinstance(z, sympy.Float):
            return z / (sympy.exp(z) - 1)
        return None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Derivative by z, which `bernoulli_slope` keeps regular at zero."""
        return bernoulli_slope(self.args[0])

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.func(self.args[0]._evalf(prec))


class bernoulli_slope(sympy.Function):  # noqa: N801
    """Derivative of `bernoulli_ratio`, with its limit -1/2 at z = 0."""

    nargs = 1

    @classmethod
    def eval(cls, z: Any) -> Any:
        """A number for a number, -1/2 for zero, else None: SymPy then keeps the function as it is."""
        if z.is_number and z.is_zero:
            return -sympy.Rational(1, 2)
        if isinstance(z, sympy.Float):
            e = sympy.exp(z)
            return (e - 1 - z * e) / (e - 1) ** 2
        return None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Derivative by z, with a removable singularity at zero."""
        z = self.args[0]
        e = sympy.exp(z)
        # Away from zero; only a second derivative needs it, which no solver here takes.
        return e * (z * (e + 1) - 2 * (e - 1)) / (e - 1) ** 3

    def _eval_evalf(self, prec: int) -> sympy.Expr:
        return self.func(self.args[0]._evalf(prec))


class bernoulli_ratio_of(sympy.Function):  # noqa: N801
    """``z / (e - 1)`` with ``e = exp(z)`` given, with its limit 1 at z = 0: for kernels only."""

    nargs = 2


class linear_solution(sympy.Function):  # noqa: N801
    """``linear_solution(i, n, a_11, ..., b_1, ...)``: unknown i of n linear equations ``A x = b``; for initial values only."""


class nonlinear_solution(sympy.Function):  # noqa: N801
    """``nonlinear_solution(i, system, x_1, ...)``: unknown i of n equations, by Newton's method from x; for initial values.

    ``system`` is a Lambda from n unknowns to a Tuple of n residuals and, row by row, their n * n derivatives.
    """

    def _numpycode(self, printer: Any) -> str:
        number, system, *start = self.args
        names = ", ".join(printer.doprint(symbol) for symbol in system.signature)
        values = ", ".join(printer.doprint(value) for value in system.expr)
        begin = ", ".join(printer.doprint(value) for value in start)
        return f"nonlinear_solution({number}, lambda {names}: ({values},), ({begin},))"


class floor(sympy.Function):  # noqa: N801 - the name under which generated code knows it
    """The whole number below; flat between its jumps, so that rates have derivatives."""

    nargs = 1

    @classmethod
    def eval(cls, z: Any) -> Any:
        """A number for a number, else None."""
        return sympy.floor(z) if z.is_number else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Zero."""
        return sympy.Integer(0)


class clipped(sympy.Function):  # noqa: N801
    """``clipped(x, low, high)`` is x within two numbers, and these beyond.

    ``Max(low, Min(high, x))`` says the same, but SymPy compares the arguments of Max and Min whenever it rebuilds them: minutes
    for rates from tables, where they occur in every exponential.
    """

    nargs = 3

    @classmethod
    def eval(cls, x: Any, low: Any, high: Any) -> Any:
        """A number for numbers, else None."""
        return sympy.Max(low, sympy.Min(high, x)) if x.is_number and low.is_number and high.is_number else None

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """1 within, 0 beyond; the ends are constants."""
        return within(*self.args) if argindex == 1 else sympy.Integer(0)

    def _lane(self, printer: Any) -> str:
        x, low, high = (printer.doprint(argument) for argument in self.args)
        return f"({low} if {x} < {low} else ({high} if {x} > {high} else {x}))"  # in this order not a number stays one

    def _numpycode(self, printer: Any) -> str:
        x, low, high = (printer.doprint(argument) for argument in self.args)
        return f"{printer._module_format('numpy.clip')}({x}, {low}, {high})"


class within(sympy.Function):  # noqa: N801
    """``within(x, low, high)`` is 1 where x is between two numbers and 0 elsewhere: the derivative of `clipped`."""

    nargs = 3

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Zero."""
        return sympy.Integer(0)

    def _lane(self, printer: Any) -> str:
        x, low, high = (printer.doprint(argument) for argument in self.args)
        return f"(1.0 if {low} <= {x} <= {high} else 0.0)"

    def _numpycode(self, printer: Any) -> str:
        x, low, high = (printer.doprint(argument) for argument in self.args)
        return f"((({low} <= ({x})) & (({x}) <= {high})) * 1.0)"


class _Named(sympy.Function):
    """A function that is its first argument, under a name that a step may look for."""

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        return sympy.diff(self.args[0], symbol)

    def _lane(self, printer: Any) -> str:
        return str(printer.doprint(self.args[0]))

    def _numpycode(self, printer: Any) -> str:
        return f"({printer.doprint(self.args[0])})"  # it may be a factor of a product


class ion_total(_Named):  # noqa: N801
    """``ion_total(x, ion)`` is x, the sum of the currents of an ion: a step that holds currents knows it by this name."""

    nargs = 2


class earlier(_Named):  # noqa: N801
    """``earlier(x)`` is x, as another block of a mod file has left it: a step that goes block by block looks for it."""

    nargs = 1


class left(_Named):  # noqa: N801
    """``left(x, start)`` is x, as a solved block has left it, and start before the first step that goes block by block."""

    nargs = 2


class fixed(_Named):  # noqa: N801
    """``fixed(x)`` is x, with which nothing changes: its derivatives are zero."""

    nargs = 1

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        return sympy.Integer(0)


class given(_Named):  # noqa: N801
    """``given(x)`` is x, a coefficient: a step that goes block by block leaves its derivatives out, as the block's own does."""

    nargs = 1


class conserved(_Named):  # noqa: N801
    """``conserved(rate, excess)`` is the rate of a state; a step that goes block by block has ``excess`` vanish instead."""

    nargs = 2


class algebraic(_Named):  # noqa: N801
    """``algebraic(0, excess)`` is the rate of what moves only where a step lets ``excess`` vanish."""

    nargs = 2


def vtrap(x: Any, y: Any) -> sympy.Expr:
    """``x / (exp(x / y) - 1)``, smooth through x = 0, as in the Hodgkin-Huxley rates."""
    x = as_expression(x, "x of vtrap")
    y = as_expression(y, "y of vtrap")
    return y * bernoulli_ratio(x / y)
