"""NEURON's random numbers."""
