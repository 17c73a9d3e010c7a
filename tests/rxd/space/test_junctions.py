"""Junctions, where nothing accumulates, are eliminated from a graph: what is left conducts as the whole did."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.discretize.graph import merged, without_junctions

KEPT, JUNCTIONS = 12, 5


def laplacian(n, edges, kappa):
    dense = np.zeros((n, n))
    for (a, b), conductance in zip(edges, kappa, strict=True):
        dense[[a, b], [a, b]] += conductance
        dense[[a, b], [b, a]] -= conductance
    return dense


@pytest.mark.parametrize("seed", range(8))
def test_elimination_is_the_schur_complement(seed):
    """Also where junctions are tied to each other, an edge is given twice, or a junction is tied to nothing."""
    random = np.random.default_rng(seed)
    edges = random.integers(0, KEPT + JUNCTIONS, (40, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    edges = np.concatenate([edges[(edges != KEPT).all(axis=1)], edges[:1]])
    kappa = random.random(len(edges))
    whole = laplacian(KEPT + JUNCTIONS, edges, kappa)
    tied = KEPT + np.flatnonzero(np.diag(whole)[KEPT:] > 0)
    expected = whole[:KEPT, :KEPT] - whole[:KEPT, tied] @ np.linalg.solve(whole[np.ix_(tied, tied)], whole[tied, :KEPT])
    left, conductances = merged(*without_junctions(KEPT, edges, kappa))
    assert len({tuple(edge) for edge in left.tolist()}) == len(left)
    assert laplacian(KEPT, left, conductances) == pytest.approx(expected, abs=1e-13)
