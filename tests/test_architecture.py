"""The laws of the house, read from the syntax trees of the packages.

Every law is a function from a `Source` to the sentences that say where it is broken. Each is applied to every file, and
below also to a piece of code that breaks it, so that a law which sees nothing is found out.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("geometry", "cable", "rxd")
FILE_LINES, FUNCTION_LINES = 600, 80

# Of our own packages, what each may import; and the third-party packages of those that must stay light.
MAY_IMPORT = {"geometry": {"geometry"}, "cable": {"geometry", "cable"}, "rxd": set(PACKAGES)}
MAY_LOAD = {"geometry": {"numpy", "scipy", "numba", "llvmlite"}, "cable": {"numpy", "scipy", "numba", "llvmlite"}}
NO_SYMPY = ("geometry/", "cable/", "rxd/discretize", "rxd/solve")
HEAVY = frozenset("petsc4py mpi4py matplotlib xarray pandas h5netcdf h5py typer IPython jupytext rxd.neuron rxd.cli".split())
CONTAINERS = frozenset(
    "list dict set bytearray defaultdict OrderedDict Counter deque ChainMap WeakValueDictionary WeakKeyDictionary WeakSet "
    "array asarray zeros ones empty full arange linspace".split()
)
MUTATORS = frozenset(
    "append appendleft add extend insert update setdefault pop popitem remove discard clear sort reverse fill "
    "put resize".split()
)
COMPILERS = frozenset(("njit", "jit", "vectorize", "guvectorize"))
SWITCHES = frozenset(("skip", "skipif", "xfail", "importorskip"))


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its place in the repository, its syntax tree, every node of that, and how many lines it has."""

    path: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    lines: int

    @property
    def module(self) -> str:
        """Dotted name, as an import statement would say it."""
        parts = self.path.removesuffix(".py").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def at(self, node: ast.AST, text: str) -> str:
        """A finding with its place."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {text}"


def parse(text: str, path: str) -> Source:
    tree = ast.parse(text, path)
    return Source(path, tree, tuple(ast.walk(tree)), len(text.splitlines()))


def read(path: Path) -> Source:
    return parse(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- what a file imports -------------------------------------------------------------------------------------------


def import_names(source: Source, node: ast.stmt) -> list[str]:
    """Absolute dotted names an import statement may load: the module, and the module with each name behind it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        package = source.module.split(".")
        package = package if source.path.endswith("__init__.py") else package[:-1]
        base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
    return [base, *(f"{base}.{alias.name}" for alias in node.names)]


def imports(source: Source) -> Iterator[tuple[ast.stmt, list[str]]]:
    """Every import statement of a file, wherever it stands."""
    for node in source.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, import_names(source, node)


def functions(source: Source) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in source.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: not the bodies of functions, nor those for type checkers."""
    for node in body:
        yield node
        if is_type_checking(node) or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from executed(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from executed(handler.body)


# --- the laws ------------------------------------------------------------------------------------------------------


def imports_point_one_way(source: Source) -> list[str]:
    own = source.module.split(".")[0]
    return [
        source.at(node, f"'{own}' imports '{top}': imports point geometry <- cable <- rxd")
        for node, names in imports(source)
        for top in sorted({name.split(".")[0] for name in names})
        if top in PACKAGES and top not in MAY_IMPORT[own]
    ]


def neuron_layer_is_a_leaf(source: Source) -> list[str]:
    """Nothing imports `rxd.neuron` but itself, and the command line inside a function."""
    if source.path.startswith("rxd/neuron"):
        return []
    lazy: set[int] = set()
    if source.path == "rxd/cli.py":
        lazy = {id(node) for function in functions(source) for node in ast.walk(function)}
    return [
        source.at(node, "imports 'rxd.neuron', which nothing may import (rxd/cli.py may, inside a function)")
        for node, names in imports(source)
        if id(node) not in lazy and any(name == "rxd.neuron" or name.startswith("rxd.neuron.") for name in names)
    ]


def heavy_packages_are_fenced(source: Source) -> list[str]:
    own, name = source.module.split(".")[0], Path(source.path).name
    in_petsc_file = source.path.startswith("rxd/solve/") and name.startswith("petsc")
    found = []
    for node, names in imports(source):
        tops = {n.split(".")[0] for n in names} - set(sys.stdlib_module_names) - set(PACKAGES) - {""}
        if tops & {"petsc4py", "petsc", "mpi4py"} and not in_petsc_file:
            found.append(source.at(node, "petsc4py and mpi4py belong into rxd/solve/petsc*.py alone"))
        elif "sympy" in tops and source.path.startswith(NO_SYMPY):
            found.append(source.at(node, "SymPy ends at the System: arrays, kernels and steppers do without it"))
        elif own in MAY_LOAD and tops - MAY_LOAD[own]:
            found.append(source.at(node, f"'{own}' may load {sorted(MAY_LOAD[own])}, not {sorted(tops - MAY_LOAD[own])}"))
    return found


def no_hidden_state(source: Source) -> list[str]:
    found = []
    for node in source.nodes:
        if isinstance(node, ast.Global):
            found.append(source.at(node, f"'global {', '.join(node.names)}': pass it as an argument and return it"))
        elif isinstance(node, ast.FunctionDef) and node.name == "__del__":
            found.append(source.at(node, "__del__ runs at a time nobody chose: use a context manager"))
        elif isinstance(node, ast.Import | ast.ImportFrom) and "atexit" in import_names(source, node):
            found.append(source.at(node, "atexit acts behind the user's back: use a context manager"))
        elif isinstance(node, ast.FunctionDef):
            caches = [d for d in node.decorator_list if ast.unparse(d).split("(")[0].split(".")[-1] in {"cache", "lru_cache"}]
            found += [source.at(d, f"the cache of '{node.name}' is a module-level container that changes") for d in caches]
    return found


def called(node: ast.expr) -> str:
    """Last part of the name of a called function, or an empty string for anything else."""
    return ast.unparse(node.func).split(".")[-1].split("[")[0] if isinstance(node, ast.Call) else ""


def is_container(value: ast.expr | None) -> bool:
    displays = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
    return value is not None and (isinstance(value, displays) or called(value) in CONTAINERS)


def is_final(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and "Final" in ast.unparse(node.annotation)


def mutations(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Places that change an object in place, with the last part of the object's name."""
    for node in source.nodes:
        target: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = node.value
        elif isinstance(node, ast.AugAssign):
            target = node.target
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            target = node.func.value
        if isinstance(target, ast.Name | ast.Attribute):
            yield node, ast.unparse(target).split(".")[-1]


def no_module_level_containers(source: Source) -> list[str]:
    """A list, dict, set or array at module or class level must be `NAME: Final = ...` and nobody may change it."""
    found, constants = [], set()
    for node in executed(source.tree.body):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not is_container(node.value):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            name = ast.unparse(target)
            if name == "__all__" or (is_final(node) and name.strip("_").isupper()):
                constants.add(name)
            else:
                remedy = "make it a tuple, frozenset or MappingProxyType, or NAME: Final and leave it alone"
                found.append(source.at(node, f"'{name}' is a mutable container: {remedy}"))
    found += [source.at(node, f"changes the constant '{name}'") for node, name in mutations(source) if name in constants]
    return found


def nothing_happens_at_import(source: Source) -> list[str]:
    allowed = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
    found = []
    for node in source.tree.body:
        documentation = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        script = isinstance(node, ast.If) and ast.unparse(node.test).startswith("__name__ ==")
        if not (isinstance(node, allowed) or is_type_checking(node) or documentation or script):
            found.append(source.at(node, f"work at import ({type(node).__name__}): put it into a function"))
    for function in functions(source):
        eager = [d for d in function.decorator_list if isinstance(d, ast.Call) and d.args and called(d) in COMPILERS]
        found += [source.at(d, f"a signature makes numba compile '{function.name}' at import: leave it out") for d in eager]
    return found


def no_silent_failure(source: Source) -> list[str]:
    found = []
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "BaseException"):
            found.append(source.at(node, "a bare except hides every mistake: name the exception"))
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc):
            found.append(source.at(node, "a stub: finish it or leave it out"))
    return found


def nothing_is_too_long(source: Source) -> list[str]:
    found = [f"{source.path}: {source.lines} lines, at most {FILE_LINES}: split it"] if source.lines > FILE_LINES else []
    for node in functions(source):
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > FUNCTION_LINES:
            found.append(source.at(node, f"'{node.name}' has {length} lines, at most {FUNCTION_LINES}: split it"))
    return found


def no_test_is_switched_off(source: Source) -> list[str]:
    attributes = [node for node in source.nodes if isinstance(node, ast.Attribute) and node.attr in SWITCHES]
    used = [(node, ast.unparse(node)) for node in attributes]
    return [source.at(node, f"'{name}': a test runs or is removed") for node, name in used if name.startswith("pytest.")]


def needed_modules(source: Source, node: ast.stmt, modules: set[str]) -> set[str]:
    """Modules of ours that an import statement takes names from."""
    names = import_names(source, node)
    if not isinstance(node, ast.ImportFrom):
        return modules & set(names)
    behind = names[1:]
    # `from rxd import units` takes a submodule; only a name that is no module comes out of `rxd/__init__.py` itself.
    return set(behind) if modules.issuperset(behind) else modules & set(names)


def import_cycle(sources: list[Source]) -> list[str] | None:
    """A cycle of module-level imports, or None. A package's `__init__` is the module of the package's own name."""
    modules = {source.module for source in sources}
    graph: dict[str, set[str]] = {}
    for source in sources:
        needed = (needed_modules(source, node, modules) for node in executed(source.tree.body))
        graph[source.module] = set().union(*needed) - {source.module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return None


PACKAGE_LAWS: tuple[Callable[[Source], list[str]], ...] = (
    imports_point_one_way, neuron_layer_is_a_leaf, heavy_packages_are_fenced, no_hidden_state, no_module_level_containers,
    nothing_happens_at_import, no_silent_failure, nothing_is_too_long,
)  # fmt: skip


# --- the laws hold --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", PACKAGES)
def test_package_has_modules(package: str) -> None:
    assert (ROOT / package / "__init__.py").is_file(), f"{package}/__init__.py is missing"
    assert len(files(package)) > 1, f"{package} holds no module: the laws below would hold for nothing"


@pytest.mark.parametrize("path", files(*PACKAGES), ids=named)
def test_package_file_keeps_the_laws(path: Path) -> None:
    source = read(path)  # once for all laws: to read it is most of the work
    found = [sentence for law in PACKAGE_LAWS for sentence in law(source)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", files("tests", "tools"), ids=named)
def test_other_file_keeps_the_laws(path: Path) -> None:
    source = read(path)
    found = [*nothing_is_too_long(source), *no_test_is_switched_off(source), *no_silent_failure(source)]
    assert not found, "\n".join(found)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return [read(path) for path in files(*PACKAGES)]


def test_no_constant_is_changed_from_another_module(sources: list[Source]) -> None:
    statements = [node for source in sources for node in executed(source.tree.body)]
    finals = {
        ast.unparse(n.target) for n in statements if isinstance(n, ast.AnnAssign) and is_final(n) and is_container(n.value)
    }
    changes = ((source, *change) for source in sources for change in mutations(source))
    found = [source.at(node, f"changes the constant '{name}'") for source, node, name in changes if name in finals]
    assert not found, "\n".join(found)


def test_no_import_cycle(sources: list[Source]) -> None:
    cycle = import_cycle(sources)
    assert cycle is None, "modules import each other: " + " -> ".join(cycle or ())


def test_tests_have_no_init() -> None:
    assert not [named(p) for p in files("tests") if p.name == "__init__.py"], "importlib mode needs no __init__.py under tests/"


def test_import_rxd_is_light() -> None:
    code = "import sys, time, json; import rxd; rxd.Model; print(json.dumps([sorted(sys.modules), time.process_time()]))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    loaded, seconds = json.loads(done.stdout)
    print(f"import rxd: {len(loaded)} modules, {seconds:.2f} s of processor time")
    assert "rxd" in loaded
    assert not HEAVY & set(loaded), f"'import rxd' loads {sorted(HEAVY & set(loaded))}: import them where they are used"
    assert "sympy.tensor.tensor" not in loaded, "a sum of expressions is made at import: make it in a function"


# --- and each of them sees what it forbids ---------------------------------------------------------------------------

BROKEN = (
    (imports_point_one_way, "geometry/a.py", "def f():\n    import cable"),
    (imports_point_one_way, "cable/a.py", "from rxd.model import Model"),
    (neuron_layer_is_a_leaf, "rxd/model.py", "def f():\n    from rxd import neuron"),
    (neuron_layer_is_a_leaf, "rxd/model.py", "from . import neuron"),
    (neuron_layer_is_a_leaf, "rxd/cli.py", "import rxd.neuron"),
    (heavy_packages_are_fenced, "cable/a.py", "import sympy as sp"),
    (heavy_packages_are_fenced, "geometry/a.py", "def plot():\n    import matplotlib.pyplot"),
    (heavy_packages_are_fenced, "rxd/solve/split.py", "from petsc4py import PETSc"),
    (heavy_packages_are_fenced, "rxd/solve/split.py", "import sympy"),
    (heavy_packages_are_fenced, "rxd/discretize/layout.py", "from sympy import Symbol"),
    (no_hidden_state, "rxd/a.py", "def f():\n    global x\n    x = 1"),
    (no_hidden_state, "rxd/a.py", "class A:\n    def __del__(self): pass"),
    (no_hidden_state, "rxd/a.py", "import atexit"),
    (no_hidden_state, "rxd/a.py", "@functools.lru_cache(maxsize=None)\ndef f(): pass"),
    (no_module_level_containers, "rxd/a.py", "cache = {}"),
    (no_module_level_containers, "rxd/a.py", "CACHE = weakref.WeakValueDictionary()"),
    (no_module_level_containers, "rxd/a.py", "CACHE: dict[str, int] = dict()"),
    (no_module_level_containers, "rxd/a.py", "TABLE: Final = {}\ndef f():\n    TABLE['a'] = 1"),
    (no_module_level_containers, "rxd/a.py", "TABLE: Final = []\ndef f():\n    TABLE.append(1)"),
    (no_module_level_containers, "rxd/a.py", "TABLE: Final = []\ndef f():\n    del TABLE[0]"),
    (no_module_level_containers, "rxd/a.py", "class A:\n    instances = []"),
    (no_module_level_containers, "rxd/a.py", "weights = np.array([1.0, 2.0])"),
    (nothing_happens_at_import, "rxd/a.py", "for i in range(3):\n    pass"),
    (nothing_happens_at_import, "rxd/a.py", "register('a')"),
    (nothing_happens_at_import, "rxd/a.py", "try:\n    import scipy\nexcept ImportError:\n    scipy = None"),
    (nothing_happens_at_import, "rxd/a.py", "@njit('f8(f8)', cache=True)\ndef f(x):\n    return x"),
    (no_silent_failure, "rxd/a.py", "def f():\n    try:\n        g()\n    except:\n        pass"),
    (no_silent_failure, "rxd/a.py", "def f():\n    raise NotImplementedError('later')"),
    (nothing_is_too_long, "rxd/a.py", "\n" * 601),
    (nothing_is_too_long, "rxd/a.py", "def f():\n" + "    x = 1\n" * 80),
    (no_test_is_switched_off, "tests/test_a.py", "@pytest.mark.skip\ndef test_a(): pass"),
    (no_test_is_switched_off, "tests/test_a.py", "sympy = pytest.importorskip('sympy')"),
)  # fmt: skip

SOUND = '''
"""A module as it should be."""
from __future__ import annotations
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
import numpy as np
if TYPE_CHECKING:
    from collections.abc import Mapping
__all__ = ["NAMES", "f"]
NAMES: Final = ["a", "b"]
PLACES = ("x", "y")
UNITS: Mapping[str, float] = MappingProxyType({"mM": 1.0})
@njit(cache=True)
def f(x):
    """Return a list of its own."""
    values = list(NAMES)
    values.append(x)
    values[0] += 1
    return values
'''


@pytest.mark.parametrize(("law", "path", "text"), BROKEN)
def test_law_sees_what_it_forbids(law: Callable[[Source], list[str]], path: str, text: str) -> None:
    found = law(parse(text, path))
    assert len(found) == 1
    assert found[0].startswith(path)


@pytest.mark.parametrize("law", PACKAGE_LAWS, ids=lambda law: law.__name__)
def test_law_leaves_sound_code_alone(law: Callable[[Source], list[str]]) -> None:
    assert law(parse(SOUND, "rxd/sound.py")) == []
    assert law(parse("def neuron() -> None:\n    import rxd.neuron", "rxd/cli.py")) == []
    assert law(parse("from petsc4py import PETSc", "rxd/solve/petsc.py")) == []


def test_import_cycle_is_seen() -> None:
    ring = [parse("from rxd.b import x", "rxd/a.py"), parse("import rxd.c", "rxd/b.py"), parse("from . import a", "rxd/c.py")]
    cycle = import_cycle(ring)
    assert cycle is not None
    assert set(cycle) == {"rxd.a", "rxd.b", "rxd.c"}
    through_package = [parse("from rxd.a import f", "rxd/__init__.py"), parse("from rxd import f", "rxd/a.py")]
    assert import_cycle(through_package) is not None


def test_lazy_imports_and_submodules_make_no_cycle() -> None:
    lazy = [parse("from rxd.b import x", "rxd/a.py"), parse("def f():\n    import rxd.a", "rxd/b.py")]
    assert import_cycle(lazy) is None
    package = parse("from rxd.a import f", "rxd/__init__.py")
    assert import_cycle([package, parse("from rxd import units", "rxd/a.py"), parse("", "rxd/units.py")]) is None
