"""Variables that keep their values from step to step, without being states: the highest voltage so far, a count of spikes.

In: what of a file is equations. Out: the file with the code that keeps such variables, ``if (v > peak) {peak = v}``, in an
AFTER SOLVE block, which is run with numbers at the end of every step; there NEURON runs it, too.
"""

from __future__ import annotations

from dataclasses import replace

from rxd.nmodl.names import SIMULATORS, assigned_by, assigned_in, called_by, expanded, names_in, names_of, solved_by
from rxd.nmodl.syntax import Block, Branches, Declaration, Local, ModFile, Solve, Statement
from rxd.nmodl.translation import Translation

__all__ = ["not_held", "not_kept", "with_history_apart", "with_hooks_seen", "with_states_held"]


def with_history_apart(found: Translation) -> ModFile | None:
    """The file of a translation with such code apart; None if there is none, or if it does more than that."""
    file, block = found.file, found.file.block("breakpoint")
    if block is None or file.kind == "ARTIFICIAL_CELL":
        return None
    kept, procedures = _left_out(found), {part.name: part for part in file.all("procedure")}
    own = {name for part in block.body if isinstance(part, Local) for name, _ in part.names}
    rest: list[Statement] = []
    apart: list[Statement] = []
    for statement in block.body:
        code: tuple[Statement, ...] = (statement,)
        if isinstance(statement, Solve) and statement.block in procedures:
            code = procedures[statement.block].body
        elif isinstance(statement, Solve) or found.currents:  # with currents NEURON runs it at the start of a step, twice
            code = ()
        if _keeps(file, code, kept, statement):
            apart += code
            continue
        rest.append(statement)
        if assigned_in(code) and assigned_in(code) <= own and "dt" not in names_in(code):  # both may read it
            apart += code
    if not assigned_in(tuple(apart)) - own:
        return None
    elsewhere = assigned_in(tuple(statement for statement in rest if statement not in apart))
    if elsewhere & own & names_in(apart):
        return None
    hook = Block("hook", "after solve", (), (*(part for part in rest if isinstance(part, Local)), *apart), block.line)
    blocks = tuple(replace(block, body=tuple(rest)) if part is block else part for part in file.blocks)
    listed = {*file.ranges, *file.globals, *file.pointers, *SIMULATORS, *found.names.place}
    used = names_in(hook) | assigned_in(hook.body)
    shared = [part.name for part in file.assigned if part.name in used and part.name not in listed]
    return replace(file, blocks=(hook, *blocks), ranges=(*file.ranges, *shared))  # before others of its kind, as in NEURON


def with_states_held(found: Translation) -> ModFile | None:
    """The file of a translation with what holds states within bounds, ``if (m > 1) {m = 1}``, in a block of its own, too.

    NEURON runs it with the currents at the start of a step, and the step goes on from what it leaves; without currents after
    SOLVE. None if there is no such thing.
    """
    file, block = found.file, found.file.block("breakpoint")
    held = tuple(statement for statement, alone in _holding(found) if alone)
    if block is None or not held:
        return None
    when = "before breakpoint" if found.currents else "after solve"
    return replace(file, blocks=(Block("hook", when, (), held, block.line), *file.blocks))


def not_held(found: Translation) -> list[str]:
    """States that BREAKPOINT holds within bounds, of which the next step knows nothing."""
    lost = [statement for statement, alone in _holding(found) if not alone]
    return sorted(assigned_in(tuple(lost)) & {part.name for part in found.file.states})


def _holding(found: Translation) -> list[tuple[Statement, bool]]:
    """Statements of BREAKPOINT that set states that move, where a condition holds; whether they need no other to be run."""
    file, block = found.file, found.file.block("breakpoint")
    if block is None or file.kind == "ARTIFICIAL_CELL":
        return []
    moving = {str(gate.symbol) for gate in found.gates if gate.rate != 0}
    states = {part.name for part in file.states if moving.intersection(expanded(part))}
    known = {part.name for part in file.states} | found.names.parameters.keys() | (SIMULATORS.keys() - {"dt"})
    holding: list[tuple[Statement, bool]] = []
    for statement in block.body:
        own = assigned_in((statement,))
        if isinstance(statement, Branches) and statement.cases[-1][0] is not None and own & states:
            alone = own <= states and names_in(statement) <= known and not called_by(file, (statement,))
            holding.append((statement, alone))
        else:
            known -= own
    return holding


def with_hooks_seen(file: ModFile) -> ModFile:
    """The file with all that BEFORE and AFTER blocks assign in reach of who runs them, and of equations.

    ASSIGNED variables of density mechanisms are RANGE variables then. Those of LOCAL outside of blocks, of which there is one
    each, are GLOBAL ones; objects have their own.
    """
    changed = assigned_by(file, tuple(statement for block in file.all("hook") for statement in block.body))
    reached = {*file.ranges, *file.globals, *file.nonspecific, *file.electrode, *names_of(file).ions, *SIMULATORS}
    own = [part.name for part in file.assigned if part.name in changed - reached]
    one = [Declaration(name, 0) for name, size in file.locals if name in changed and size is None]
    shared = tuple(part.name for part in one)
    return replace(
        file,
        ranges=(*file.ranges, *(own if file.kind == "SUFFIX" else ())),
        globals=(*file.globals, *(shared if file.kind == "SUFFIX" else ())),
        assigned=(*file.assigned, *one),
        locals=tuple(part for part in file.locals if part[0] not in shared),
    )


def not_kept(found: Translation) -> list[str]:
    """RANGE variables that BREAKPOINT, or a PROCEDURE it solves, keeps from step to step, and of which nothing is known."""
    file, block = found.file, found.file.block("breakpoint")
    if block is None:
        return []
    solved = {statement.block for statement in block.body if isinstance(statement, Solve)}
    code = (*block.body, *(one for part in file.all("procedure") if part.name in solved for one in part.body))
    return sorted(assigned_in(code) & _left_out(found) & set(file.ranges))


def _keeps(file: ModFile, code: tuple[Statement, ...], kept: frozenset[str], origin: Statement) -> bool:
    """Whether all that code does is to keep some variables, and others that equations do not read: ``v1 = v2  v2 = v``."""
    declared = {part.name for part in (*file.assigned, *file.parameters, *file.states)}
    called = called_by(file, code)
    own = assigned_in(code) & declared
    return (
        bool(own & kept)
        and own - kept <= {part.name for part in file.assigned} - _read_elsewhere(file, origin)
        and "dt" not in names_in((*code, *called))
        and not any(assigned_in(part.body) & declared for part in called)
    )


def _read_elsewhere(file: ModFile, statement: Statement) -> set[str]:
    """Names in what runs by itself, but for INITIAL, BEFORE and AFTER blocks, and one statement of BREAKPOINT."""
    own = {statement.block} if isinstance(statement, Solve) else set()
    code: list[Statement] = []
    for block in file.blocks:
        if block.kind not in {"initial", "hook", "function", "procedure"}:
            code += [part for part in block.body if part is not statement]
    solved = [part for part in solved_by(file, tuple(code)) if part.name not in own]
    code += [part for block in solved for part in block.body]
    return names_in((*code, *called_by(file, tuple(code)))) | set(names_of(file).ions) | {*file.nonspecific, *file.electrode}


def _left_out(found: Translation) -> frozenset[str]:
    """Variables of which a translation knows nothing, since their values follow from their own past."""
    file = found.file
    known = {*found.assigned, *found.settable, *found.memory, *found.names.ions, *file.nonspecific, *file.electrode}
    known |= {str(gate.symbol) for gate in (*found.gates, *found.shown)}
    return frozenset(part.name for part in file.assigned if not known.intersection(expanded(part)))
