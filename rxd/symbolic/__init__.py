"""Declarations -> System: SymPy, no arrays."""
