"""The same models for NEURON: every module has `build(**size) -> Built`; they need NEURON's Python and no more."""
