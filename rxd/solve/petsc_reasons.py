"""PETSc's reasons in words.

In: the integer of ``KSP.getConvergedReason`` (and of ``PC.getFailedReason``). Out: a sentence. The numbers are PETSc's own
(``KSPConvergedReason`` in ``petscksp.h``, ``PCFailedReason`` in ``petscpc.h``); a test compares them with the library in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CONVERGED: Final[Mapping[int, str]] = MappingProxyType({
    1: "The residual of the normal equations fell below rtol (CONVERGED_RTOL_NORMAL_EQUATIONS).",
    2: "The residual fell below rtol times the right-hand side (CONVERGED_RTOL).",
    3: "The residual fell below the absolute tolerance (CONVERGED_ATOL).",
    4: "The requested number of iterations was done (CONVERGED_ITS).",
    5: "A direction of negative curvature ended the iteration as asked (CONVERGED_NEG_CURVE).",
    6: "The step reached its limit as asked (CONVERGED_STEP_LENGTH).",
    7: "The Krylov space holds the exact solution (CONVERGED_HAPPY_BREAKDOWN).",
    8: "A convergence test of the user's ended the iteration (CONVERGED_USER).",
    9: "The residual of the normal equations fell below the absolute tolerance (CONVERGED_ATOL_NORMAL_EQUATIONS).",
})  # fmt: skip

DIVERGED: Final[Mapping[int, str]] = MappingProxyType({
    -2: "The matrix or the preconditioner has a null space (DIVERGED_NULL): the system is singular.",
    -3: "The iteration limit was reached before the residual was small enough (DIVERGED_MAX_IT). Raise ksp_max_it, take "
        "smaller steps, or a stronger preconditioner: pc_type lu.",
    -4: "The residual grew beyond its limit (DIVERGED_DTOL): the preconditioner does not suit this system. Try pc_type lu.",
    -5: "The Krylov method broke down before it converged (DIVERGED_BREAKDOWN): the system is nearly singular. Try pc_type lu.",
    -6: "The first residual is orthogonal to its shadow (DIVERGED_BREAKDOWN_BICG). Try ksp_type fgmres.",
    -7: "The method needs a symmetric matrix, and this one is not (DIVERGED_NONSYMMETRIC). Try ksp_type fgmres.",
    -8: "The method needs a definite preconditioner, and this one is not (DIVERGED_INDEFINITE_PC). Try ksp_type fgmres.",
    -9: "A number is not finite (DIVERGED_NANORINF): a rate or its derivative is undefined there, or a pivot is zero.",
    -10: "The method needs a definite matrix, and this one is not (DIVERGED_INDEFINITE_MAT). Try ksp_type fgmres.",
    -11: "The preconditioner could not be set up (DIVERGED_PCSETUP_FAILED).",
    -12: "A convergence test of the user's gave up (DIVERGED_USER).",
    -13: "A solver inside the preconditioner failed (DIVERGED_INNER_SOLVE_FAILED). The option ksp_view shows which there are.",
})  # fmt: skip

ITERATING: Final = "The solver has not been run yet (CONVERGED_ITERATING)."

FACTORISATION: Final[Mapping[int, str]] = MappingProxyType({
    -1: "Its setup failed.",
    0: "",
    1: "The factorisation met a row without a pivot in its pattern: the matrix is singular.",
    2: "The factorisation met a zero pivot: the matrix is singular.",
    3: "The factorisation ran out of memory.",
    4: "The factorisation failed inside the library that does it.",
    5: "The right-hand side does not lie in the range of a singular matrix.",
    6: "A preconditioner inside the preconditioner failed: one of its blocks is singular.",
})  # fmt: skip


def reason_in_words(reason: int, factorisation: int = 0) -> str:
    """A sentence for a ``KSPConvergedReason``, with the preconditioner's own reason if it failed.

    Parameters
    ----------
    reason : int
        ``ksp.getConvergedReason()``; negative if diverged.
    factorisation : int
        ``pc.getFailedReason()``.
    """
    if reason == 0:
        return ITERATING
    known = CONVERGED.get(reason) or DIVERGED.get(reason)
    sentence = known or f"PETSc reports the reason {reason}, which is none of those of its documentation."
    detail = FACTORISATION.get(factorisation, "") if reason < 0 else ""
    return f"{sentence} {detail}".rstrip()
