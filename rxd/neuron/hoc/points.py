"""Long runs of `pt3dadd(x, y, z, diam)` with numbers, as reconstructed cells in hoc files are made of: thousands of statements.

In: code. Out: the same with one statement, `points_(i)`, in place of each run, and the numbers apart.
"""

from __future__ import annotations

import re

import numpy as np

__all__ = ["without_points"]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FIELD = rf"[ \t]*{_NUMBER}[ \t]*"
_POINT = rf"pt3dadd[ \t]*\({_FIELD},{_FIELD},{_FIELD},{_FIELD}\)"
_RUN = re.compile(rf"(?:(?<=[{{\n])|\A)[ \t]*{_POINT}(?:\s*{_POINT}){{3,}}")
_VALUE = re.compile(_NUMBER)


def without_points(code: str, known: list[np.ndarray]) -> str:
    """Code in which runs of points are named by their place in a list, which gets them, shape (n, 4), um.

    Only whole statements are taken, none that another one is made for (`soma pt3dadd(...)`, `else`). Lines keep their numbers.
    """
    if "pt3dadd" not in code:
        return code

    def named(found: re.Match[str]) -> str:
        text = found.group()
        if code[: found.start()].rstrip().endswith("else"):
            return text
        known.append(np.array(_VALUE.findall(text.replace("pt3dadd", "")), dtype=float).reshape(-1, 4))
        return f" points_({len(known) - 1})" + "\n" * text.count("\n")

    return _RUN.sub(named, code)
