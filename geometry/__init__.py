"""Shapes of neurons, and space cut into pieces: morphologies, selections, segments, region shapes and meshes.

In: morphology files or points. Out: `Mesh`, the one discretised space. Imports nothing else of ours.
"""

from __future__ import annotations

from geometry import examples
from geometry.errors import FormatError, GeometryError
from geometry.frustum import Solid, signed_distance, solid_of
from geometry.grid import ExtracellularGrid
from geometry.io import load
from geometry.mesh import GridBlock, Mesh, TreeBlock, check_mesh
from geometry.morphology import Morphology, cylinder
from geometry.outline import Outline
from geometry.rules import DLambda, MaxLength, d_lambda, max_length
from geometry.section import Location, Section, SectionSpec
from geometry.segments import Segments, segment
from geometry.selection import Selection, section_indices
from geometry.shapes import (
    DistributedBoundary,
    FixedCrossSection,
    FixedPerimeter,
    FractionalVolume,
    MultipleGeometry,
    ScalableBorder,
    Shape,
    Shell,
    inside,
    membrane,
)
from geometry.surface import Surface, isosurface
from geometry.tree import region_mesh
from geometry.voxelize import VoxelGrid, VoxelWarning, voxel_mesh, voxelize_sections

__all__ = [
    "DLambda",
    "DistributedBoundary",
    "ExtracellularGrid",
    "FixedCrossSection",
    "FixedPerimeter",
    "FormatError",
    "FractionalVolume",
    "GeometryError",
    "GridBlock",
    "Location",
    "MaxLength",
    "Mesh",
    "Morphology",
    "MultipleGeometry",
    "Outline",
    "ScalableBorder",
    "Section",
    "SectionSpec",
    "Segments",
    "Selection",
    "Shape",
    "Shell",
    "Solid",
    "Surface",
    "TreeBlock",
    "VoxelGrid",
    "VoxelWarning",
    "check_mesh",
    "cylinder",
    "d_lambda",
    "examples",
    "inside",
    "isosurface",
    "load",
    "max_length",
    "membrane",
    "region_mesh",
    "section_indices",
    "segment",
    "signed_distance",
    "solid_of",
    "voxel_mesh",
    "voxelize_sections",
]
