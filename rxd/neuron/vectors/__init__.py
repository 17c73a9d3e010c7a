"""Vector, Matrix, and what they compute."""
