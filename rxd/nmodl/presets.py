"""Parameters that INITIAL sets: ``INITIAL { tadj = q10^((celsius - 23)/10) }`` with ``tadj`` in PARAMETER.

In: a mod file. Out: the file with the statements that do so in an AFTER INITIAL block, too, which is run with numbers: scripts
see what they leave, and may change it afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rxd.nmodl.names import assigned_by, assigned_in, called_by, expanded, names_in, names_of, solved_by
from rxd.nmodl.syntax import Block, Local, ModFile, Solve, Statement, Verbatim

__all__ = ["AFTER", "preset", "with_computed_assigned", "with_presets"]

AFTER = "after initial"
_MOVING = frozenset({"breakpoint", "derivative", "kinetic", "linear", "nonlinear", "hook"})


def preset(file: ModFile) -> frozenset[str]:
    """The parameters (arrays as a whole) that INITIAL sets, and no code that runs at every step."""
    block = file.block("initial")
    if block is None:
        return frozenset()
    known = names_of(file).parameters.keys()
    parameters = {part.name for part in file.parameters if known & set(expanded(part))}
    return frozenset((assigned_by(file, block.body) & parameters) - assigned_by(file, _moving(file)))


def _moving(file: ModFile) -> tuple[Statement, ...]:
    """Code that runs at every step."""
    code = tuple(statement for part in file.blocks if part.kind in _MOVING for statement in part.body)
    return code + tuple(statement for part in solved_by(file, code) for statement in part.body)


def with_computed_assigned(file: ModFile) -> ModFile:
    """The file with ASSIGNED variables for PARAMETERs of no value that its code computes at every step: old files have them."""
    known, computed = names_of(file).parameters.keys(), assigned_by(file, _moving(file))
    if file.kind != "SUFFIX":  # of others GLOBAL ones are seen as parameters alone
        computed &= set(file.ranges)
    moved = tuple(d for d in file.parameters if d.name in computed and not d.value and known & set(expanded(d)))
    if not moved:
        return file
    shown = {*file.ranges, *file.globals}
    return replace(
        file,
        parameters=tuple(part for part in file.parameters if part not in moved),
        assigned=(*file.assigned, *moved),
        globals=(*file.globals, *(part.name for part in moved if part.name not in shown)),
    )


def with_presets(file: ModFile) -> ModFile | None:
    """The file of a density mechanism with such a block; None if there is nothing for it, or C code and blocks to solve."""
    block, wanted = file.block("initial"), preset(file)
    if block is None or not wanted or file.kind != "SUFFIX":
        return None
    names = names_of(file)
    left_alone = {*names.states, *names.ions, *(part.name for part in file.states)}
    needed, kept = set(wanted), list[Statement]()
    for statement in reversed(block.body):
        if isinstance(statement, Local) or assigned_by(file, (statement,)) & needed:
            kept.append(statement)
            needed |= names_in((statement, *called_by(file, (statement,)))) - left_alone
    code = tuple(reversed(kept))
    others = set().union(*(assigned_in(part.body) for part in called_by(file, code))) & {part.name for part in file.assigned}
    if others or assigned_by(file, code) & left_alone or _has((code, *called_by(file, code)), (Solve, Verbatim)):
        return None
    return replace(file, blocks=(*file.blocks, Block("hook", AFTER, (), code, block.line)))


def _has(part: Any, kinds: tuple[type, ...]) -> bool:
    """Whether statements of some kinds are among others."""
    if isinstance(part, (tuple, list)):
        return any(_has(one, kinds) for one in part)
    return isinstance(part, kinds) or any(
        _has(getattr(part, field), kinds) for field in getattr(part, "__dataclass_fields__", ())
    )
