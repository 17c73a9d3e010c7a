"""How precise variable steps are: the tolerances of `CVode` for the unknowns of an engine.

In: the tolerances of a session's run, and factors by names of variables. Out: options of a stepper and the tolerated error of
every unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.solve.problem import Problem

__all__ = ["options", "scaled", "tolerated"]

LEAST_RTOL: Final = 1e-10


def options(engine: Engine) -> dict[str, Any]:
    """Options of the stepper that follow from the tolerances."""
    tolerances = engine.session.run.tolerances
    longest = tolerances["maxstep"]
    return {
        "adaptive": True,
        "dt": float(longest) if np.isfinite(longest) else None,
        "atol": float(tolerances["atol"]),
        "rtol": max(float(tolerances["rtol"]), LEAST_RTOL),
    }


def scaled(engine: Engine, problem: Problem) -> Problem:
    """The same with the factors of `CVode.atolscale`."""
    scales = engine.session.run.scales
    if not scales:
        return problem
    scale = problem.scale.copy()
    for name, factor in scales.items():
        for places in _places(engine, name):
            scale[places] *= factor
    return replace(problem, scale=scale)


def tolerated(engine: Engine) -> np.ndarray:
    """The tolerated error of every unknown where the engine stands, in its unit."""
    tolerances, problem = engine.session.run.tolerances, scaled(engine, engine.problem)
    return np.asarray(tolerances["rtol"] * np.abs(engine.y) + tolerances["atol"] * problem.scale)


def _places(engine: Engine, name: str) -> Iterator[slice | int]:
    """Where the unknowns of a name are: `v`, `m_hh`, `ExpSyn.g`."""
    kind, dot, short = name.partition(".")
    if dot:
        for unknown in engine.system.unknowns:
            for row, number in enumerate(unknown.points):
                if engine.declared.points[number].kind == kind and unknown.label.rsplit(".", 1)[1] == short:
                    yield engine.states[unknown.label].start + row
        return
    owner = engine.session.catalogue.owner(name)
    label = name if owner is None else f"{owner}.{name[: -len(owner) - 1]}"
    if label in engine.states.blocks:
        yield slice(engine.states[label].start, engine.states[label].stop)
