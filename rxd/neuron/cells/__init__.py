"""Sections, segments and the tree they make: what a script holds, and the data behind it."""
