"""Mechanisms and point processes that a script inserts, built in or its own, and what is known of them."""
