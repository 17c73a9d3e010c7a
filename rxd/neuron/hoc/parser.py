"""Text to syntax tree.

In: hoc code. Out: a lark tree, or `HocSyntaxError` with the line.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

from lark import Lark, Tree
from lark.exceptions import UnexpectedInput

from rxd.neuron.errors import HocError

__all__ = ["HocSyntaxError", "parse"]


class HocSyntaxError(HocError):
    """Text that is no hoc code, or hoc this layer does not know."""


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files("rxd.neuron.hoc").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True, propagate_positions=True)


# what may not be a line break of its own: one before `else`, one after an operator or comma, one around parentheses
_JOINED = re.compile(r"\s*\n\s*(?=else\b)|(?<=\belse)\s*\n\s*|(?<=[,(])\s*\n\s*|\n\s*(?=\))")


def parse(code: str, name: str = "hoc code") -> Tree:
    """The syntax tree of hoc code.

    Raises
    ------
    HocSyntaxError
        With the line and what stands there.
    """
    try:
        return _parser().parse(_JOINED.sub(" ", code) + "\n")
    except UnexpectedInput as error:
        context = error.get_context(code + "\n").rstrip()
        raise HocSyntaxError(f"syntax error in {name}, line {error.line}:\n{context}") from None
