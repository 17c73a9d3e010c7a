"""`python -m benchmarks.profile JOB`: where the time of a job goes, by sampling the processor (Linux, `perf`).

In: the name of a job. Out: shares of the samples, by compiled function (what was inlined counts for its caller) and by library.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.jobs import jobs

LARGEST = 1 << 15
"""Bytes beyond the start of a function that may still be it."""
SMALL = 1 << 10
"""The same for the wrappers through which Python calls."""


def compiled_functions() -> list[tuple[int, str]]:
    """Address and name of every function that numba has compiled or loaded in this process, sorted."""
    from numba.core.registry import cpu_target

    engine = cpu_target.target_context.codegen()._engine
    found = ((engine._ee.get_function_address(name), plain_name(name)) for name in engine._defined_symbols)
    return sorted((address, name) for address, name in found if address and name)


def plain_name(symbol: str) -> str:
    """``_ZN3rxd5solve7lane_lu5solveB3v37...`` is ``rxd.solve.lane_lu.solve``; empty if it is no function."""
    if not symbol.startswith("_ZN") or symbol.startswith("_ZN08NumbaEnv"):
        return ""
    rest, parts = symbol[3:], []
    while number := re.match(r"\d+", rest):
        begin, length = number.end(), int(number.group())
        parts.append(rest[begin : begin + length])
        rest = rest[begin + length :]
    return ".".join(parts)


def sample_addresses(run: Any, seconds: float) -> list[tuple[int, str]]:
    """Instruction address and library of every sample while `run` is repeated for some seconds."""
    with tempfile.TemporaryDirectory() as folder:
        data = str(Path(folder) / "perf.data")
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "2000", "-p", str(os.getpid()), "-o", data]
        perf = subprocess.Popen(command)
        time.sleep(0.5)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            run()
        perf.send_signal(2)
        perf.wait()
        done = subprocess.run(["perf", "script", "-i", data, "-F", "ip,dso"], capture_output=True, text=True, check=True)
    lines = [line.split(None, 1) for line in done.stdout.splitlines() if line.strip()]
    return [(int(line[0], 16), line[1].strip("() ") if len(line) > 1 else "") for line in lines]


def shares(samples: list[tuple[int, str]], kernels: list[tuple[int, str]]) -> Counter[str]:
    """Number of samples by function or library."""
    starts = [address for address, _ in kernels]
    found: Counter[str] = Counter()
    for address, library in samples:
        at = bisect_right(starts, address) - 1
        if at >= 0 and address - starts[at] < (SMALL if kernels[at][1].startswith("cpython.") else LARGEST):
            found[kernels[at][1]] += 1
        elif library.endswith(".map"):
            found["other compiled code"] += 1
        else:
            found[Path(library).name] += 1
    return found


def main() -> None:
    """Profile one job."""
    job = next(job for job in jobs("full") if job.name == sys.argv[1])
    built = importlib.import_module(f"benchmarks.axoplasm.{job.model}").build(**job.size)

    def once() -> None:
        built.prepare()
        built.run()

    once()
    found = shares(sample_addresses(once, 3.0), compiled_functions())
    total = sum(found.values())
    for name, count in found.most_common(12):
        print(f"{100 * count / total:5.1f} %  {name}")


if __name__ == "__main__":
    main()
