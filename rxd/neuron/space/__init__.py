"""The rxd declarations of a session in space: regions, nodes, voxels and boxes, and the values there."""
