"""Binding of an ion to a buffer; out: reactions for `model.add`."""

from __future__ import annotations

from typing import Any

from rxd.declare.reactions import Reaction


def buffer(ca: Any, free: Any, bound: Any, kf: Any, kb: Any, regions: Any = None) -> list[Reaction]:
    """Buffering by mass action, ``ca + free <-> bound`` with rate ``kf ca free - kb bound`` (mM/ms).

    Parameters
    ----------
    ca, free, bound : Species or species on a region
        The ion, the buffer without and with it: ``ca, calbindin, ca_calbindin`` or ``ca[cyt], ...``.
    kf : float or expression, 1/(mM ms)
        Binding, for example 75 for calbindin's fast sites; 1 per uM and s is 1 per mM and ms.
    kb : float or expression, 1/ms
        Unbinding; ``kb / kf`` is the dissociation constant in mM.
    regions : Region or sequence, optional
        Restricts bare species to some of their regions.

    References
    ----------
    Wagner and Keizer 1994, https://doi.org/10.1016/S0006-3495(94)80500-4
    """
    return [Reaction(ca + free, bound, kf, kb, regions=regions)]
