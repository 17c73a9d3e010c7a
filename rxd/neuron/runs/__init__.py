"""Runs: initialisation, fixed and variable steps, what is kept of a run to return to it."""
