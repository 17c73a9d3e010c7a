"""One name for each assignment, in one pass through a function that is being compiled.

In: numba's intermediate representation of a function. Out: the same, in which names that mean nothing from one block to the
next are assigned once. Numba sees to that for every name (Choi et al., doi:10.1145/99583.99595), and goes through the
whole function twice for each that is assigned more than once: generated loops over lanes, each of which loads its unknowns
and names its subexpressions anew, have hundreds, and that took half of the time.
"""

from __future__ import annotations

from collections import Counter
from copy import copy
from typing import Any

from numba.core import ir, ir_utils
from numba.core.compiler_machinery import register_pass
from numba.core.untyped_passes import ReconstructSSA

__all__ = ["SingleAssignment"]


@register_pass(mutates_CFG=False, analysis_only=False)
class SingleAssignment(ReconstructSSA):
    """Numba's pass, which then has what lives in several blocks left to do."""

    _name = "single_assignment"

    def run_pass(self, state: Any) -> bool:
        """Rename what is assigned more than once."""
        name_apart(state.func_ir.blocks)
        return bool(super().run_pass(state))


def name_apart(blocks: dict[int, Any]) -> None:
    """Give each assignment a name of its own to names that every block with them assigns before it reads them.

    Parameters
    ----------
    blocks : dict
        The blocks of a function, as numba has them; their statements are replaced.
    """
    read = {label: [_read(statement) for statement in block.body] for label, block in blocks.items()}
    several = _assigned_again(blocks, read)
    met: set[str] = set()
    for label, block in blocks.items() if several else ():
        now: dict[str, Any] = {}
        body = []
        for statement, names in zip(block.body, read[label], strict=True):
            new = _with(statement, {name: now[name] for name in names if name in now})
            if isinstance(new, ir.Assign) and new.target.name in several:
                name = new.target.name
                if name in met:  # the first keeps the name
                    now[name] = block.scope.redefine(name, loc=new.loc)
                    new = ir.Assign(new.value, now[name], new.loc)
                met.add(name)
            body.append(new)
        block.body = body


def _read(statement: Any) -> list[str]:
    """Names that a statement reads."""
    found = statement.value if isinstance(statement, ir.Assign) else statement
    if isinstance(found, ir.Var):
        return [found.name]
    return [variable.name for variable in found.list_vars()] if isinstance(found, ir.Inst) else []


def _assigned_again(blocks: dict[int, Any], read: dict[int, list[list[str]]]) -> set[str]:
    """Names that are assigned more than once, and that no block reads before it has assigned them."""
    times: Counter[str] = Counter()
    from_before: set[str] = set()
    for label, block in blocks.items():
        assigned: set[str] = set()
        for statement, names in zip(block.body, read[label], strict=True):
            from_before.update(name for name in names if name not in assigned)
            if isinstance(statement, ir.Assign):
                assigned.add(statement.target.name)
                times[statement.target.name] += 1
    return {name for name, number in times.items() if number > 1} - from_before


def _with(statement: Any, named: dict[str, Any]) -> Any:
    """A statement that reads other variables, by the names it reads now."""
    if not named:
        return statement
    if not isinstance(statement, ir.Assign):
        statement = copy(statement)
        ir_utils.replace_vars_stmt(statement, named)
        return statement
    value = statement.value
    if isinstance(value, ir.Var):
        value = named[value.name]
    else:
        value = copy(value)
        ir_utils.replace_vars_inner(value, named)
    return ir.Assign(value, statement.target, statement.loc)
