"""What a mod file says, as equations.

In: what `rxd.nmodl.translate` finds. Out: `Translation`, for mechanisms of `rxd` and for who runs the file's code with numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, NamedTuple

import sympy

from geometry.records import dataclass
from rxd.declare.mechanism import Current, Gate
from rxd.declare.symbols import IonSymbol
from rxd.nmodl.names import Names, expanded, locals_of
from rxd.nmodl.syntax import ModFile

__all__ = ["Method", "Translation"]


class Method(NamedTuple):
    """How a step of NEURON's moves a state.

    Attributes
    ----------
    kind : str
        ``cnexp`` (exactly, if the rate is affine), ``newton`` or ``sparse`` (backward Euler, together with the other states of
        its block), ``algebraic`` (equations of LINEAR and NONLINEAR), ``euler`` (forward), ``shown`` (`Translation.shown`).
    block : str
    """

    kind: str
    block: str


@dataclass(frozen=True, slots=True)
class Translation:
    """The equations of a mod file.

    Attributes
    ----------
    gates : tuple of Gate
        States, and variables that keep what INITIAL gave them.
    stepped : tuple of Gate
        The same for steps that go block by block: rates name what these leave out of derivatives (`given`), and what vanishes
        instead (`conserved`, `algebraic`).
    methods : mapping of str to Method
        Of each state.
    currents : tuple of Current
    writes : mapping of (ion, side) to expression
        Concentrations (``i``, ``o``) and reversal potentials (``e``) it sets.
    assigned : mapping of str to (expression, str)
        What only results read, and in which block it is computed: ``currents`` or ``states``.
    begun : mapping of str to expression
        What INITIAL leaves in those of ``states``, where that is something else (0 where it leaves nothing): they keep it up
        to the first step.
    settable : mapping of str to float
        Variables that nobody assigns: a script or an event does.
    memory : frozenset of str
        Those among them that NET_RECEIVE assigns, or INITIAL of a point process alone where somebody runs it with numbers.
    diffusion : mapping of str to (expression, expression)
        States that diffuse along the cable: coefficient times cross-section (um4/ms), and cross-section (um2), of parameters.
    shown : tuple of Gate
        Variables of ions that show states as they were before these diffused, and states that BREAKPOINT sets after their block
        has moved them, in steps that go block by block; their rates are what they become. Method ``shown`` moves them.
    left : mapping of str to expression
        What INITIAL of a density mechanism leaves in variables that it alone assigns, where somebody computes them with numbers
        when a run begins: numbers, which stay up to the next one.
    missing : frozenset of str
        FUNCTION_TABLEs without numbers: what calls them is not true.
    bounds : frozenset of str
        Parameters in the bounds of loops: the equations are true where these are as one of ``turns`` says.
    turns : tuple of mapping of str to float
        Numbers for them; the file's for those not named.
    reason : str
        Why there are no equations, for what somebody runs with numbers instead.
    """

    file: ModFile
    names: Names
    gates: tuple[Gate, ...]
    stepped: tuple[Gate, ...]
    methods: Mapping[str, Method]
    currents: tuple[Current, ...]
    writes: Mapping[tuple[str, str], Any]
    assigned: Mapping[str, tuple[Any, str]]
    settable: Mapping[str, float]
    memory: frozenset[str]
    diffusion: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    shown: tuple[Gate, ...] = ()
    begun: Mapping[str, Any] = field(default_factory=dict)
    left: Mapping[str, Any] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    reason: str = ""
    bounds: frozenset[str] = frozenset()
    turns: tuple[Mapping[str, float], ...] = ({},)

    def fits(self, numbers: Mapping[str, float]) -> bool:
        """Whether the equations are true where parameters in the bounds of loops have these numbers."""
        parameters = self.names.parameters
        return any(all(known.get(key, parameters[key]) == numbers[key] for key in self.bounds) for known in self.turns)

    @property
    def parameters(self) -> dict[str, float]:
        """Everything numbers stand for."""
        return {**self.names.parameters, **self.settable}

    @property
    def carries(self) -> bool:
        """Whether it is a point process that has to do with what only density mechanisms of its segment see of ions."""
        values = [*(gate.rate for gate in self.gates), *(value for value, _ in self.assigned.values())]
        values += [current.density for current in self.currents]
        reads = any(isinstance(s, IonSymbol) and s.what == "current" for v in values for s in sympy.sympify(v).free_symbols)
        return self.file.kind == "POINT_PROCESS" and (bool(self.writes) or reads)

    @property
    def shared(self) -> frozenset[str]:
        """Variables of `left` with one value everywhere: GLOBAL ones, and those of LOCAL outside of blocks."""
        own = {key for _, key in locals_of(self.file)}
        return frozenset(key for key in self.left if key in self.globals or key in own)

    @property
    def kept(self) -> tuple[str, ...]:
        """What sections call variables that keep what INITIAL gave them, as states do, and that no script has a name for."""
        shown = {
            *self.names.states,
            *self.names.ions,
            *(key for d in self.file.assigned if d.name in self.file.ranges for key in expanded(d)),
        }
        return tuple(f"{gate.symbol}@{self.file.name}" for gate in self.gates if str(gate.symbol) not in shown)

    def stored(self, key: str) -> str:
        """What sections call a variable of a density mechanism; no script has the name of one that is not RANGE."""
        if key in self.names.ions:
            return key
        hidden = key in self.left and not any(key in expanded(d) for d in self.file.assigned if d.name in self.file.ranges)
        return f"{key}@{self.file.name}" if hidden else f"{key}_{self.file.name}"

    @property
    def globals(self) -> frozenset[str]:
        """Those among them that have one value everywhere."""
        own = {key for d in self.file.assigned if d.name in self.file.globals for key in expanded(d)}
        return self.names.globals | (self.settable.keys() & own)
