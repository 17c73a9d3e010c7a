"""The machine: its name, its load, and how fast it moves numbers and adds them, measured in a few seconds."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from benchmarks.files import ROOT
from benchmarks.process import ONE_THREAD


@dataclass(frozen=True)
class Machine:
    """What ran it.

    Attributes
    ----------
    cpu, system, python : str
    cores : int
    load : (float, float)
        Load average over a minute, before and after.
    bandwidth : tuple of (bytes, bytes/s)
        Of `a += s b` by the bytes of both arrays: caches, then memory; read and write counted.
    flops : float
        Flops a second of one core, by a product of matrices.
    """

    cpu: str
    system: str
    python: str
    cores: int
    load: tuple[float, float]
    bandwidth: tuple[tuple[float, float], ...]
    flops: float

    def bandwidth_at(self, working_set: float) -> float:
        """Bytes/s for a working set of so many bytes."""
        sizes, rates = np.array(self.bandwidth).T
        return float(np.exp(np.interp(np.log(working_set), np.log(sizes), np.log(rates))))


@numba.njit
def _add(a: np.ndarray, b: np.ndarray, s: float, times: int) -> None:
    for _ in range(times):
        for i in range(a.size):
            a[i] += s * b[i]


def bandwidth(size: float, seconds: float = 0.1) -> float:
    """Bytes/s of `a += s b`, both arrays together `size` bytes: two reads and one write a number; the best of three."""
    n = max(int(size / 16), 16)
    a, b = np.zeros(n), np.ones(n)
    _add(a, b, 1e-9, 1)
    times = 1
    while True:
        best = min(_timed(a, b, times) for _ in range(3))
        if best > seconds / 3:
            return 24.0 * n * times / best
        times *= 4


def _timed(a: np.ndarray, b: np.ndarray, times: int) -> float:
    began = time.perf_counter()
    _add(a, b, 1e-9, times)
    return time.perf_counter() - began


def flops(n: int = 768) -> float:
    """Flops a second of a matrix product, the best of five."""
    a = np.ones((n, n))
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        a @ a
        best = min(best, time.process_time() - began)
    return 2.0 * n**3 / best


def cpu_name() -> str:
    """Model of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def describe(before: float, quick: bool = False) -> Machine:
    """This machine; `before` is the load when all began. Measured in a process of its own, where libraries have one thread."""
    command = [sys.executable, "-m", "benchmarks.machine", *(["quick"] if quick else [])]
    environment = os.environ | dict.fromkeys(ONE_THREAD, "1")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    measured = json.loads(done.stdout)
    rates = tuple((size, rate) for size, rate in measured["bandwidth"])
    system, python, load = platform.platform(terse=True), platform.python_version(), (before, os.getloadavg()[0])
    return Machine(cpu_name(), system, python, os.cpu_count() or 1, load, rates, measured["flops"])


def main(quick: bool) -> None:
    """Measure this process's core and print JSON."""
    sizes = (16e3, 256e3) if quick else (16e3, 128e3, 1e6, 8e6, 64e6, 256e6)
    rates = [(size, bandwidth(size, 0.01 if quick else 0.1)) for size in sizes]
    print(json.dumps({"bandwidth": rates, "flops": flops(128 if quick else 768)}))


if __name__ == "__main__":
    main("quick" in sys.argv[1:])
