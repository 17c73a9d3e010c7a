"""Scalar variables of the interpreter: time, time step, temperature, constants of run control.

In: assignments such as `h.dt = 0.01`. Out: numbers for run control and mechanisms.
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["CONSTANTS", "Globals"]

CONSTANTS = MappingProxyType(
    {
        "PI": 3.141592653589793,
        "E": 2.718281828459045,
        "GAMMA": 0.5772156649015329,
        "DEG": 57.29577951308232,
        "PHI": 1.618033988749895,
        # exact in the SI of 2019
        "FARADAY": 96485.33212331001,
        "R": 8.31446261815324,
        "k_boltzmann": 1.380649e-23,
        "Avogadro_constant": 6.02214076e23,
    }
)

_INITIAL = MappingProxyType(
    {
        "t": 0.0,
        "dt": 0.025,
        "celsius": 6.3,
        "secondorder": 0.0,
        "stoprun": 0.0,
        "clamp_resist": 0.001,
        "diam_changed": 1.0,
        "float_epsilon": 1e-11,
        "hoc_ac_": 0.0,
        "nrn_netrec_state_adjust": 0.0,
        "nrn_sparse_partrans": 0.0,
        "use_exp_pow_precision": 0.0,
        "cell_ident": 0.0,
        "nrn_shape_changed_": 0.0,
        # from stdrun.hoc, which is always loaded here
        "tstop": 5.0,
        "v_init": -65.0,
        "steps_per_ms": 40.0,
        "nstep_steprun": 1.0,
        "using_cvode_": 0.0,
        "realtime": 0.0,
        "stdrun_quiet": 0.0,
        "runStopAt": 5.0,
        "runStopIn": 1.0,
        "screen_update_invl": 0.05,
        "eventcount": 0.0,
        "eventslow": 1.0,
        "usetable_hh": 1.0,
        "running_": 0.0,
        "global_ra": 35.4,
        "n_graph_lists": 4.0,
        "movie_timer": 0.0,
        "random_index": 0.0,
        "random_low": 0.0,
        "random_count": 0.0,
        "random_ran4": 0.0,
    }
)


class Globals:
    """Named numbers; reading an unknown name raises KeyError."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[str, float] = dict(_INITIAL)

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> float:
        return self.values[name]

    def __setitem__(self, name: str, value: float) -> None:
        self.values[name] = float(value)

    @property
    def t(self) -> float:
        """Time, ms."""
        return self.values["t"]

    @property
    def dt(self) -> float:
        """Time step, ms."""
        return self.values["dt"]
