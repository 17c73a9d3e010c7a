"""Calcium pump of the plasma membrane; out: reactions for `model.add`."""

from __future__ import annotations

from typing import Any

from rxd.declare.reactions import MultiCompartmentReaction
from rxd.declare.region import Region


def pmca(
    ca_cyt: Any, ca_out: Any, membrane: Region, vmax: Any, kd: Any = 2e-4, electrogenic: bool = True, rest: Any = 0
) -> list[MultiCompartmentReaction]:
    """PMCA pump, cytosol to outside at ``vmax ca^2 / (kd^2 + ca^2)`` ions/um2/ms.

    Parameters
    ----------
    ca_cyt : species on a region
        ``ca[cyt]``.
    ca_out : species on a region, or None
        ``ca[ecs]``; None where the outside stays constant.
    membrane : Region
        The plasma membrane, a region with ``shape=rxd.membrane``.
    vmax : float or expression, 1/(um2 ms)
        Calcium ions per area and time at saturation.
    kd : float or expression, mM
        Calcium in the cytosol at half of `vmax`.
    electrogenic : bool
        Count the two charges of each calcium ion as an outward current ``i = 2 F J``. False for a pump that takes two protons
        in return (Thomas 2009, https://doi.org/10.1113/jphysiol.2008.162453).
    rest : float or expression, mM
        A constant leak into the cell that balances the pump at this concentration; 0 for none.

    References
    ----------
    Brini and Carafoli 2009, https://doi.org/10.1152/physrev.00032.2008
    """

    def turnover(calcium: Any) -> Any:
        return vmax * calcium**2 / (kd**2 + calcium**2)

    return [
        MultiCompartmentReaction(
            ca_cyt,
            ca_out,
            turnover(ca_cyt),
            None if rest == 0 else turnover(rest),
            membrane=membrane,
            custom_dynamics=True,
            membrane_flux=electrogenic,
        )
    ]
