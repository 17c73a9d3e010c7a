"""Voxels and their fields as VTK files, which ParaView, VisIt and pyvista read.

In: a `VoxelGrid` or an `ExtracellularGrid`, and numbers per voxel. Out: a file, whole or not at all. Voxels of a cell become an
unstructured grid (`.vtu`) or an image of the box around them (`.vti`), a box becomes an image, segments of a cell become lines
with a radius, and surfaces polygons (`.vtp`).

The format is VTK's XML with arrays in base64 behind their length in bytes ("binary", UInt64 headers), see
https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import numpy as np

from geometry.errors import GeometryError
from geometry.grid import ExtracellularGrid
from geometry.segments import Segments
from geometry.surface import Surface
from geometry.voxelize import MOST_IN_MASK, VoxelGrid

__all__ = ["write_box", "write_image", "write_segments", "write_surface", "write_voxels"]

Fields = Mapping[str, Any]

VOXEL: Final = 11
"""VTK's number for a cell with eight corners along the axes, x fastest."""
NAMES: Final = (("f8", "Float64"), ("f4", "Float32"), ("i8", "Int64"), ("i4", "Int32"), ("u1", "UInt8"), ("i1", "Int8"))


def write_voxels(path: str | Path, voxels: VoxelGrid, fields: Fields | None = None) -> Path:
    """Write the voxels of a cell as an unstructured grid.

    Volume, membrane area and owner of every voxel are written too.

    Parameters
    ----------
    path : str or Path
        Ends in `.vtu`.
    voxels : VoxelGrid
    fields : mapping of name to array, shape (n,) or (n, 3), optional
        Numbers per voxel, in the order of the grid; NaN where a field is not defined.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GeometryError
        If the name of the file does not end in `.vtu`, or a field has another length.
    """
    target = _checked(path, ".vtu")
    given = {"volume": voxels.volume, "membrane_area": voxels.membrane_area, "owner": voxels.owner, **(fields or {})}
    # Eight corners of every voxel, in VTK's order; corners that voxels share are written once.
    corner = np.array([[i, j, k] for k in (0, 1) for j in (0, 1) for i in (0, 1)])
    lowest, shape = voxels.lowest, voxels.shape + 1
    at = voxels.ijk.astype(np.int64)[:, None, :] - lowest + corner
    number = (at[..., 0] * shape[1] + at[..., 1]) * shape[2] + at[..., 2]
    used, connectivity = np.unique(number.ravel(), return_inverse=True)
    places = np.stack(np.unravel_index(used, tuple(shape)), axis=1) + lowest
    points = voxels.origin + places * voxels.dx
    cells: dict[str, np.ndarray] = {
        "connectivity": connectivity.reshape(-1).astype(np.int64),
        "offsets": 8 * np.arange(1, voxels.n + 1, dtype=np.int64),
        "types": np.full(voxels.n, VOXEL, dtype=np.uint8),
    }
    body = (
        f'<UnstructuredGrid><Piece NumberOfPoints="{len(points)}" NumberOfCells="{voxels.n}">\n'
        f"<Points>\n{_array('Points', points)}</Points>\n<Cells>\n{_arrays(cells)}</Cells>\n"
        f"<CellData>\n{_arrays(_fields(given, voxels.n, 'voxels'))}</CellData>\n</Piece></UnstructuredGrid>\n"
    )
    return _write(target, "UnstructuredGrid", body)


def write_image(path: str | Path, voxels: VoxelGrid, fields: Fields | None = None) -> Path:
    """Write the voxels of a cell as an image of the box around them, which viewers draw by volume rendering and as levels.

    Parameters
    ----------
    path : str or Path
        Ends in `.vti`.
    voxels : VoxelGrid
    fields : mapping of name to array, shape (n,) or (n, 3), optional
        Numbers per voxel. Outside the cell they are NaN (whole numbers: -1), and `fraction`, always written, is 0.

    Raises
    ------
    GeometryError
        If the name of the file does not end in `.vti`, a field has another length, or the box is too large to be filled.
    """
    target = _checked(path, ".vti")
    size = int(np.prod(voxels.shape))
    if size > MOST_IN_MASK:
        raise GeometryError(
            f"The box around the voxels has {size:.2g} voxels, nearly all empty: write cells, to a file that ends in .vtu."
        )
    at = (voxels.ijk - voxels.lowest).astype(np.int64).T
    place = np.ravel_multi_index(tuple(at[::-1]), tuple(voxels.shape[::-1]))  # VTK counts x fastest
    filled = {}
    for name, values in _fields(
        {"fraction": voxels.fraction, "owner": voxels.owner, **(fields or {})}, voxels.n, "voxels"
    ).items():
        empty = 0 if name == "fraction" or values.dtype == np.uint8 else -1 if values.dtype.kind == "i" else np.nan
        filled[name] = np.full((size, *values.shape[1:]), empty, dtype=values.dtype)
        filled[name][place] = values
    return _write_image(target, voxels.shape, voxels.origin + voxels.lowest * voxels.dx, voxels.dx, filled)


def write_box(path: str | Path, box: ExtracellularGrid, fields: Fields | None = None) -> Path:
    """Write a box as an image: one number per voxel.

    Parameters
    ----------
    path : str or Path
        Ends in `.vti`.
    box : ExtracellularGrid
    fields : mapping of name to array, shape (n,) or the box's shape, optional
        Numbers per voxel. Volume fraction and tortuosity are written too.

    Raises
    ------
    GeometryError
        If the name of the file does not end in `.vti`, or a field has another size.
    """
    target = _checked(path, ".vti")
    given = {"volume_fraction": box.fraction, "tortuosity": box.lambda_, **(fields or {})}
    flat = {name: np.asarray(values).ravel() if np.shape(values) == box.shape else values for name, values in given.items()}
    # VTK counts x fastest, we count z fastest.
    turned = {name: values.reshape(box.shape).ravel(order="F") for name, values in _fields(flat, box.n, "voxels").items()}
    return _write_image(target, box.shape, box.low, box.spacing, turned)


def _write_image(target: Path, shape: Any, low: Any, spacing: Any, fields: Mapping[str, np.ndarray]) -> Path:
    """An image with the given numbers of voxels; fields are flat, x fastest."""
    extent = " ".join(f"0 {n}" for n in shape)
    start, edges = (" ".join(repr(float(number)) for number in three) for three in (low, spacing))
    body = (
        f'<ImageData WholeExtent="{extent}" Origin="{start}" Spacing="{edges}">\n<Piece Extent="{extent}">\n'
        f"<CellData>\n{_arrays(fields)}</CellData>\n</Piece></ImageData>\n"
    )
    return _write(target, "ImageData", body)


def write_segments(path: str | Path, segments: Segments, fields: Fields | None = None) -> Path:
    """Write a cell as lines with a radius at every point, which a viewer turns into tubes; numbers are per segment.

    Parameters
    ----------
    path : str or Path
        Ends in `.vtp`.
    segments : Segments
    fields : mapping of name to array, shape (n_segments,), optional

    Raises
    ------
    GeometryError
        If the name of the file does not end in `.vtp`, or a field has another length.
    """
    target = _checked(path, ".vtp")
    given = _fields({"section": segments.section, **(fields or {})}, segments.n, "segments")
    points, first = [], [0]
    for section in range(segments.morphology.n_sections):
        own = segments.morphology.section(section).points
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(own[:, :3], axis=0), axis=1))])
        count = int(segments.counts[section])
        for number in range(count):
            ends = arc[-1] * np.array([number, number + 1]) / count
            inner = arc[(arc > ends[0]) & (arc < ends[1])]
            places = np.concatenate([ends[:1], inner, ends[1:]])
            points.append(np.stack([np.interp(places, arc, own[:, axis]) for axis in range(4)], axis=1))
            first.append(first[-1] + len(places))
    line = np.concatenate(points)
    lines = {"connectivity": np.arange(len(line), dtype=np.int64), "offsets": np.array(first[1:], dtype=np.int64)}
    body = (
        f'<PolyData><Piece NumberOfPoints="{len(line)}" NumberOfLines="{segments.n}">\n'
        f"<Points>\n{_array('Points', line[:, :3])}</Points>\n<PointData>\n{_array('radius', 0.5 * line[:, 3])}</PointData>\n"
        f"<Lines>\n{_arrays(lines)}</Lines>\n<CellData>\n{_arrays(given)}</CellData>\n</Piece></PolyData>\n"
    )
    return _write(target, "PolyData", body)


def write_surface(path: str | Path, surface: Surface, fields: Fields | None = None) -> Path:
    """Write a surface as polygons with normals, which viewers shade smoothly.

    Parameters
    ----------
    path : str or Path
        Ends in `.vtp`.
    surface : Surface
    fields : mapping of name to array, shape (m,) or (m, 3), optional
        Numbers per quadrilateral; `values[surface.voxel]` makes them of numbers per voxel.

    Raises
    ------
    GeometryError
        If the name of the file does not end in `.vtp`, or a field has another length.
    """
    target = _checked(path, ".vtp")
    given = _fields({"voxel": surface.voxel, **(fields or {})}, len(surface), "quadrilaterals")
    polygons = {"connectivity": surface.quads.reshape(-1), "offsets": 4 * np.arange(1, len(surface) + 1, dtype=np.int64)}
    body = (
        f'<PolyData><Piece NumberOfPoints="{len(surface.points)}" NumberOfPolys="{len(surface)}">\n'
        f"<Points>\n{_array('Points', surface.points)}</Points>\n"
        f'<PointData Normals="normal">\n{_array("normal", surface.normals)}</PointData>\n'
        f"<Polys>\n{_arrays(polygons)}</Polys>\n<CellData>\n{_arrays(given)}</CellData>\n</Piece></PolyData>\n"
    )
    return _write(target, "PolyData", body)


def _checked(path: str | Path, suffix: str) -> Path:
    target = Path(path)
    if target.suffix != suffix:
        raise GeometryError(f"A viewer knows this kind of file by its ending {suffix}; got '{target.name}'.")
    return target


def _fields(given: Fields, n: int, what: str) -> dict[str, np.ndarray]:
    """Fields as arrays, one number or one vector for each of n things."""
    arrays = {}
    for name, values in given.items():
        array = np.asarray(values)
        array = array.astype(np.uint8) if array.dtype == bool else array
        if array.shape not in ((n,), (n, 3)):
            raise GeometryError(
                f"Field '{name}' has the shape {array.shape}; one number or three for each of {n} {what} are needed."
            )
        arrays[name] = array
    return arrays


def _arrays(arrays: Mapping[str, np.ndarray]) -> str:
    return "".join(_array(name, values) for name, values in arrays.items())


def _array(name: str, values: np.ndarray) -> str:
    """One array of numbers as an XML element."""
    kind = dict(NAMES).get(values.dtype.str[1:])
    if kind is None:
        values, kind = values.astype(np.float64), "Float64"
    raw = np.ascontiguousarray(values).tobytes()
    text = base64.b64encode(np.uint64(len(raw)).tobytes() + raw).decode("ascii")
    parts = f' NumberOfComponents="{values.shape[1]}"' if values.ndim == 2 else ""
    return f'<DataArray type="{kind}" Name={quoteattr(name)}{parts} format="binary">\n{text}\n</DataArray>\n'


def _write(target: Path, kind: str, body: str) -> Path:
    """The file appears whole or not at all."""
    order = "LittleEndian" if sys.byteorder == "little" else "BigEndian"
    head = f'<?xml version="1.0"?>\n<VTKFile type="{kind}" version="1.0" byte_order="{order}" header_type="UInt64">\n'
    partial = target.with_name(target.name + ".part")
    try:
        partial.write_text(f"{head}{body}</VTKFile>\n", encoding="utf-8")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
