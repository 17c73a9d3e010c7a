"""Cutting the bulb and its neurite into voxels. Check: their volume, um3."""

from __future__ import annotations

from typing import Any

from neuron.rxd import geometry3d

from benchmarks.built import Built
from benchmarks.neuron.d3 import bulb


def build(dx_nm: int = 250) -> Built:
    sections = list(bulb())
    made: list[Any] = []

    def run() -> None:
        made[:] = geometry3d.voxelize2(sections, dx=dx_nm / 1000)

    run()
    inner, surface = made[:2]
    n = len(inner) + len(surface)

    def check() -> float:
        return sum(v[0] for v in made[0].values()) + sum(v[0] for v in made[1].values())

    return Built(run, check, n, "voxel", facts={"nodes": n})
