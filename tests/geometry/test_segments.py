"""Segments: exact integrals over frusta, conservation under any number of segments, places, order, invariance."""

from dataclasses import replace

import numpy as np
import pytest

from geometry import (
    DLambda,
    GeometryError,
    Morphology,
    SectionSpec,
    cylinder,
    d_lambda,
    examples,
    max_length,
    segment,
)

CONE = [(0, 0, 0, 4.0), (10, 0, 0, 1.0)]


def wiggly(n: int = 40, seed: int = 3) -> Morphology:
    rng = np.random.default_rng(seed)
    points = np.column_stack([np.cumsum(rng.normal(size=(n, 3)), axis=0), rng.uniform(0.3, 4, n)])
    return Morphology.from_sections([SectionSpec("wiggly", points)])


def test_cylinder_is_exact() -> None:
    s = segment(cylinder(100, 2), 4)
    np.testing.assert_allclose(s.length, 25, rtol=1e-15)
    np.testing.assert_allclose(s.diam, 2, rtol=1e-14)
    np.testing.assert_allclose(s.area, np.pi * 2 * 25, rtol=1e-14)
    np.testing.assert_allclose(s.volume, np.pi * 25, rtol=1e-14)
    np.testing.assert_allclose(s.rho_left, 12.5 / np.pi, rtol=1e-14)
    np.testing.assert_allclose(s.rho_right, 12.5 / np.pi, rtol=1e-14)
    np.testing.assert_allclose(s.x, [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(s.position[:, 0], [12.5, 37.5, 62.5, 87.5])
    np.testing.assert_allclose(s.path_distance, s.position[:, 0])


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_cone_is_exact(n: int) -> None:
    s = segment(Morphology.from_sections([SectionSpec("cone", CONE)]), n)
    edge = 4 - 3 * np.arange(2 * n + 1) / (2 * n)  # diameters at the borders and middles
    d0, dm, d1 = edge[:-1:2], edge[1::2], edge[2::2]
    h = 10 / n
    np.testing.assert_allclose(s.volume, np.pi * h / 12 * (d0**2 + d0 * d1 + d1**2), rtol=1e-13)
    np.testing.assert_allclose(s.area, np.pi / 2 * (d0 + d1) * np.hypot(h, (d0 - d1) / 2), rtol=1e-13)
    np.testing.assert_allclose(s.rho_left, 4 / np.pi * (h / 2) / (d0 * dm), rtol=1e-13)
    np.testing.assert_allclose(s.rho_right, 4 / np.pi * (h / 2) / (dm * d1), rtol=1e-13)
    np.testing.assert_allclose(s.diam, dm, rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5, 16, 101, 1000])
def test_totals_do_not_depend_on_the_number_of_segments(n: int) -> None:
    m = wiggly()
    section, s = m.section(0), segment(m, n)
    assert len(s) == n
    assert s.length.sum() == pytest.approx(section.length, rel=1e-12)
    assert s.volume.sum() == pytest.approx(section.volume, rel=1e-12)
    assert s.area.sum() == pytest.approx(section.area, rel=1e-12)
    assert (s.diam * s.length).sum() == pytest.approx(section.diam * section.length, rel=1e-12)
    d, h = section.points[:, 3], np.diff(section.arc)
    assert (s.rho_left + s.rho_right).sum() == pytest.approx(np.sum(4 * h / (np.pi * d[1:] * d[:-1])), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 9])
def test_a_step_of_the_diameter_is_a_ring(n: int) -> None:
    """NEURON 9: area of this section 242.8303720196811 for any nseg; the ring of the step is 2 pi."""
    m = Morphology.from_sections([SectionSpec("step", [(0, 0, 0, 4), (10, 0, 0, 1), (10, 0, 0, 3), (30, 0, 0, 2)])])
    assert segment(m, n).area.sum() == pytest.approx(242.8303720196811, rel=1e-14)
    assert segment(m, n).volume.sum() == pytest.approx(np.pi / 12 * (10 * 21 + 20 * 19), rel=1e-14)


def test_a_step_between_segments_gives_each_side_its_own_diameter() -> None:
    m = Morphology.from_sections([SectionSpec("step", [(0, 0, 0, 4), (10, 0, 0, 4), (10, 0, 0, 2), (20, 0, 0, 2)])])
    s = segment(m, 2)
    np.testing.assert_allclose(s.volume, [np.pi * 40, np.pi * 10], rtol=1e-14)
    np.testing.assert_allclose(s.rho_right, [5 / (np.pi * 4), 5 / np.pi], rtol=1e-14)


def test_numbers_of_neuron() -> None:
    """diam and ri as NEURON 9 gives them for the section of the test above, nseg 5, Ra 35.4."""
    m = Morphology.from_sections([SectionSpec("step", [(0, 0, 0, 4), (10, 0, 0, 1), (10, 0, 0, 3), (30, 0, 0, 2)])])
    s = segment(m, 5)
    np.testing.assert_allclose(s.diam, [3.1, 2.05, 2.75, 2.45, 2.15], rtol=1e-14)
    ri = 35.4e-2 * (np.concatenate([[0], s.rho_right[:-1]]) + s.rho_left)
    np.testing.assert_allclose(
        ri, [0.1090468061700599, 0.6710572687388302, 0.6198806790521821, 0.40138935703413525, 0.5134049915552892], rtol=1e-14
    )


def test_rigid_motions_change_nothing_but_positions() -> None:
    m = examples.pyramidal_cell(seed=4)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    moved = m.points.copy()
    moved[:, :3] = moved[:, :3] @ rotation.T + [3.0, -20.0, 7.0]
    a, b = segment(m, max_length(10)), segment(replace(m, points=moved), max_length(10))
    assert np.array_equal(a.counts, b.counts)
    for name in ("length", "area", "volume", "diam", "rho_left", "rho_right", "path_distance"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-9, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(b.position, a.position @ rotation.T + [3.0, -20.0, 7.0], atol=1e-8)


def test_scaling_scales_by_the_right_powers() -> None:
    m = wiggly()
    a, b = segment(m, 7), segment(replace(m, points=3 * m.points), 7)
    for name, power in {"length": 1, "diam": 1, "area": 2, "volume": 3, "rho_left": -1, "rho_right": -1}.items():
        np.testing.assert_allclose(getattr(b, name), 3.0**power * getattr(a, name), rtol=1e-11, err_msg=name)


def test_reversing_a_section_mirrors_it() -> None:
    m = wiggly()
    a, b = segment(m, 6), segment(replace(m, points=m.points[::-1]), 6)
    np.testing.assert_allclose(b.rho_left, a.rho_right[::-1], rtol=1e-12)
    np.testing.assert_allclose(b.volume, a.volume[::-1], rtol=1e-12)
    np.testing.assert_allclose(b.position, a.position[::-1], rtol=1e-12)


def test_more_points_on_a_straight_cone_change_nothing() -> None:
    fine = np.column_stack([np.linspace(0, 10, 31), np.zeros((31, 2)), np.linspace(4, 1, 31)])
    a = segment(Morphology.from_sections([SectionSpec("cone", CONE)]), 4)
    b = segment(Morphology.from_sections([SectionSpec("cone", fine)]), 4)
    for name in ("area", "volume", "diam", "rho_left", "rho_right"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-13, err_msg=name)


def test_positions_agree_with_locations() -> None:
    s = segment(examples.pyramidal_cell(seed=1), max_length(17))
    for i in range(len(s)):
        np.testing.assert_allclose(s.position[i], s.location(i).position, atol=1e-9)
        assert s.path_distance[i] == pytest.approx(s.location(i).path_distance, abs=1e-9)
        assert s.index(s.location(i)) == i


def test_positions_follow_every_bend() -> None:
    s = segment(wiggly(), 200)
    np.testing.assert_allclose(s.position, [s.location(i).position for i in range(s.n)], atol=1e-9)


def test_order_and_offsets() -> None:
    m = examples.pyramidal_cell(seed=2)
    s = segment(m, max_length(20))
    assert s.offset[0] == 0
    assert s.offset[-1] == s.n == len(s)
    assert np.array_equal(s.section, np.repeat(np.arange(m.n_sections), s.counts))
    assert np.array_equal(s.of(m.all), np.arange(s.n))
    assert np.array_equal(s.section[s.of(m.apical)], np.repeat(m.apical.sections, s.counts[m.apical.sections]))
    for i in range(m.n_sections):
        assert np.all(np.diff(s.x[s.offset[i] : s.offset[i + 1]]) > 0)


def test_index_of_places() -> None:
    m = cylinder(1, 1)
    s = segment(m, 10)
    assert [s.index(m.section(0)(x)) for x in (0, 0.05, 0.1, 0.3, 0.95, 1.0)] == [0, 0, 1, 3, 9, 9]
    assert [s.index(m.section(0)(k / 10)) for k in range(10)] == list(range(10))
    with pytest.raises(GeometryError, match=r"cable\(0.5\) is a place on another morphology"):
        s.index(cylinder(1, 1).section(0)(0.5))


def test_repr_counts() -> None:
    assert repr(segment(cylinder(10, 2), 2)) == (
        "<Segments: 2 in 1 sections, lengths 5 to 5 um, area 62.8319 um2, volume 31.4159 um3>"
    )


def test_arrays_are_read_only() -> None:
    s = segment(cylinder(10, 2), 2)
    for name in ("section", "x", "offset", "length", "area", "volume", "diam", "rho_left", "rho_right", "position"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(s, name)[0] = 1


# --- rules -----------------------------------------------------------------------------------------------------------


def two() -> Morphology:
    return Morphology.from_sections(
        [
            SectionSpec("dend[0]", [(0, 0, 0, 1), (100, 0, 0, 1)]),
            SectionSpec("dend[1]", [(100, 0, 0, 4), (101, 0, 0, 4)], parent="dend[0]"),
            SectionSpec("soma", [(0, 0, 0, 4), (-30, 0, 0, 4)], "soma", "dend[0]", 0),
        ]
    )


def test_rules() -> None:
    m = two()
    assert segment(m).counts.tolist() == [1, 1, 1]
    assert segment(m, 3).counts.tolist() == [3, 3, 3]
    assert segment(m, np.int64(3)).counts.tolist() == [3, 3, 3]
    assert segment(m, max_length(10)).counts.tolist() == [10, 1, 3]
    assert segment(m, max_length(9.99)).counts.tolist() == [11, 1, 4]
    assert segment(m, {"dend": 5}).counts.tolist() == [5, 5, 1]
    assert segment(m, {"dend[1]": 2, "dend": 5, "soma": 7}).counts.tolist() == [5, 2, 7]
    assert segment(m, lambda section: 1 + int(section.length // 25)).counts.tolist() == [5, 1, 2]


def test_max_length_is_not_upset_by_round_off() -> None:
    assert segment(cylinder(100 * (1 + 1e-15), 1), max_length(1)).n == 100
    assert segment(cylinder(0.1 + 0.2, 1), max_length(0.1)).n == 3


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (0, r"'dend\[0\]' got 0 segments"),
        (-3, "got -3 segments"),
        (True, "rule for segments is True"),
        (2.0, "rule for segments is 2.0"),
        ("5", "rule for segments is '5'"),
        ({"axon": 2}, "no section 'axon'"),
        ({"soma": 2.5}, "'soma' got 2.5 as its number"),
        (lambda section: section.length / 10, r"'dend\[0\]' got 10.0 as its number"),
    ],
)
def test_bad_rules(rule: object, message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        segment(two(), rule)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_bad_max_length(value: float) -> None:
    with pytest.raises(GeometryError, match="max_length"):
        max_length(value)


def test_d_lambda_of_a_cylinder() -> None:
    rule = d_lambda(0.1, frequency=100, Ra=100, cm=1)
    length_constant = 1e5 * np.sqrt(2 / (4 * np.pi * 100 * 100 * 1))
    assert rule.length_constants(cylinder(500, 2))[0] == pytest.approx(length_constant, rel=1e-14)
    assert segment(cylinder(500, 2), rule).n == 2 * int((500 / (0.1 * length_constant) + 0.999) / 2) + 1


@pytest.mark.parametrize(("quantity", "power"), [("frequency", -0.5), ("Ra", -0.5), ("cm", -0.5)])
def test_length_constant_scales(quantity: str, power: float) -> None:
    m, base = wiggly(), {"frequency": 50.0, "Ra": 120.0, "cm": 0.7}
    one = d_lambda(0.1, **base).length_constants(m)
    four = d_lambda(0.1, **{**base, quantity: 4 * base[quantity]}).length_constants(m)
    np.testing.assert_allclose(four, one * 4**power, rtol=1e-13)


def test_length_constant_is_a_mean_over_frusta_of_each_section() -> None:
    points = [(0, 0, 0, 1), (30, 0, 0, 1), (30, 0, 0, 4), (100, 0, 0, 4)]
    both = Morphology.from_sections([SectionSpec("a", points), SectionSpec("b", [(100, 0, 0, 9), (105, 0, 0, 9)], parent="a")])
    lam = lambda d: 1e5 * np.sqrt(d / (4 * np.pi * 100 * 100))  # noqa: E731
    expected = [100 / (30 / lam(1) + 70 / lam(4)), lam(9)]
    np.testing.assert_allclose(d_lambda(0.1).length_constants(both), expected, rtol=1e-13)


def test_d_lambda_takes_constants_per_section_and_defaults_from_outside() -> None:
    m = two()
    rule = d_lambda(0.1, cm=np.array([1.0, 1.0, 4.0]))
    one = d_lambda(0.1).length_constants(m)
    np.testing.assert_allclose(rule.length_constants(m), one / [1, 1, 2], rtol=1e-14)
    filled = rule.with_defaults(Ra=400.0, cm=9.0)
    np.testing.assert_allclose(filled.length_constants(m), one / 2 / [1, 1, 2], rtol=1e-14)


def test_the_default_rule_is_a_tenth_at_100_hertz() -> None:
    assert d_lambda() == d_lambda(0.1, 100.0) == DLambda()
    m = wiggly()
    np.testing.assert_array_equal(d_lambda().length_constants(m), d_lambda(0.1, 100, 100, 1).length_constants(m))


@pytest.mark.parametrize("change", [{"fraction": 0}, {"frequency": -1}, {"Ra": 0}, {"cm": np.array([1.0, -1.0])}])
def test_d_lambda_refuses_what_is_not_above_zero(change: dict) -> None:
    with pytest.raises(GeometryError, match="must be above zero"):
        d_lambda(**change)
