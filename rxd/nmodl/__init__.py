"""Mod files: mechanisms written in NEURON's language NMODL, read into declarations of `rxd`.

``text -> ModFile -> Translation -> Mechanism``: `parser`, `translate`, `mechanisms`. Nothing here knows `rxd.neuron`, nor how
models are solved. docs/nmodl.md says what is read and what is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
        FUNCTION_TABLEs: ``minf=FunctionTable(values, (voltages,))``. One in the bound of a loop takes a number, and is no
        parameter of the mechanism afterwards.

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
    parameters = {name: value for name, value in parameters.items() if name not in lookups}
    translation = translate(read_file(path), lookups=lookups)
    while translation.bounds:  # each of them may uncover more of them
        numbers = {name: parameters.pop(name, translation.names.parameters[name]) for name in translation.bounds}
        translation = translate(_with_constants(translation.file, numbers), lookups=lookups)
    for key in translation.diffusion:
        message = (
            f"LONGITUDINAL_DIFFUSION of {key} moves it from segment to segment, which a mechanism does in rxd.neuron only. "
            f"Declare {key} as a rxd.Species with d=, or take the line out."
        )
        raise translation.file.error(translation.file.line_of(key), message)
    refuse_blocks_around_steps(translation)
    return as_mechanism(translation, parameters)


def _with_constants(file: ModFile, numbers: Mapping[str, Any]) -> ModFile:
    """The file with numbers in the place of parameters that say how often a loop turns: no equation has them.

    Raises
    ------
    NmodlError
        If one of them is no number.
    """
    for name, number in numbers.items():
        if not isinstance(number, (int, float)):
            message = f"{file.path}: {name} is in the bound of a loop: it takes one number, not {number!r}."
            raise NmodlError(message)
    parameters = tuple(part for part in file.parameters if part.name not in numbers)
    constants = {**file.constants, **{name: float(number) for name, number in numbers.items()}}
    return replace(file, parameters=parameters, constants=constants)
