"""What a run records, and what Vectors play in it."""
