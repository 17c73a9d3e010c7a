"""hoc: the language NEURON scripts pass to `h("...")` and keep in .hoc files.

In: text. Out: changes of the session. `parser` turns text into a tree, `evaluate` gives expressions values, `execute` carries
statements out, `state` keeps what they define, `files` finds what `load_file` names.
"""
