"""Machine code on disk: taken without what numba knows, and made again where a file is broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def run(folder: Path) -> list[str]:
    """What a new process prints: numbers, and how many kernels it found on disk with how much of numba loaded."""
    (folder / "kernels.py").write_text(SCRIPT) if not (folder / "kernels.py").exists() else None
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import kernels"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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
