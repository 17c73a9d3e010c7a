"""IP3 receptor of the endoplasmic reticulum; out: reactions for `model.add`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rxd.declare.reactions import MultiCompartmentReaction, Rate, region_of
from rxd.declare.region import Region
from rxd.declare.species import State
from rxd.declare.symbols import as_expression
from rxd.errors import DeclarationError


def ip3r(
    ca_cyt: Any,
    ca_er: Any,
    ip3: Any,
    membrane: Region,
    gmax: Any,
    d1: float = 1.3e-4,
    d2: float = 1.049e-3,
    d3: float = 9.434e-4,
    d5: float = 8.234e-5,
    a2: float = 0.2,
    initial: Any = None,
    name: str = "ip3r_h",
) -> list[MultiCompartmentReaction | Rate]:
    """IP3 receptor, endoplasmic reticulum to cytosol at ``gmax (m n h)^3 (ca_er - ca_cyt)`` ions/um2/ms.

    The two-variable reduction of the receptor of De Young and Keizer: ``m = ip3 / (ip3 + d1)`` and ``n = ca / (ca + d5)``
    follow at once, inactivation is slow, ``dh/dt = a2 (Q (1 - h) - ca h)`` with ``Q = d2 (ip3 + d1) / (ip3 + d3)``; ``ca`` is
    that of the cytosol.

    Parameters
    ----------
    ca_cyt, ca_er, ip3 : species on a region
        ``ca[cyt]``, ``ca[er]``, ``ip3[cyt]``.
    membrane : Region
        Of the endoplasmic reticulum, a region with an area; the gate lives there.
    gmax : float or expression, 1/(um2 ms mM)
        Permeability with all receptors open. 668 is the 6 * 0.185 1/s of Li and Rinzel where a um3 of cytosol has 1 um2 of this
        membrane.
    d1, d2, d3, d5 : float, mM
        Dissociation constants: IP3, inhibiting calcium, IP3 beside inhibiting calcium, activating calcium.
    a2 : float, 1/(mM ms)
        Binding of inhibiting calcium.
    initial : float or callable, optional
        Gate at the start; by default its steady state at the initial calcium and IP3.
    name : str
        Of the gate, a `State` with values from 0 to 1.

    Raises
    ------
    DeclarationError
        If the steady state is wanted and the cytosol's calcium or IP3 has no initial value.

    References
    ----------
    Li and Rinzel 1994, https://doi.org/10.1006/jtbi.1994.1041
    De Young and Keizer 1992, https://doi.org/10.1073/pnas.89.20.9895
    """

    def inhibition(trisphosphate: Any) -> Any:
        return d2 * (trisphosphate + d1) / (trisphosphate + d3)

    gate = State(membrane, name=name, initial=steady_state(ca_cyt, ip3, inhibition, name) if initial is None else initial)
    h = gate[membrane]
    conductance = gmax * (ip3 / (ip3 + d1) * ca_cyt / (ca_cyt + d5) * h) ** 3
    return [
        MultiCompartmentReaction(ca_er, ca_cyt, conductance, conductance, membrane=membrane),
        Rate(gate, a2 * (inhibition(ip3) * (1 - h) - ca_cyt * h)),
    ]


def steady_state(ca_cyt: Any, ip3: Any, inhibition: Callable[[Any], Any], gate: str) -> Callable[[Any], Any]:
    """``Q / (Q + ca)`` at the initial concentrations, as a function of the nodes."""
    calcium, trisphosphate = initial_value(ca_cyt, gate), initial_value(ip3, gate)

    def initial(nodes: Any) -> Any:
        q = inhibition(trisphosphate(nodes))
        return q / (q + calcium(nodes))

    return initial


def initial_value(quantity: Any, gate: str) -> Callable[[Any], Any]:
    """Initial concentration of a species on its region, as a function of the nodes."""
    symbol = as_expression(quantity, "A species of ip3r")
    initial = symbol.owner.initial
    if isinstance(initial, dict):
        initial = initial[region_of(symbol)]
    if initial is None:
        message = (
            f"The gate '{gate}' starts at the steady state of the initial {symbol.name}, which has none. Give the species its "
            f"initial=, or the gate: ip3r(..., initial=0.8)."
        )
        raise DeclarationError(message)
    return initial if callable(initial) else lambda _: initial
