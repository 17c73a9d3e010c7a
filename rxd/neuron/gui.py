"""`from neuron import gui`: NEURON opens its windows at this import; here nothing opens, and run control is always loaded."""

from __future__ import annotations
