"""Runs a script with the module names of NEURON resolved to this package.

In: a path and arguments. Out: the script's own effects. Only in a process started this way does `import neuron` mean Axoplasm:
the finder is installed here, never by importing `rxd.neuron`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import runpy
import sys
import types
from collections.abc import Sequence
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import rxd
from rxd.neuron.forks import Forks
from rxd.neuron.internals import guard_modules
from rxd.neuron.nrnivmodl import offer
from rxd.neuron.session import current_session

__all__ = ["NamesakeFinder", "NeuronFinder", "install", "prepare", "run_module", "run_script", "run_source"]

TARGET = "rxd.neuron"
COMPILED = frozenset({"hoc", "nrn"})


class NeuronFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `neuron` and all below it in `rxd.neuron`; `neuron.crxd` is `neuron.rxd`.

    Once `neuron` has been imported, `neuron.hoc` and `neuron.nrn` are `hoc` and `nrn`, too, as NEURON's compiled modules are.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for NEURON's names, None for all others."""
        if name.partition(".")[0] != "neuron" and not (name in COMPILED and "neuron" in sys.modules):
            return None
        # packages look for the folder that `neuron` is in
        return importlib.machinery.ModuleSpec(name, self, origin=str(Path(__file__).with_name("__init__.py")), is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """The module of this package that stands for it; the same object under both names."""
        real = resolve(f"neuron.{spec.name}" if spec.name in COMPILED else spec.name)
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


class NamesakeFinder(importlib.abc.MetaPathFinder):
    """Finds what a folder `rxd` of the script has and our package `rxd` does not: NEURON's tests are in a package `rxd`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec for `rxd.conftest` and the like, found in folders `rxd` on the path for modules; None for all others."""
        if name.count(".") != 1 or not name.startswith("rxd."):
            return None
        ours = rxd.__path__  # others that look here, such as pytest's, then find what else is in that folder
        ours += [
            folder for entry in sys.path if (folder := str(Path(entry, "rxd").absolute())) not in ours and Path(folder).is_dir()
        ]
        return importlib.machinery.PathFinder.find_spec(name, ours)


def install() -> None:
    """Let `import neuron` find this package, in this process, before any NEURON that is installed."""
    if not any(isinstance(finder, NeuronFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, NeuronFinder())
        sys.meta_path.append(NamesakeFinder())


def prepare(correct: bool) -> None:
    """Make this process one for NEURON's scripts, and those that `multiprocessing` starts anew or forks from it.

    Parameters
    ----------
    correct : bool
        As in `run_script`.
    """
    install()
    offer()
    current_session().correct = correct
    plain = spawn.get_command_line

    def command(**options: Any) -> list[str]:
        line = plain(**options)
        at = line.index("-c") + 1 if "-c" in line else 0
        if at:
            line[at] = f"from rxd.neuron.launcher import prepare; prepare({correct}); {line[at]}"
        return line

    spawn.get_command_line = command
    Forks(os.cpu_count() or 1).watch()


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
        Whether rates of reactions count as they are written, and sections in voxels are as wide as their points say, where
        NEURON 9 does otherwise (`rxd.neuron.space.in_force`, `rxd.neuron.space.widest`).

    Raises
    ------
    FileNotFoundError
        If there is no such script.
    """
    with io.open_code(str(Path(path).absolute())) as file:
        source = file.read()
    suffix = Path(path).suffix
    main = _become_main([path, *arguments], str(Path(path).resolve().parent), correct)
    main.__dict__["__file__"] = path
    if suffix == ".ipynb":
        from rxd.neuron.notebooks import run_cells

        run_cells(source, path, main.__dict__)
    elif suffix == ".hoc":
        current_session().hoc.run_file(source.decode(errors="replace"), path)
    else:
        exec(compile(source, path, "exec"), main.__dict__)  # noqa: S102 - running the user's script is what this is for


def run_source(source: str, name: str, arguments: Sequence[str] = (), correct: bool = False) -> dict[str, Any]:
    """Run Python code as `python -c` and `python -` do, with `neuron` resolved to this package.

    Parameters
    ----------
    source : str
        The code.
    name : str
        What stands in ``sys.argv[0]``: "-c", "-" or "" (a prompt).
    arguments : sequence of str
        Its `sys.argv[1:]`.
    correct : bool
        As in `run_script`.

    Returns
    -------
    dict
        The names that the code left behind, for a prompt to go on with.
    """
    main = _become_main([name, *arguments], "", correct)
    exec(compile(source, "<string>" if name == "-c" else "<stdin>", "exec"), main.__dict__)  # noqa: S102 - the user's code
    return main.__dict__


def run_module(name: str, arguments: Sequence[str] = (), correct: bool = False) -> None:
    """Run a module as `python -m name arguments` would, with `neuron` resolved to this package: ``-m pytest test_cell.py``.

    Parameters
    ----------
    name : str
        The module, or the package with a ``__main__``.
    arguments : sequence of str
        Its `sys.argv[1:]`.
    correct : bool
        As in `run_script`.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module.
    """
    if importlib.util.find_spec(name) is None:
        raise ModuleNotFoundError(f"no module named {name!r}", name=name)
    _become_main([name, *arguments], str(Path.cwd()), correct)
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _become_main(argv: list[str], folder: str, correct: bool) -> types.ModuleType:
    """A fresh `__main__` for the user's code, its arguments and the folder that its imports are looked for in first."""
    prepare(correct)
    main = types.ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, __spec__=None, __loader__=None, __package__=None, __cached__=None)
    sys.argv[:] = argv
    sys.path[0] = folder
    sys.modules["__main__"] = main
    return main
