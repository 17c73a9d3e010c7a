"""Mod files: mechanisms written in NEURON's language NMODL, read into declarations of `rxd`.

``text -> ModFile -> Translation -> Mechanism``: `parser`, `translate`, `mechanisms`. Nothing here knows `rxd.neuron`, nor how
models are solved. docs/nmodl.md says what is read and what is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rxd.declare.mechanism import Mechanism, PointMechanism
from rxd.nmodl.function_tables import FunctionTable
from rxd.nmodl.mechanisms import as_mechanism, refuse_blocks_around_steps
from rxd.nmodl.parser import make_parser, parse, read_file
from rxd.nmodl.syntax import ModFile, NmodlError
from rxd.nmodl.translate import translate
from rxd.nmodl.translation import Translation

__all__ = [
    "FunctionTable",
    "ModFile",
    "NmodlError",
    "Translation",
    "make_parser",
    "parse",
    "read_file",
    "read_nmodl",
    "translate",
]


def read_nmodl(path: str | Path, **parameters: Any) -> Mechanism | PointMechanism:
    """A mechanism from a mod file.

    Parameters
    ----------
    path : str or Path
        ``"kca.mod"``.
    parameters : float or callable, or FunctionTable
        Numbers for its parameters, else those of the file: ``rxd.read_nmodl("kca.mod", gbar=0.01)``; those of its
        FUNCTION_TABLEs: ``minf=FunctionTable(values, (voltages,))``.

    Returns
    -------
    Mechanism or PointMechanism
        For `Model.insert`, or for ``rxd.PointProcess(mechanism, location)``. Units are those of mod files, which are ours.

    Raises
    ------
    NmodlError
        If the file is no NMODL, or says what cannot be translated: file, line, what, and a remedy.
    """
    lookups = {name: value for name, value in parameters.items() if isinstance(value, FunctionTable)}
    translation = translate(read_file(path), lookups=lookups)
    parameters = {name: value for name, value in parameters.items() if name not in lookups}
    for key in translation.diffusion:
        message = (
            f"LONGITUDINAL_DIFFUSION of {key} moves it from segment to segment, which a mechanism does in rxd.neuron only. "
            f"Declare {key} as a rxd.Species with d=, or take the line out."
        )
        raise translation.file.error(translation.file.line_of(key), message)
    refuse_blocks_around_steps(translation)
    return as_mechanism(translation, parameters)
