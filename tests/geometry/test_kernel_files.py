"""Machine code on disk: taken without what numba knows, and made again where a file is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from geometry.kernel_files import _Store

SCRIPT = """
import sys
import numpy as np
from numba import types
from geometry.compiled import QuickCompiler, lean
from geometry.kernel_files import kept_c_function, kept_kernel

@lean
def scale(x, factor):
    for k in range(x.size):
        x[k] *= factor

@kept_kernel()
def doubled(x):
    return 2.0 * x + np.ones(x.size)

@kept_c_function(types.float64(types.float64), QuickCompiler)
def thrice(x):
    return 3.0 * x

x = np.arange(4.0)
scale(x, 0.1)
import ctypes
print(x.tolist(), doubled(x).tolist(), ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(thrice.address)(0.1))
hits = sum(map(len, (scale.stats.cache_hits, doubled.stats.cache_hits))) + thrice.cache_hits
print(hits, "numba.np.arraymath" in sys.modules)
"""


def run(folder: Path, **environment: str) -> list[str]:
    """What a new process prints: numbers, and how many kernels it found on disk with how much of numba loaded."""
    (folder / "kernels.py").write_text(SCRIPT) if not (folder / "kernels.py").exists() else None
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import kernels"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_kernels_on_disk_need_nothing_of_what_numba_compiles_with(tmp_path: Path) -> None:
    first, second = run(tmp_path), run(tmp_path)
    assert first[1] == "0 True"
    assert second == [first[0], "3 False"]


@pytest.mark.parametrize("ending", ["nbc", "nbi"])
def test_files_that_were_cut_off_are_written_again(tmp_path: Path, ending: str) -> None:
    first = run(tmp_path)
    files = list((tmp_path / "__pycache__").glob(f"*.{ending}"))
    assert len(files) == 3
    for number, file in enumerate(files):
        file.write_bytes(file.read_bytes()[: number * 40])
    assert run(tmp_path) == [first[0], "0 True"]
    assert run(tmp_path) == [first[0], "3 False"]


def test_where_nothing_can_be_kept_kernels_are_compiled_each_time(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").touch()
    (tmp_path / "file").touch()
    first, second = (run(tmp_path, XDG_CACHE_HOME=str(tmp_path / "file")) for _ in range(2))
    assert first == second
    assert first[1] == "0 True"


@pytest.mark.parametrize("late", [False, True])
def test_two_processes_never_get_the_code_of_the_other(tmp_path: Path, late: bool) -> None:
    """The second one comes between what the first one writes, and may have looked at the index before."""
    first, second = (_Store(str(tmp_path), "kernel", "stamp") for _ in range(2))
    save, known = first._save_index, second._load_index()

    def with_second(overloads: Any) -> None:
        save(overloads)
        if late:
            second._load_index = lambda: dict(known)
        second.save(("other arguments",), "code of the second")

    first._save_index = with_second
    first.save(("arguments",), "code of the first")
    found = _Store(str(tmp_path), "kernel", "stamp")
    assert found.load(("arguments",)) == (None if late else "code of the first")
    assert found.load(("other arguments",)) == "code of the second"


def test_an_index_never_tells_of_code_that_is_not_there(tmp_path: Path) -> None:
    """After an interruption, of an older source's code."""
    _Store(str(tmp_path), "kernel", "old source").save(("arguments",), "old code")
    store = _Store(str(tmp_path), "kernel", "new source")

    def interrupted(name: str, data: Any) -> None:
        raise KeyboardInterrupt

    store._save_data = interrupted
    with pytest.raises(KeyboardInterrupt):
        store.save(("arguments",), "new code")
    assert _Store(str(tmp_path), "kernel", "new source").load(("arguments",)) is None
