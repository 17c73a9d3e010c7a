"""The same models for Arbor: every module has `build(**size) -> Built`."""
