"""Mod files of a session: found, read, called, and run with numbers where their code is no set of equations."""
