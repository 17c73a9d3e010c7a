"""The chain of `cascade` as an NMODL KINETIC block, which is how NEURON's users write it when rxd is too slow.

Nothing diffuses, which favours NEURON. `nrnivmodl` compiles the mechanism in the working folder, which needs a C++ compiler.
Check: sum of all in the middle segment, mM.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from neuron import h

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


def state(i: int) -> str:
    """Name of a species; NMODL appends a 0 for the initial value of each, so that s1 and s10 would meet."""
    return f"s{i}_"


def mechanism(n_species: int) -> str:
    """NMODL text of the chain."""
    names = [state(i) for i in range(n_species)]
    starts = [f"  {state(i)} = {0.1 + 0.01 * i!r}" + (" + s_x" if i < 3 else "") for i in range(n_species)]
    reactions = [f"  ~ {state(i)} + {state(i + 1)} <-> {state(i + 2)} (0.1, 0.05)" for i in range(n_species - 2)]
    return "\n".join(
        [
            "NEURON { SUFFIX chain RANGE s_x }",
            "PARAMETER { s_x = 0 }",
            f"STATE {{ {' '.join(names)} }}",
            "INITIAL {", *starts, "}",
            "BREAKPOINT { SOLVE kin METHOD sparse }",
            "KINETIC kin {", *reactions, "}", "",
        ]
    )  # fmt: skip


def build(n_species: int = 20, nseg: int = 501, steps: int = 100) -> Built:
    Path("chain.mod").write_text(mechanism(n_species), encoding="utf-8")
    subprocess.run([Path(sys.executable).with_name("nrnivmodl")], check=True, capture_output=True)
    library = next(p for p in Path.cwd().rglob("libnrnmech.*") if p.suffix in (".so", ".dylib"))
    h.nrn_load_dll(str(library))
    cable = h.Section(name="cable")
    cable.L, cable.diam, cable.nseg = 500, 1, nseg
    cable.insert("chain")
    for seg in cable:
        seg.chain.s_x = 0.2 * seg.x

    def check() -> float:
        return sum(getattr(cable(0.5).chain, state(i)) for i in range(n_species))

    return stepped(cable, steps * 0.025, nseg, check, "node and step")
