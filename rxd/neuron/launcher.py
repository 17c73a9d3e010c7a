"""Runs a script with the module names of NEURON resolved to this package.

In: a path and arguments. Out: the script's own effects. Only in a process started this way does `import neuron` mean Axoplasm:
the finder is installed here, never by importing `rxd.neuron`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import io
import sys
import types
from collections.abc import Sequence
from pathlib import Path

from rxd.neuron.internals import guard_modules
from rxd.neuron.session import current_session

__all__ = ["NeuronFinder", "install", "run_script"]

TARGET = "rxd.neuron"


class NeuronFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `neuron` and all below it in `rxd.neuron`; `neuron.crxd` is `neuron.rxd`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for NEURON's names, None for all others."""
        if name != "neuron" and not name.startswith("neuron."):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The module of this package that stands for it; the same object under both names."""
        real = resolve(spec.name)
        try:
            module = importlib.import_module(real)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f"{spec.name} is not supported by Axoplasm's NEURON layer", name=spec.name) from error
        self._spec = module.__spec__
        if real.startswith(f"{TARGET}.rxd"):
            guard_modules()
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to do: it ran when it was imported; it keeps its own spec."""
        module.__spec__ = self._spec


def resolve(name: str) -> str:
    """The name here of a NEURON module: `neuron.crxd.node` is `rxd.neuron.rxd.node`."""
    parts = ["rxd" if part == "crxd" else part for part in name.split(".")[1:]]
    return ".".join([TARGET, *parts])


def install() -> None:
    """Let `import neuron` find this package, in this process, before any NEURON that is installed."""
    if not any(isinstance(finder, NeuronFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, NeuronFinder())


def run_script(path: str, arguments: Sequence[str] = (), correct: bool = False) -> None:
    """Run a script as `python path arguments` would, with `neuron` resolved to this package.

    A Jupyter notebook (`.ipynb`) runs cell by cell, without its `%` and `!` lines; a hoc file (`.hoc`) as `nrniv` runs it.

    Parameters
    ----------
    path : str
        The script.
    arguments : sequence of str
        Its `sys.argv[1:]`.
    correct : bool
        Whether rates of reactions count as they are written where NEURON 9 does otherwise (`rxd.neuron.in_force`).

    Raises
    ------
    FileNotFoundError
        If there is no such script.
    """
    with io.open_code(str(Path(path).absolute())) as file:
        source = file.read()
    suffix = Path(path).suffix
    install()
    current_session().correct = correct
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=path, __builtins__=builtins, __spec__=None, __loader__=None, __package__=None, __cached__=None
    )
    sys.argv[:] = [path, *arguments]
    sys.path[0] = str(Path(path).resolve().parent)
    sys.modules["__main__"] = main
    if suffix == ".ipynb":
        from rxd.neuron.notebooks import run_cells

        run_cells(source, path, main.__dict__)
    elif suffix == ".hoc":
        current_session().hoc.run(source.decode(errors="replace"), path)
    else:
        exec(compile(source, path, "exec"), main.__dict__)  # noqa: S102 - running the user's script is what this is for
