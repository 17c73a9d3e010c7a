"""Meshes: how sections join at their ends and in between, regions that are parts of a cell, invariants."""

from dataclasses import replace

import numpy as np
import pytest

from geometry import (
    DistributedBoundary,
    FractionalVolume,
    GeometryError,
    GridBlock,
    Mesh,
    Morphology,
    MultipleGeometry,
    SectionSpec,
    Segments,
    TreeBlock,
    check_mesh,
    cylinder,
    examples,
    inside,
    max_length,
    membrane,
    region_mesh,
    segment,
)


def tree(*parents: tuple[int, float], n_segments: int = 1) -> Segments:
    """Sections s0, s1, ... of different sizes; `parents` gives parent and place of s1, s2, ... ."""
    specs = [SectionSpec("s0", [(0, 0, 0, 2), (10, 0, 0, 2)])]
    for k, (parent, x) in enumerate(parents, start=1):
        specs.append(SectionSpec(f"s{k}", [(0, k, 0, 1 + k), (10 + k, k, 0, 1)], parent=f"s{parent}", parent_x=x))
    return segment(Morphology.from_sections(specs), n_segments)


def laplacian(n: int, edges: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    matrix = np.zeros((n, n))
    for (i, j), k in zip(edges, kappa, strict=True):
        matrix[[i, j], [i, j]] += k
        matrix[[i, j], [j, i]] -= k
    return matrix


def resistances(n_nodes: int, n: int, edges: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """Resistance between all pairs of the first n nodes; inf between nodes that are not connected."""
    inverse = np.linalg.pinv(laplacian(n_nodes, edges, kappa) * 1.0, hermitian=True, rcond=1e-12)
    diagonal = np.diag(inverse)
    ohms = diagonal[:, None] + diagonal[None, :] - 2 * inverse
    joined = np.eye(n_nodes, dtype=bool)
    for _ in range(n_nodes):
        for i, j in edges:
            joined[i] |= joined[j]
            joined[j] |= joined[i]
    return np.where(joined, ohms, np.inf)[:n, :n]


def drawn(segments: Segments, sections: list[int]) -> np.ndarray:
    """The same by hand: a wire of two halves for every segment, a knot at every end of a section."""
    m, inside_region = segments.morphology, set(sections)
    owner = [i for i in range(segments.n) if segments.section[i] in inside_region]
    node = {i: k for k, i in enumerate(owner)}
    knots: dict[tuple[str, int], int] = {}
    edges: list[tuple[int, int]] = []
    kappa: list[float] = []

    def knot(kind: str, number: int) -> int:
        return knots.setdefault((kind, number), len(owner) + len(knots))

    def start_of(s: int) -> int | None:
        p, x = int(m.parent[s]), m.parent_x[s]
        if p < 0:
            return knot("start", s)
        if x == 1:
            return knot("end", p)
        if x == 0:
            return start_of(p)
        count = segments.offset[p + 1] - segments.offset[p]
        return node.get(int(segments.offset[p] + min(int(x * count), count - 1)))

    for s in sections:
        at = start_of(s)
        for i in range(segments.offset[s], segments.offset[s + 1]):
            if at is not None:
                edges.append((node[i], at))
                kappa.append(1 / segments.rho_left[i])
            at = knot("end", s) if i + 1 == segments.offset[s + 1] else knot("border", i)
            edges.append((node[i], at))
            kappa.append(1 / segments.rho_right[i])
    return resistances(len(owner) + len(knots), len(owner), np.array(edges), np.array(kappa))


def measured(mesh: Mesh) -> np.ndarray:
    return resistances(mesh.n + mesh.n_junctions, mesh.n, mesh.edges, mesh.kappa)


def check_tree_block(mesh: Mesh) -> None:
    """The block says the same as the edges, and its order is one of elimination."""
    block = mesh.tree
    child = np.flatnonzero(block.parent >= 0)
    from_block = {(int(c), int(block.parent[c])): block.kappa[c] for c in child}
    from_edges = {(int(i), int(j)): k for (i, j), k in zip(mesh.edges, mesh.kappa, strict=True)}
    assert from_block.keys() == from_edges.keys()
    np.testing.assert_allclose([from_block[key] for key in from_edges], list(from_edges.values()), rtol=1e-14)
    assert sorted(block.order) == list(range(mesh.n + mesh.n_junctions))
    seen: set[int] = set()
    for i in block.order:
        assert block.parent[i] < 0 or int(block.parent[i]) in seen
        seen.add(int(i))
    roots = np.flatnonzero(block.parent < 0)
    assert np.all(roots < mesh.n)
    assert np.all(block.kappa[roots] == 0)


TREES = {
    "one section": (),
    "end to end": ((0, 1.0),),
    "three way": ((0, 1.0), (0, 1.0)),
    "four way": ((0, 1.0), (0, 1.0), (0, 1.0)),
    "joined at 0 of the root": ((0, 0.0),),
    "two at 0 of the root": ((0, 0.0), (0, 0.0)),
    "three at 0 of the root": ((0, 0.0), (0, 0.0), (0, 0.0)),
    "in the middle": ((0, 0.5),),
    "two in the middle": ((0, 0.5), (0, 0.5)),
    "at a third": ((0, 0.34), (0, 0.9)),
    "at 0 of a child": ((0, 1.0), (1, 0.0)),
    "at 0 of a child in the middle": ((0, 0.5), (1, 0.0), (2, 0.0)),
    "at 0 of a child at 0": ((0, 0.0), (1, 0.0), (2, 1.0)),
    "all sorts": ((0, 1.0), (0, 1.0), (1, 0.5), (1, 1.0), (2, 0.0), (4, 1.0), (4, 1.0), (4, 1.0), (0, 0.0), (3, 0.25)),
}


@pytest.mark.parametrize("n_segments", [1, 2, 3])
@pytest.mark.parametrize("name", TREES)
def test_resistances_between_all_nodes_are_those_drawn_by_hand(name: str, n_segments: int) -> None:
    s = tree(*TREES[name], n_segments=n_segments)
    mesh = region_mesh(s)
    check_tree_block(mesh)
    assert np.count_nonzero(mesh.tree.parent < 0) == 1
    np.testing.assert_allclose(measured(mesh), drawn(s, list(range(s.morphology.n_sections))), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_regions_that_are_parts_of_a_random_tree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = [(int(rng.integers(k)), float(rng.choice([0, 0.3, 0.5, 1, 1, 1]))) for k in range(1, 12)]
    s = tree(*parents, n_segments=int(rng.integers(1, 4)))
    region = np.flatnonzero(rng.random(12) < 0.6)
    region = region if region.size else np.array([0])
    mesh = region_mesh(s, region)
    check_tree_block(mesh)
    assert np.array_equal(mesh.owner, s.of(region))
    np.testing.assert_allclose(measured(mesh), drawn(s, region.tolist()), rtol=1e-9, atol=1e-9)


def test_junctions_only_where_three_meet() -> None:
    counts = {name: region_mesh(tree(*parents)).n_junctions for name, parents in TREES.items()}
    assert counts == {
        "one section": 0,
        "end to end": 0,
        "three way": 1,
        "four way": 1,
        "joined at 0 of the root": 0,
        "two at 0 of the root": 1,
        "three at 0 of the root": 1,
        "in the middle": 0,
        "two in the middle": 0,
        "at a third": 0,
        "at 0 of a child": 1,
        "at 0 of a child in the middle": 0,
        "at 0 of a child at 0": 1,
        "all sorts": 2,
    }


def test_a_junction_conducts_by_halves() -> None:
    s = tree((0, 1.0), (0, 1.0))
    mesh = region_mesh(s)
    assert mesh.tree.parent.tolist() == [-1, 3, 3, 0]
    assert mesh.tree.order.tolist() == [0, 3, 1, 2]
    np.testing.assert_allclose(mesh.tree.kappa, [0, 1 / s.rho_left[1], 1 / s.rho_left[2], 1 / s.rho_right[0]], rtol=1e-14)


def test_a_section_in_the_middle_is_tied_through_its_own_half_only() -> None:
    s = tree((0, 0.5), n_segments=3)
    mesh = region_mesh(s)
    assert mesh.tree.parent[3] == 1
    assert mesh.tree.kappa[3] == pytest.approx(1 / s.rho_left[3], rel=1e-14)


def test_cylinder() -> None:
    mesh = region_mesh(segment(cylinder(100, 2), 10))
    np.testing.assert_allclose(mesh.volume, np.pi * 10)
    np.testing.assert_allclose(mesh.membrane_area, np.pi * 20)
    np.testing.assert_allclose(mesh.face_area, np.pi)
    np.testing.assert_allclose(mesh.distance, 10)
    np.testing.assert_allclose(mesh.position[:, 0], 5 + 10 * np.arange(10))
    assert mesh.edges.tolist() == [[i + 1, i] for i in range(9)]
    assert mesh.capacity is mesh.volume


def test_a_region_without_the_trunk_is_a_forest() -> None:
    """Two daughters of a section outside still touch where it ends; those of its two ends do not."""
    s = tree((0, 1.0), (0, 1.0), (0, 0.0))
    mesh = region_mesh(s, ["s1", "s2", "s3"])
    assert mesh.tree.parent.tolist() == [-1, 0, -1]
    assert mesh.tree.kappa[1] == pytest.approx(1 / (s.rho_left[1] + s.rho_left[2]), rel=1e-14)


def test_totals_of_a_cell_are_kept() -> None:
    m = examples.pyramidal_cell()
    s = segment(m, max_length(10))
    whole = region_mesh(s)
    assert whole.volume.sum() == pytest.approx(s.volume.sum(), rel=1e-14)
    assert whole.membrane_area.sum() == pytest.approx(s.area.sum(), rel=1e-14)
    parts = [region_mesh(s, part) for part in (m.soma, m.axon, m.basal, m.apical)]
    assert sum(part.volume.sum() for part in parts) == pytest.approx(whole.volume.sum(), rel=1e-12)
    check_tree_block(whole)
    for part in parts:
        check_tree_block(part)
    assert len(whole.edges) == whole.n + whole.n_junctions - 1
    er, cytosol = region_mesh(s, m.all, FractionalVolume(0.17)), region_mesh(s, m.all, FractionalVolume(0.83, 1))
    np.testing.assert_allclose(er.volume + cytosol.volume, whole.volume, rtol=1e-14)
    np.testing.assert_allclose(er.kappa + cytosol.kappa, whole.kappa, rtol=1e-12)


def test_area_shapes_have_areas_instead_of_volumes() -> None:
    s = tree((0, 1.0), (0, 1.0), n_segments=2)
    mesh = region_mesh(s, shape=membrane)
    assert not mesh.volume.any()
    np.testing.assert_allclose(mesh.capacity, s.area)
    check_tree_block(mesh)


def test_a_boundary_without_perimeter_has_no_edges() -> None:
    mesh = region_mesh(tree((0, 1.0), (0, 1.0), n_segments=2), shape=DistributedBoundary(2))
    assert len(mesh.edges) == 0
    assert mesh.n_junctions == 0
    assert np.all(mesh.tree.parent == -1)


def test_a_section_that_does_not_conduct_leaves_a_junction() -> None:
    s = tree((0, 1.0), (0, 1.0))
    shape = MultipleGeometry(["s1", None], [DistributedBoundary(1), DistributedBoundary(1, 1)])
    mesh = region_mesh(s, shape=shape)
    assert mesh.n_junctions == 0
    assert mesh.edges.tolist() == [[2, 0]]


def test_several_trees() -> None:
    m = Morphology.from_sections([SectionSpec(name, [(0, 0, 0, 1), (5, 0, 0, 1)]) for name in "ab"])
    assert region_mesh(segment(m, 2)).tree.parent.tolist() == [-1, 0, -1, 2]


def test_an_empty_region_is_an_empty_mesh() -> None:
    m = cylinder(10, 1)
    mesh = region_mesh(segment(m, 2), m.soma)
    assert len(mesh) == 0
    assert len(mesh.edges) == 0


def test_repr_counts() -> None:
    mesh = region_mesh(tree((0, 1.0), (0, 1.0)))
    assert repr(mesh).startswith("<Mesh: 3 nodes, 1 junctions, 3 edges, volume ")
    assert repr(mesh.tree) == "<TreeBlock: 4 nodes in 1 trees>"


def test_arrays_are_read_only() -> None:
    mesh = region_mesh(tree((0, 1.0)))
    for array in (mesh.volume, mesh.edges, mesh.face_area, mesh.owner, mesh.tree.parent, mesh.tree.kappa, mesh.tree.order):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volume": np.array([1.0, 0.0])}, "every node has a volume"),
        ({"volume": np.array([1.0, -1.0])}, "volume is finite and not negative"),
        ({"face_area": np.array([np.nan])}, "face_area is finite"),
        ({"distance": np.array([0.0])}, "no two joined nodes coincide"),
        ({"distance": np.array([1.0, 1.0])}, "one entry per edge"),
        ({"owner": np.array([0])}, "one entry per node"),
        ({"position": np.zeros((2, 2))}, r"position has the shape \(n, 3\)"),
        ({"edges": np.array([[1, 2]])}, "edges join nodes that exist"),
        ({"edges": np.array([[1, 1]])}, "no edge joins a node with itself"),
        ({"edges": np.array([1])}, r"edges has the shape \(m, 2\)"),
        ({"blocks": (TreeBlock(np.array([-1]), np.zeros(1), np.array([0])),)}, "covers all nodes"),
        ({"blocks": (TreeBlock(np.array([-1, 0]), np.zeros(2), np.array([0, 0])),)}, "every node once"),
        ({"blocks": (TreeBlock(np.array([-1, 0]), np.zeros(2), np.array([1, 0])),)}, "parents precede their children"),
        ({"blocks": (TreeBlock(np.array([-1, 0]), np.array([0.0, -1.0]), np.array([0, 1])),)}, "kappa is finite"),
    ],
)
def test_what_is_not_a_mesh(change: dict, message: str) -> None:
    mesh = region_mesh(segment(cylinder(10, 1), 2))
    check_mesh(mesh)
    with pytest.raises(GeometryError, match=message):
        replace(mesh, **change)


def test_a_grid_block_counts_its_voxels() -> None:
    active = np.zeros((2, 3, 4), dtype=bool)
    active[0, 1, :2] = True
    block = GridBlock((2, 3, 4), (0.5, 0.5, 0.5), (0, 0, 0), active)
    assert len(block) == 2
    assert repr(block) == "<GridBlock: 2 of 2 x 3 x 4 voxels of (0.5, 0.5, 0.5) um>"
    with pytest.raises(GeometryError, match="mask of active voxels"):
        GridBlock((2, 3, 5), (1, 1, 1), (0, 0, 0), active.copy())


def test_a_mesh_that_is_no_forest_has_no_tree() -> None:
    mesh = replace(region_mesh(segment(cylinder(10, 1), 2)), blocks=())
    with pytest.raises(GeometryError, match="not one forest"):
        _ = mesh.tree


def test_the_default_is_the_inside_of_everything() -> None:
    s = tree((0, 1.0))
    np.testing.assert_array_equal(region_mesh(s).volume, region_mesh(s, s.morphology.all, inside).volume)
