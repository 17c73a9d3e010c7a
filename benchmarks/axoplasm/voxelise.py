"""Cutting the bulb and its neurite into voxels. Check: their volume, um3."""

from __future__ import annotations

import warnings
from typing import Any

import geometry
from benchmarks.axoplasm.d3 import bulb
from benchmarks.built import Built
from geometry.voxelize import VoxelWarning, voxelize_sections


def build(dx_nm: int = 250) -> Built:
    segments = geometry.segment(bulb(), {"bulb": 1, "neurite": 11})
    made: list[Any] = []

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VoxelWarning)
            made[:] = [voxelize_sections(segments, dx_nm / 1000)]

    run()
    return Built(run, lambda: float(made[0].volume.sum()), len(made[0]), "voxel", facts={"nodes": len(made[0])})
