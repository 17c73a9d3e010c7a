"""`python -m benchmarks.profile JOB`: where the time of a job goes, by sampling the processor (Linux, `perf`).

In: the name of a job. Out: shares of the samples: kernels of the model's equations by group and part, the time loop around them
(linear solves, cable, diffusion, moving numbers between memory and lanes), libraries, and Python.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.jobs import jobs

LARGEST = 1 << 17
"""Bytes beyond the start of a kernel that may still be it."""


def kernel_addresses(sim: Any) -> list[tuple[int, str]]:
    """Where the compiled kernels of a simulation's equations begin, sorted."""
    from rxd.solve import split_loop

    groups = sim.stepper._groups
    parts = {"gates": split_loop.GATES, "chemistry": split_loop.CHEMISTRY, "currents": split_loop.ELECTRIC}
    named = zip(sim.discretization.groups, groups.table, strict=True)
    return sorted((int(line[column]), f"{part} of {group.name}") for group, line in named for part, column in parts.items())


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
    """Number of samples by what they hit."""
    starts = [address for address, _ in kernels]
    found: Counter[str] = Counter()
    for address, library in samples:
        at = bisect_right(starts, address) - 1
        if at >= 0 and address - starts[at] < LARGEST:
            found[kernels[at][1]] += 1
        elif "anon" in library or "unknown" in library or "memfd" in library or not library:
            found["time loop: linear solves, cable, diffusion"] += 1
        else:
            found[Path(library).name] += 1
    return found


def main() -> None:
    """Profile one job."""
    job = next(job for job in jobs("full") if job.name == sys.argv[1])
    from rxd import model as declared

    made: list[Any] = []
    compile_model = declared.Model.compile

    def remember(model: Any, *arguments: Any, **options: Any) -> Any:
        made.append(compile_model(model, *arguments, **options))
        return made[-1]

    declared.Model.compile = remember  # type: ignore[method-assign]
    built = importlib.import_module(f"benchmarks.axoplasm.{job.model}").build(**job.size)

    def once() -> None:
        built.prepare()
        built.run()

    once()
    found = shares(sample_addresses(once, 3.0), kernel_addresses(made[-1]) if made else [])
    total = sum(found.values())
    for name, count in found.most_common(12):
        print(f"{100 * count / total:5.1f} %  {name}")


if __name__ == "__main__":
    main()
