"""Jupyter notebooks, run as scripts.

In: the JSON of a notebook. Out: its cells carried out in order; the value of the last expression of a cell is printed.
"""

from __future__ import annotations

import ast
import json
import linecache
import re
import sys
from typing import Any

__all__ = ["run_cells"]

_MAGIC = re.compile(r"^\s*[%!?]|^\s*\w+\?\s*$")


def run_cells(source: bytes, path: str, names: dict[str, Any]) -> None:
    """Run the code cells of a notebook in one namespace.

    Parameters
    ----------
    source : bytes
        The notebook.
    path : str
        What it is called in tracebacks.
    names : dict
        The namespace.
    """
    notebook = json.loads(source)
    for number, cell in enumerate((cell for cell in notebook["cells"] if cell["cell_type"] == "code"), 1):
        code = "".join(cell["source"])
        if code.lstrip().startswith("%%") and not code.lstrip().startswith(("%%time", "%%capture")):
            sys.stderr.write(f"{path}, cell {number}: left out, since it is not Python\n")
            continue
        _run(_plain(code), f"{path}[cell {number}]", names)


def _plain(code: str) -> str:
    """Python without the lines that only a notebook understands; empty lines stand for them, so that numbers stay."""
    lines = ["" if _MAGIC.match(line) and not line.lstrip().startswith("%%") else line for line in code.splitlines()]
    return "\n".join("" if line.lstrip().startswith("%%") else line for line in lines) + "\n"


def _run(code: str, name: str, names: dict[str, Any]) -> None:
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)  # so that tracebacks show the line
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)  # noqa: S102 - running the user's notebook is what this is for
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), name, "eval"), names)
        if value is not None and not code.rstrip().endswith(";"):
            sys.stdout.write(f"{value!r}\n")
