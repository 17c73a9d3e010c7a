"""Reconstructed cells against NEURON's Import3d: sections, points, lengths and areas by kind.

The files are shared with us but not shipped; where they are absent there is nothing to test.
"""

from pathlib import Path

import pytest

import geometry

DATA = Path(__file__).resolve().parents[4] / "shared" / "neuron-scripts" / "data"

# file, sections by name, points, length (um), area by name (um2), sections joined at 0.5: all of NEURON 9, nseg 1
CELLS = [
    (
        "111200A.asc",
        {"soma": 2, "axon": 298, "dend": 92, "apic": 63},
        20996,
        35446.77110231863,
        {"soma": 853.242206, "axon": 19626.660633, "dend": 9466.15842, "apic": 8800.963135},
        15,
    ),
    ("160524_7_4.CNG.swc", {"soma": 1, "dend_6": 3}, 118, 258.19039527530174, {"soma": 1334.305633, "dend_6": 2445.932053}, 1),
    ("29-1-8.CNG.swc", {"soma": 1, "dend": 21}, 544, 1393.7995179133977, {"soma": 983.720199, "dend": 3191.087572}, 1),
    ("KC-s-4505762.CNG.swc", {"dend_6": 110}, 1024, 319.60389224206114, {"dend_6": 350.802737}, 0),
    (
        "c91662.CNG.swc",
        {"soma": 1, "axon": 1, "dend": 58, "apic": 134},
        1698,
        15346.108462578099,
        {"soma": 988.170334, "axon": 525.395248, "dend": 5155.733597, "apic": 12836.240031},
        5,
    ),
    ("glia_4090.CNG.swc", {"dend_7": 94}, 1054, 343.651942150947, {"dend_7": 1619.484609}, 0),
]

if DATA.is_dir():

    @pytest.mark.parametrize(("file", "sections", "points", "length", "areas", "middles"), CELLS, ids=[c[0] for c in CELLS])
    def test_reconstructions_are_read_as_neuron_reads_them(
        file: str, sections: dict[str, int], points: int, length: float, areas: dict[str, float], middles: int
    ) -> None:
        m = geometry.load(DATA / file)
        assert {name: len(m[name]) for name in sections} == sections
        assert len(m) == sum(sections.values())
        assert len(m.points) == points
        # NEURON keeps points in single precision
        assert m.length.sum() == pytest.approx(length, rel=1e-6)
        for name, area in areas.items():
            assert sum(section.area for section in m[name]) == pytest.approx(area, rel=1e-6)
        assert sum(m.parent_x == 0.5) == middles

    def test_d_lambda_gives_the_segments_of_neuron() -> None:
        """Number of segments after NEURON's geom_nseg rule with Ra 150, cm 0.8 on every section."""
        m = geometry.load(DATA / "c91662.CNG.swc")
        assert geometry.segment(m, geometry.d_lambda(0.1, Ra=150, cm=0.8)).n == 1218
