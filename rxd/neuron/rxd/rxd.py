"""`neuron.rxd.rxd`: where NEURON keeps the machinery of rxd; scripts come here for a few of its names."""

from __future__ import annotations

from typing import Any

from rxd.neuron.internals import module_name
from rxd.neuron.rxd import initializer, node, nthread, options, re_init, region, set_solve_type, species

__all__ = ["initializer", "node", "nthread", "options", "re_init", "region", "set_solve_type", "species"]

INTERNALS = frozenset(("_all_reactions", "_zero_volume_indices", "last_nrn_legacy_units"))


def _unregister_reaction(reaction: Any) -> None:
    """Take a reaction out of the model."""
    found = reaction() if callable(reaction) else reaction
    if found is not None:
        found.session.chemistry.remove(found)


def free_conc_ptrs() -> None:
    """Nothing to free."""


def free_curr_ptrs() -> None:
    """Nothing to free."""


def rxd_include_node_flux1D(*args: Any) -> None:
    """Forget all sources that `include_flux` has added."""
    from rxd.neuron.session import current_session

    current_session().chemistry.fluxes.clear()


def byeworld() -> None:
    """Nothing to free."""


def _update_node_data(*args: Any) -> None:
    """Bring the declarations of the session up to date."""
    initializer._do_init()


def __getattr__(name: str) -> Any:
    return module_name(name)
