"""System + Discretization -> Kernels: SymPy printed to numba, compiled, cached on disk by content."""
