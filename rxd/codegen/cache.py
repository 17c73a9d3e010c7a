"""Generated modules on disk, named by their content, so that a second run of a script compiles nothing.

The folder is ``$AXOPLASM_CACHE/kernels`` (default ``~/.cache/axoplasm/kernels``). A module is written once, atomically, and
numba keeps its machine code beside it; processes share both safely. What nobody uses for long is deleted
(`rxd.codegen.pruning`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import sympy

from geometry.kernel_files import NotKeptError
from rxd.codegen.fingerprint import Fingerprint
from rxd.codegen.pruning import prune, used
from rxd.errors import KernelError
from rxd.symbolic.system import System

# Files whose code ends up inside compiled modules: a change in any of them must not meet old machine code.
SUPPORT = (
    "declare/functions.py",
    "codegen/vmath.py",
    "codegen/exponentials.py",
    "codegen/gates_text.py",
    "codegen/lane_calls.py",
    "codegen/lane_relax.py",
    "codegen/leaks.py",
    "codegen/polynomials.py",
    "codegen/reciprocals.py",
    "codegen/shared_kernels.py",
    "codegen/sparse.py",
    "codegen/printer.py",
    "codegen/text.py",
    "codegen/split_text.py",
    "codegen/coupled_text.py",
    "codegen/coupled_module.py",
    "codegen/stage_text.py",
    "codegen/stage_calls.py",
    "solve/direct_local.py",
    "solve/lane_lu.py",
    "solve/lane_operations.py",
    "solve/lane_places.py",
    "solve/vectors.py",
    "solve/split_kernels.py",
    "solve/graph_kernels.py",
    "discretize/records.py",
)


def cache_folder() -> Path:
    """Where generated kernels live; a temporary folder if the cache cannot be written."""
    return lasting_folder("kernels") or _temporary_folder()


def _temporary_folder() -> Path:
    """A user's own folder for what cannot be kept elsewhere: one for all kernels and processes."""
    if not hasattr(os, "getuid"):
        return Path(tempfile.mkdtemp(prefix="axoplasm-kernels-"))
    folder = Path(tempfile.gettempdir()) / f"axoplasm-kernels-{os.getuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o022:
            return folder
    return Path(tempfile.mkdtemp(prefix="axoplasm-kernels-"))  # somebody else's: code from there is not to be run


def lasting_folder(what: str) -> Path | None:
    """A folder of the cache; None if that cannot be written."""
    root = os.environ.get("AXOPLASM_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "axoplasm"
    folder = Path(root) / what
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def grammar_file(name: str) -> str:
    """Where a parser keeps the tables that it makes of its grammar in 0.1 s; it finds out itself whether they are its own."""
    return str(cache_folder() / f"{name}.tables")


def support_digest(start: str) -> Any:
    """A hash that has taken in a text and everything that turns generated text into code."""
    digest = hashlib.sha256(start.encode())
    package = Path(__file__).resolve().parent.parent
    for name in SUPPORT:
        digest.update((package / name).read_bytes())
    for name in ("cable/hines.py", "geometry/compiled.py"):
        digest.update((package.parent / name).read_bytes())
    digest.update(f"{numba.__version__} {sys.version_info[:2]}".encode())
    return digest


def system_key(system: System, purpose: str) -> str:
    """Hash of the equations (not of parameter values) and of everything that turns them into code."""
    digest = support_digest(purpose)
    digest.update(sympy.__version__.encode())
    found = Fingerprint(named=True)
    found.add(
        [(unknown.label, unknown.box, bool(unknown.voxel_sections), unknown.diffusion > 0) for unknown in system.unknowns]
    )
    for group in system.groups:
        names = [symbol.name for symbol in group.symbols], [field.name for field in group.fields]
        found.add((group.name, group.space, group.scattered, group.unknowns, *names, group.rates, group.gates))
        found.add([(process.label, process.expression, process.effects, process.explicit) for process in group.processes])
    digest.update(found.hexdigest().encode())
    return digest.hexdigest()[:24]


def discard_stale_code() -> None:
    """Delete machine code of our own loops if any file of kernels has changed since it was compiled.

    numba compares only the file of the function it compiled, not those of the functions that went into it; after an update or
    an edit it would run old code. A digest beside the code says what it was compiled from.
    """
    package = Path(__file__).resolve().parent.parent
    folders = [package / "solve", package / "codegen", package.parent / "cable", package.parent / "geometry"]
    stamp = _stamp(folders)
    mark = package / "solve" / "__pycache__" / "kernels.digest"
    try:
        known = mark.read_text().split() if mark.exists() else []
        if stamp in known[1:]:
            return
        sources = [file for folder in folders for file in sorted(folder.glob("*.py"))]
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()
        if known[:1] == [digest]:
            mark.write_text(f"{digest}\n{stamp}")
            return
        for folder in folders:
            for compiled in (folder / "__pycache__").glob("*.nb[ic]"):
                compiled.unlink(missing_ok=True)
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(f"{digest}\n{stamp}")
    except OSError:
        return  # an installation that cannot be written: numba keeps its code elsewhere, under the files' own times


def _stamp(folders: Iterable[Path], deep: bool = False) -> str:
    """When Python files (and grammars) in folders were written, and their sizes: as Python knows its compiled files."""
    rows: list[tuple[str, int, int]] = []
    remaining = [str(folder) for folder in folders if folder.is_dir()]
    while remaining:
        with os.scandir(remaining.pop()) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".lark")):
                    state = entry.stat()
                    rows.append((entry.path, state.st_mtime_ns, state.st_size))
                elif deep and "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                    remaining.append(entry.path)
    return hashlib.sha256(repr(sorted(rows)).encode()).hexdigest()


def source_mark() -> str:
    """Changes when any of our sources does."""
    root = Path(__file__).resolve().parent.parent
    return _stamp((root, root.parent / "cable", root.parent / "geometry"), deep=True)


def load_module(system: System, purpose: str, write: Callable[[System], str], mark: str = "") -> tuple[ModuleType, str]:
    """The generated module of a system and its source; written only if the cache does not hold it.

    Parameters
    ----------
    mark : str
        What else its text follows from.

    Raises
    ------
    KernelError
        If the source does not load (its text is in the message).
    """
    key = system_key(system, purpose + mark)
    path = cache_folder() / key / f"axoplasm_{purpose}_{key}.py"
    used(path.parent)
    text = path.read_text() if path.exists() else ""
    text = text or write(system)  # empty after a failure of power
    return load_file(path, text), text


def load_file(path: Path, text: str | None = None) -> ModuleType:
    """A generated module, by its file; the same equations in this process are the same machine code.

    Parameters
    ----------
    text : str, optional
        What is written into the file if it is not there.

    Raises
    ------
    KernelError
        If the source does not load.
    """
    name = path.stem
    if name in sys.modules:
        return sys.modules[name]
    used(path.parent)
    if text is not None and (not path.exists() or path.read_bytes() != text.encode()):
        lasting = lasting_folder("kernels")
        if lasting is not None:
            prune(lasting)
        write_whole(path, text.encode())
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba finds the functions of a cached module by its name
    try:
        try:
            spec.loader.exec_module(module)
        except FileNotFoundError:  # another process deletes what nobody has used for long
            if text is None:
                raise
            write_whole(path, text.encode())
            spec.loader.exec_module(module)
    except NotKeptError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        message = f"Generated code does not load: {error}. Source: {path}"
        raise KernelError(message) from error
    return module


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that another process sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)  # there only if it could not be written
