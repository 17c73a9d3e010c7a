"""compile_kernels: System + Discretization -> Kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from geometry.records import dataclass
from rxd.codegen.apart import Apart
from rxd.codegen.cache import load_module
from rxd.codegen.coupled_module import coupled_module
from rxd.codegen.forms import Forms
from rxd.codegen.sparse import LaneProgram, make_program
from rxd.codegen.split_text import split_module
from rxd.codegen.table_text import table_mark, with_tables
from rxd.discretize.records import Discretization
from rxd.symbolic.system import LocalSystem, System

WRITERS = (("split", split_module), ("coupled", coupled_module))


@dataclass(frozen=True, slots=True, eq=False)
class GroupKernels:
    """What a stepper must know of one group's compiled functions.

    Attributes
    ----------
    active, gates, moved : ndarray of int
        Rows (unknowns of the group) that chemistry changes, that gates change, that currents change (v first).
    program : LaneProgram
        LU of ``I - gamma dt J`` of the chemistry; for "coupled", of the whole group with what nodes exchange eliminated last.
    pattern : tuple of (int, int)
        Row and column of each value of the Jacobian.
    addresses : tuple of int
        Of the compiled gates, chemistry, currents and solution of the chemistry ("split"), of constants ("coupled"); 0 where
        a group has none.
    late : mapping
        By name the kernels that are compiled when somebody asks for their `address`: "rates", "linearise" (rates with
        Jacobian), and for groups on segments "begin", "stage" and "take" of the direct solver ("coupled").
    exchanged : tuple of (int, int, int)
        Of what the nodes exchange: its row, which of the model's exchanged unknowns it is, and the row of its capacity
        ("coupled", groups on segments).
    drives : bool
        Chemistry reads gates ("split").
    free : bool
        The nodes are voxels ("split").
    leak : callable or None
        From fields by node to conductance and reversal potential, if currents are linear in v ("split").
    timed : ndarray of int
        Rows that depend on time explicitly ("coupled").
    idle : bool
        Whether nothing happens in the nodes by themselves ("coupled").
    constants : int
        Numbers per node that are computed from fields once ("coupled").
    known : ndarray of int
        Which fields and, behind them, constants the kernels read, in the order of their rows ("coupled").
    """

    active: np.ndarray
    gates: np.ndarray
    moved: np.ndarray
    program: LaneProgram
    pattern: tuple[tuple[int, int], ...] = ()
    timed: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    constants: int = 0
    known: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    addresses: tuple[int, ...] = (0, 0, 0, 0)
    late: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    exchanged: tuple[tuple[int, int, int], ...] = ()
    drives: bool = False
    free: bool = False
    leak: Callable[[np.ndarray], tuple[Any, Any]] | None = None
    idle: bool = False

    def address(self, name: str) -> int:
        """Of a kernel that may have to be compiled first; 0 if the group has none of this name."""
        return int(self.late[name].address) if name in self.late else 0


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """Compiled functions of a model; ``source`` is their readable text, ``path`` where it lies.

    ``apart`` compiles what other models have in common with this one, as long as the model is being made; ``forms`` knows what
    numba has said of arrays of models with these kernels.
    """

    purpose: str
    module: ModuleType
    source: str
    groups: tuple[GroupKernels, ...]
    apart: Apart = field(default_factory=Apart)
    forms: Forms = field(default_factory=Forms)

    @property
    def lone(self) -> str:
        """What nodes exchange and nothing else that they exchange changes, the last by number; or nothing ("coupled")."""
        return str(getattr(self.module, "LONE", ""))

    @property
    def path(self) -> str:
        """File of the generated source."""
        return str(self.module.__file__)


def compile_kernels(
    system: System, discretization: Discretization, purpose: str = "split", apart: Apart | None = None
) -> Kernels:
    """Generate (or find in the cache) and load the kernels for one purpose."""
    write = dict(WRITERS)[purpose]
    module, source = load_module(system, purpose, lambda system: with_tables(write(system), system), table_mark(system))
    if purpose == "coupled":
        exchanged = {transport.label for transport in discretization.transports}
        groups = tuple(_coupled_group(module, group, exchanged) for group in system.groups)
    else:
        groups = tuple(_group(module, group) for group in system.groups)
    return Kernels(purpose, module, source, groups, apart or Apart())


def _group(module: ModuleType, group: LocalSystem) -> GroupKernels:
    name = group.name
    active, gates, moved = (
        np.array(getattr(module, f"{what}_{name}"), dtype=np.int64) for what in ("ACTIVE", "GATES", "MOVED")
    )
    kernels = (getattr(module, f"{what}_{name}", None) for what in ("gates", "chemistry", "electric", "relax"))
    addresses = tuple(0 if kernel is None else int(kernel.address) for kernel in kernels)
    return GroupKernels(
        active,
        gates,
        moved,
        make_program(len(active), getattr(module, f"PATTERN_{name}")),
        addresses=addresses,
        drives=bool(getattr(module, f"DRIVES_{name}")),
        free=group.space in ("voxels", "box"),
        leak=getattr(module, f"leak_{name}", None),
    )


def _coupled_group(module: ModuleType, group: LocalSystem, exchanged: set[str]) -> GroupKernels:
    pattern, timed = getattr(module, f"PATTERN_{group.name}"), np.array(getattr(module, f"TIMED_{group.name}"), dtype=np.int64)
    rows, none = np.arange(len(group.unknowns)), np.zeros(0, dtype=np.int64)
    last = [row for row, label in enumerate(group.unknowns) if label in exchanged]
    late = {what: getattr(module, f"{what}_{group.name}", None) for what in ("rates", "linearise", "begin", "stage", "take")}
    constants = getattr(module, f"constants_{group.name}", None)
    return GroupKernels(
        rows,
        none,
        rows[last],
        make_program(len(rows), pattern, last),
        pattern,
        timed,
        getattr(module, f"CONSTANTS_{group.name}"),
        np.array(getattr(module, f"KNOWN_{group.name}"), dtype=np.int64),
        (0 if constants is None else int(constants.address),),
        late=MappingProxyType({what: kernel for what, kernel in late.items() if kernel is not None}),
        exchanged=getattr(module, f"EXCHANGED_{group.name}", ()),
        idle=not (group.rates or group.processes),
    )
