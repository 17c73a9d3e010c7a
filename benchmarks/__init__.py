"""Measures Axoplasm, and NEURON and Arbor where they are installed, on the same models in the same run.

In: the command line (`python -m benchmarks --help`, `make bench`). Out: a table, JSON, a plot, and `docs/performance.md`.
`jobs` lists what is measured; `axoplasm/`, `neuron/` and `arbor/` hold one readable model a file.
"""
