"""Declarations: what a user writes. Each is a small immutable object; a `rxd.Model` collects them."""
