"""Reaction-diffusion and electricity of neurons, declared in SymPy, compiled, and solved as one system.

``Model -> System -> Discretization -> Kernels -> Problem -> Stepper -> Results``: start reading at
`rxd.simulation.compile_model`. The names of the package are those of `rxd.api`, which is loaded when the first is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rxd.collector import collector_paused

if TYPE_CHECKING:
    from rxd.api import *  # noqa: F403 - for who reads without running, who must find misspelt names
else:

    def __getattr__(name: str) -> Any:
        """The package's names, at the first use of one: the collector of garbage does not look through what is loaded."""
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module 'rxd' has no attribute {name!r}")
        with collector_paused():
            names: Any = importlib.import_module("rxd.api")
            if name in names.__all__ or name == "__all__":
                globals()[name] = getattr(names, name)  # from now on without asking
                return globals()[name]
            try:  # a part of the package, which `import rxd` would have brought along
                return importlib.import_module(f"rxd.{name}")
            except ModuleNotFoundError as error:
                if error.name != f"rxd.{name}":
                    raise
        raise AttributeError(f"module 'rxd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *importlib.import_module("rxd.api").__all__})
