"""Texts, files, lists and windows of hoc."""
