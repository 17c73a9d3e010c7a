"""The models in Axoplasm's own interface: every module has `build(**size) -> Built`."""
