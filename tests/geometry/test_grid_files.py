"""VTK files, read back with a reader of a few lines: places, numbers, and that a file is whole or absent.

The files were read with VTK 9 itself when the writer was written; the reader here keeps them as they were.
"""

from __future__ import annotations

import base64
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import geometry
from geometry import GeometryError
from geometry.grid import ExtracellularGrid
from geometry.voxelize import voxelize_sections
from geometry.vtk import write_box, write_segments, write_voxels

TYPES = (("Float64", np.float64), ("Float32", np.float32), ("Int64", np.int64), ("Int32", np.int32), ("UInt8", np.uint8))


def read(path):
    """Root element, and the arrays of a file by name."""
    root = ET.parse(path).getroot()
    assert root.attrib["header_type"] == "UInt64"
    arrays = {}
    for element in root.iter("DataArray"):
        raw = base64.b64decode(element.text.strip())
        assert np.frombuffer(raw[:8], np.uint64)[0] == len(raw) - 8
        values = np.frombuffer(raw[8:], dict(TYPES)[element.attrib["type"]])
        width = int(element.attrib.get("NumberOfComponents", 1))
        arrays[element.attrib["Name"]] = values.reshape(-1, width) if width > 1 else values
    return root, arrays


@pytest.fixture(scope="module")
def segments():
    return geometry.segment(geometry.examples.y_branch(), 3)


@pytest.fixture(scope="module")
def voxels(segments):
    return voxelize_sections(segments, 1.0, segments.morphology["left"])


def test_voxels_are_cells_with_eight_corners(voxels, tmp_path):
    path = write_voxels(
        tmp_path / "cell.vtu", voxels, {"ca": voxels.position[:, 0], "n": voxels.normal, "cut": voxels.normal[:, 0] > 0}
    )
    root, arrays = read(path)
    piece = root.find(".//Piece")
    assert int(piece.attrib["NumberOfCells"]) == voxels.n
    assert int(piece.attrib["NumberOfPoints"]) == len(arrays["Points"]) == len(np.unique(arrays["Points"], axis=0))
    corners = arrays["Points"][arrays["connectivity"].reshape(-1, 8)]
    np.testing.assert_allclose(corners.mean(axis=1), voxels.position, atol=1e-12)
    # VTK_VOXEL: x fastest, then y, then z
    offsets = np.array([[i, j, k] for k in (0, 1) for j in (0, 1) for i in (0, 1)]) * voxels.dx
    np.testing.assert_allclose(corners - corners[:, :1], np.broadcast_to(offsets, corners.shape), atol=1e-12)
    assert np.all(arrays["types"] == 11)
    np.testing.assert_array_equal(arrays["offsets"], 8 * np.arange(1, voxels.n + 1))
    np.testing.assert_array_equal(arrays["ca"], voxels.position[:, 0])
    np.testing.assert_array_equal(arrays["n"], voxels.normal)
    np.testing.assert_array_equal(arrays["volume"], voxels.volume)
    np.testing.assert_array_equal(arrays["owner"], voxels.owner)
    assert set(np.unique(arrays["cut"])) == {0, 1}


def test_box_is_an_image_with_x_fastest(tmp_path):
    box = ExtracellularGrid(-1, -2, -3, 5, 6, 7, dx=(1, 0.5, 2), volume_fraction=lambda x, y, z: 0.5 + 0.01 * y)
    place = box.position
    root, arrays = read(write_box(tmp_path / "box.vti", box, {"x": place[:, 0], "z": place[:, 2].reshape(box.shape)}))
    image = root.find("ImageData")
    assert image.attrib["WholeExtent"] == "0 6 0 16 0 5"
    np.testing.assert_allclose([float(n) for n in image.attrib["Origin"].split()], box.low)
    np.testing.assert_allclose([float(n) for n in image.attrib["Spacing"].split()], box.spacing)
    x, y, z = box.coordinates()
    for name, values in (("x", x), ("z", z), ("volume_fraction", 0.5 + 0.01 * y)):
        np.testing.assert_allclose(arrays[name], values.ravel(order="F"))


def test_segments_are_lines_with_a_radius(segments, tmp_path):
    root, arrays = read(write_segments(tmp_path / "cell.vtp", segments, {"length": segments.length}))
    assert int(root.find(".//Piece").attrib["NumberOfLines"]) == segments.n
    ends = arrays["offsets"]
    starts = np.concatenate([[0], ends[:-1]])
    for number, (a, b) in enumerate(zip(starts, ends, strict=True)):
        line = arrays["Points"][arrays["connectivity"][a:b]]
        assert np.linalg.norm(np.diff(line, axis=0), axis=1).sum() == pytest.approx(segments.length[number])
        assert arrays["radius"][a:b].mean() == pytest.approx(0.5 * segments.diam[number], rel=1e-6)
    np.testing.assert_array_equal(arrays["section"], segments.section)


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("cell.vtk", {}, "by its ending .vtu; got 'cell.vtk'"),
        ("cell.vtu", {"ca": np.zeros(3)}, r"Field 'ca' has the shape \(3,\)"),
        ("cell.vtu", {"ca": np.zeros((2, 2))}, "one number or three for each of"),
    ],
)
def test_bad_files_are_refused_and_nothing_is_left(voxels, tmp_path, name, fields, words):
    with pytest.raises(GeometryError, match=words):
        write_voxels(tmp_path / name, voxels, fields)
    assert not list(tmp_path.iterdir())


def test_failing_write_leaves_the_old_file_alone(voxels, tmp_path, monkeypatch):
    path = write_voxels(tmp_path / "cell.vtu", voxels)
    before = path.read_bytes()

    def fail(self, target):
        raise OSError("no space left")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_voxels(path, voxels, {"ca": voxels.volume})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["cell.vtu"]
