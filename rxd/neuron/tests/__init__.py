"""`neuron.tests`: what NEURON's own tests import from there."""
