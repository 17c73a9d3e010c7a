"""The measuring side of `serve`: starts processes, talks to them, alternates between them.

In: which simulator, model and size. Out: `Sample`, the numbers of one simulator on one job.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.files import ROOT

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class BenchError(RuntimeError):
    """A measured process ended or said something else than a number; the message has the end of what it printed."""


@dataclass
class Sample:
    """What one simulator did on one job: seconds of every run, elapsed and of the processor."""

    simulator: str
    units: float = 0.0
    unit: str = ""
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    check: float | None = None
    import_s: float = 0.0
    setup_s: float = 0.0
    ready_s: float = 0.0
    cold_s: float | None = None
    peak_mb: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Simulators:
    """How each simulator is started: its interpreter and what comes before the script."""

    commands: Mapping[str, Sequence[str]]
    timeout: float = 300.0

    def __contains__(self, name: str) -> bool:
        return name in self.commands


def find_simulators(neuron: str | None, compat: bool, timeout: float) -> Simulators:
    """Axoplasm in this interpreter; NEURON and Arbor in `neuron` or, if they are installed here, in this one."""
    commands: dict[str, Sequence[str]] = {"axoplasm": [sys.executable]}
    if compat:
        commands["compat"] = [sys.executable, "-m", "rxd.neuron"]
    python = neuron or sys.executable
    for name in ("neuron", "arbor"):
        asked = [python, "-c", f"import importlib.util as u, sys; sys.exit(u.find_spec({name!r}) is None)"]
        with tempfile.TemporaryDirectory() as elsewhere:
            if subprocess.run(asked, cwd=elsewhere, check=False, capture_output=True).returncode == 0:
                commands[name] = [python]
    if "neuron" in commands:
        commands["nmodl"] = [python]  # the same, with the model's reactions in NEURON's own language
    return Simulators(commands, timeout)


class Served:
    """A process that serves one built model; use it in a ``with`` statement. `more` goes into its environment."""

    def __init__(
        self, simulators: Simulators, simulator: str, model: str, size: Mapping[str, Any], cache: Path, **more: str
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="axoplasm-bench-"))  # NEURON writes into the working folder
        self.errors = (self.folder / "stderr").open("w+")
        folder = "neuron" if simulator in ("compat", "nmodl") else simulator
        model = f"{model}_nmodl" if simulator == "nmodl" else model
        serve = Path(__file__).with_name("serve.py")
        command = [*simulators.commands[simulator], str(serve), folder, model, json.dumps(dict(size))]
        environment = os.environ | dict.fromkeys(ONE_THREAD, "1") | {"AXOPLASM_CACHE": str(cache)} | more
        if simulator in ("axoplasm", "compat"):
            environment["PYTHONPATH"] = str(ROOT)
        self.deadline = time.monotonic() + simulators.timeout
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
        )  # fmt: skip
        self.sample = Sample(simulator)
        try:
            self._take(self._answer())
        except BenchError:
            self.close()
            raise
        self.sample.ready_s = time.perf_counter() - began

    def ask(self, command: str) -> dict[str, Any]:
        """Send a line and read the answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(command + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise BenchError(self._last_words()) from None
        return self._answer()

    def run(self) -> dict[str, Any]:
        """One run, added to the sample."""
        answer = self.ask("run")
        self.sample.seconds.append(answer["seconds"])
        self.sample.cpu.append(answer["cpu"])
        self.sample.peak_mb = answer["peak_mb"]
        return answer

    def close(self) -> None:
        """End the process and remove its folder."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("@"):
                answer: dict[str, Any] = json.loads(line[1:])
                return answer
            if time.monotonic() > self.deadline:
                break
        raise BenchError(self._last_words())

    def _take(self, answer: dict[str, Any]) -> None:
        for name in ("units", "unit", "import_s", "setup_s", "peak_mb", "facts"):
            setattr(self.sample, name, answer[name])

    def _last_words(self) -> str:
        self.errors.flush()
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it ended without a word"
