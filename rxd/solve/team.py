"""Several threads in a compiled loop: who takes which piece of work, and who waits for whom.

A loop that one thread runs, the first member of a team, tells the others of a job (`post`). All members then go through the
same phases of it and through the pieces of each phase, from different ends, and whoever comes to a piece first takes it
(`claim`). A member waits only for pieces that somebody has taken already, and moves on to a phase when all pieces of the one
before are taken: so whoever waits waits for one that runs, and the first member alone would do everything. Nobody waits for a
thread that the machine does not run at the moment, unless it has taken something; and what is computed does not depend on who
does it.

Phases are counted on and on, never anew: a member that comes late finds all taken, whatever is being done by then.
"""

from __future__ import annotations

import platform
from typing import Any, Final, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rxd.solve.lane_operations import inline_kernel, inner_kernel
from rxd.solve.vectors import data_of

APART: Final = 8
"""Numbers between two that different threads write: each in a cache line of its own."""
PIECES: Final = 64
"""Most pieces of a phase."""
# Places on the board.
RUN: Final = 0 * APART
JOB: Final = 1 * APART
PHASE: Final = 2 * APART
KIND: Final = 3 * APART
NUMBER: Final = 4 * APART
BEGIN: Final = 5 * APART
BOARD: Final = 6 * APART
SPINS: Final = 400
"""Looks without a pause between them that leave the processor to others: some ten microseconds."""
YIELDS: Final = 2000
"""Looks between which others may run, if there are any, before one sleeps: a millisecond or less."""
NAP: Final = 50
"""Microseconds."""


class Team(NamedTuple):
    """What a member of a team holds.

    Attributes
    ----------
    board : ndarray of int, shape (BOARD,)
        ``RUN``: which run of the loop this is; ``JOB``: changes with every job, even while one may join; ``PHASE``: the last
        phase of jobs done; ``KIND``, ``NUMBER`` and ``BEGIN``: which job it is and the phase before its first.
    times : ndarray, shape (2,)
        Time and step of the job, ms.
    claimed, done : ndarray of int, shape (PIECES * APART,)
        The last phase in which each piece was taken, and finished.
    member, members : int
        Number of this one, and how many there are.
    """

    board: np.ndarray
    times: np.ndarray
    claimed: np.ndarray
    done: np.ndarray
    member: int
    members: int


def gathered(members: int) -> Team:
    """The first member of a team."""
    claimed, done = (np.zeros(PIECES * APART, dtype=np.int64) for _ in range(2))
    board = np.zeros(BOARD, dtype=np.int64)
    board[JOB] = 1
    return Team(board, np.zeros(2), claimed, done, 0, members)


def _address(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.gep(data_of(context, builder, sig.args[0], args[0]), [args[1]])


def _loaded(typing_context: Any, numbers: Any, at: Any) -> Any:
    """A number that others may write; what they wrote before it is to be seen, too."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load_atomic(_address(context, builder, sig, args), "acquire", 8)

    return types.int64(numbers, types.intp), generate


def _stored(typing_context: Any, numbers: Any, at: Any, value: Any) -> Any:
    """Write a number for others to see, and with it all that was written before and nothing that is written later."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.atomic_rmw("xchg", _address(context, builder, sig, args), args[2], "seq_cst")
        return context.get_dummy_value()

    return types.void(numbers, types.intp, types.int64), generate


def _swapped(typing_context: Any, numbers: Any, at: Any, old: Any, new: Any) -> Any:
    """Write a number if it is still the old one; whether it was."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        both = builder.cmpxchg(_address(context, builder, sig, args), args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(both, 1)

    return types.boolean(numbers, types.intp, types.int64, types.int64), generate


def _counted(typing_context: Any, numbers: Any, at: Any) -> Any:
    """Add one; the count with it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        return builder.add(builder.atomic_rmw("add", _address(context, builder, sig, args), one, "acq_rel"), one)

    return types.int64(numbers, types.intp), generate


def _fence(typing_context: Any) -> Any:
    """What is read after this is read later than what was read before."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.fence("acquire")
        return context.get_dummy_value()

    return types.void(), generate


def _rest(typing_context: Any, looks: Any) -> Any:
    """A pause between two looks, longer the more there have been."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(32)

        def call(name: str, result: Any, *arguments: Any) -> None:
            kind = ir.FunctionType(result, [argument.type for argument in arguments])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)

        def before(limit: int) -> Any:
            return builder.icmp_signed("<", args[0], ir.Constant(args[0].type, limit))

        with builder.if_else(before(SPINS)) as (soon, later):
            with soon:
                if platform.machine().lower() in {"x86_64", "amd64"}:
                    call("llvm.x86.sse2.pause", ir.VoidType())
            with later, builder.if_else(before(SPINS + YIELDS)) as (yielding, napping):
                with yielding:
                    call("sched_yield", word)
                with napping:
                    call("usleep", word, ir.Constant(word, NAP))
        return context.get_dummy_value()

    return types.void(types.int64), generate


loaded: Any = intrinsic(_loaded)
stored: Any = intrinsic(_stored)
swapped: Any = intrinsic(_swapped)
counted: Any = intrinsic(_counted)
fence: Any = intrinsic(_fence)
rest: Any = intrinsic(_rest)


@inline_kernel
def turn(team: Team, i: int, count: int) -> int:
    """The i-th piece that this member comes to: members begin at different ends, so that each meets its own ones again."""
    share = count * (team.member + 1) // team.members if team.member % 2 else count * team.member // team.members
    return (share - 1 - i) % count if team.member % 2 else (share + i) % count


@inline_kernel
def claim(team: Team, piece: int, phase: int) -> bool:
    """Take a piece in a phase; False if somebody has."""
    before = loaded(team.claimed, piece * APART)
    return before < phase and swapped(team.claimed, piece * APART, before, phase)


@inline_kernel
def complete(team: Team, piece: int, phase: int) -> None:
    """Say that a piece is done."""
    stored(team.done, piece * APART, phase)


@inner_kernel
def wait(team: Team, first: int, last: int, phase: int) -> None:
    """Until pieces, the last one included, are done with a phase, in which all of them take part and have been taken."""
    for piece in range(first, last + 1):
        looks = 0
        while loaded(team.done, piece * APART) < phase:
            rest(looks)
            looks += 1


@inner_kernel
def post(team: Team, kind: int, number: int, t: float, dt: float) -> None:
    """Tell the others of a job; its phases begin after the last one of the job before."""
    board = team.board
    board[KIND], board[NUMBER], board[BEGIN] = kind, number, board[PHASE]
    team.times[0], team.times[1] = t, dt
    stored(board, JOB, board[JOB] + 1)


@inner_kernel
def ended(team: Team, phase: int, pieces: int) -> None:
    """The first member's end of a job, when all its pieces are done: nobody joins any more."""
    if team.member == 0:
        wait(team, 0, pieces - 1, phase)
        team.board[PHASE] = phase


@inner_kernel
def close(team: Team) -> None:
    """Let nobody join the last job any more, which is done."""
    stored(team.board, JOB, team.board[JOB] + 1)
