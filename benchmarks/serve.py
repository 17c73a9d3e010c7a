"""The measured process: builds one model, then runs it once for every line it reads.

    python benchmarks/serve.py axoplasm|neuron|arbor MODEL '{"size": 1}'

In: lines "run", "check", "values", "set NUMBER" on the standard input. Out: one JSON object a line. A process per simulator and
model lets the parent alternate between simulators without building anything twice, and gives each its own peak of memory.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final

AWAKE: Final = 0.05
"""Seconds of runs after which a processor is awake."""
LONG: Final = 0.5
"""Seconds of a run that does not mind waking up."""


def peak_mb() -> float:
    """Largest resident set of this process so far, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says begins with the memory of the parent that forked
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024 / 1e6
    scale = 1.0 if sys.platform == "darwin" else 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6


def say(**message: Any) -> None:
    """One answer to the parent; what models print goes elsewhere."""
    print("@" + json.dumps(message), file=sys.__stdout__, flush=True)


def timed(built: Any) -> dict[str, float]:
    """One run: elapsed and processor seconds. A run that is not `LONG` is repeated, for `AWAKE` at least, and the last counts.

    While another simulator has its turn, a processor falls asleep, its caches are lost and a virtual machine may take pages
    away: the next ten milliseconds lose a third of their speed, and a first run once took eight times as long.
    """
    awake = None
    while True:
        built.prepare()
        cpu, clock = time.process_time(), time.perf_counter()
        built.run()
        now = time.perf_counter()
        if now - clock >= LONG or (awake is not None and now - awake >= AWAKE):
            return {"seconds": now - clock, "cpu": time.process_time() - cpu}
        awake = now if awake is None else awake


def main() -> None:
    """Build, then serve until the input ends."""
    # in place of this folder, whose `neuron` and `arbor` would hide the simulators
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    simulator, model, size = sys.argv[1:4]
    began = time.perf_counter()
    module = importlib.import_module(f"benchmarks.{simulator}.{model}")
    imported = time.perf_counter()
    built = module.build(**json.loads(size))
    ready = time.perf_counter()
    say(
        import_s=imported - began, setup_s=ready - imported, units=built.units, unit=built.unit, facts=built.facts,
        peak_mb=peak_mb(), pid=os.getpid(),
    )  # fmt: skip
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "check":
            say(check=float(built.check()), peak_mb=peak_mb())
        elif command == "values":
            say(values=[float(x) for x in built.values()])
        elif command == "set":
            built.set(float(argument))
            say(set=float(argument))
        else:
            say(**timed(built), peak_mb=peak_mb())


if __name__ == "__main__":
    main()
