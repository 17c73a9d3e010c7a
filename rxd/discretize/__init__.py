"""System -> Discretization: arrays, no SymPy."""
