"""What the engines of a session have in common: equations in NEURON's order, their kernels, functions of gates at rest.

In: what a session declares. Out: its system, made anew only where its equations differ from those of earlier engines. A script
that gives a section another length, a cell another channel density or a new clamp, and calls `h.finitialize` again, gets
another engine with the same equations; to write them down and name their kernels takes SymPy longer than such a script runs.
"""

from __future__ import annotations

from dataclasses import field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from geometry.records import dataclass
from rxd.codegen.cache import discard_stale_code
from rxd.codegen.kept_equations import recalled
from rxd.codegen.kernels import Kernels, compile_kernels
from rxd.neuron.engine.formulas import Formulas, Resting, resting
from rxd.neuron.engine.linked import without_motion
from rxd.neuron.engine.mod_diffusion import marked
from rxd.neuron.engine.mods import moved_as_in_neuron
from rxd.neuron.engine.order import in_neurons_order
from rxd.symbolic.build import build_system
from rxd.symbolic.equal import equations_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from rxd.discretize.records import Discretization
    from rxd.neuron.engine.declare import Declared
    from rxd.symbolic.system import System

__all__ = ["Blueprint", "Blueprints"]

MOST: Final = 16
"""Blueprints that are kept: a script that makes ever new models must not fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Blueprint:
    """Equations of one or more engines.

    Attributes
    ----------
    system : System
        Of the first of them, without its numbers.
    resting : Resting
        Functions that give gates at rest.
    compiled : dict
        Kernels by purpose and what else they follow from.
    """

    system: System
    resting: Resting
    compiled: dict[Any, Kernels] = field(default_factory=dict)

    def kernels(self, system: System, discretization: Discretization, purpose: str) -> Kernels:
        """The kernels of a system with these equations."""
        unknowns = tuple((u.label, u.box, bool(u.voxel_sections), u.diffusion > 0) for u in system.unknowns)
        key = purpose, unknowns, frozenset(transport.label for transport in discretization.transports)
        if key not in self.compiled:
            discard_stale_code()
            self.compiled[key] = compile_kernels(system, discretization, purpose=purpose)
        return self.compiled[key]


class Blueprints:
    """The blueprints of a session, newest last, and the mechanisms that come without a file.

    Attributes
    ----------
    mechanisms : dict
        By name and how its rates are computed.
    """

    def __init__(self) -> None:
        self.mechanisms: dict[tuple[str, bool], Any] = {}
        self._known: dict[Any, Blueprint] = {}

    def mechanism(self, name: str, make: Callable[[], Any], tabulated: bool = False) -> Any:
        """A mechanism, made at its first use."""
        key = name, tabulated
        if key not in self.mechanisms:
            self.mechanisms[key] = recalled("mechanism", key, make)
        return self.mechanisms[key]

    def of(self, declared: Declared, adaptive: bool, formulas: Formulas) -> tuple[System, Blueprint]:
        """The system of what is declared, in NEURON's order of operations with fixed steps, and its blueprint."""
        moved = None if adaptive else (tuple(declared.methods.items()), frozenset(declared.writers))
        key = equations_key(declared.model), frozenset(declared.linked), moved
        known = self._known.pop(key, None)
        if known is None:
            known = Blueprint(*recalled("equations", key, lambda: _written(declared, adaptive, formulas)))
            if len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
        system = build_system(declared.model, known.system)
        self._known[key] = known
        return marked(system, declared.diffusing), known


def _written(declared: Declared, adaptive: bool, formulas: Formulas) -> tuple[System, Resting]:
    """The system of what is declared without its numbers, and its gates at rest."""
    system = without_motion(build_system(declared.model), declared.linked)
    if not adaptive:
        system = moved_as_in_neuron(in_neurons_order(system), declared.methods, frozenset(declared.writers))
    constants = MappingProxyType({label: value for label, value in system.values.items() if label[0] == "constant"})
    plain = tuple(replace(unknown, initial=None) for unknown in system.unknowns)
    bare = replace(system, unknowns=plain, values=constants, points=(), regions=())
    return bare, resting(system, formulas)
