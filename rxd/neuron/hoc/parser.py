"""Text to syntax tree.

In: hoc code. Out: a lark tree, or `HocSyntaxError` with the line.
"""

from __future__ import annotations

import re
from importlib.resources import files

from lark import Lark, Tree
from lark.exceptions import UnexpectedInput

from rxd.codegen.cache import grammar_file
from rxd.neuron.errors import HocError

__all__ = ["HocSyntaxError", "make_parser", "parse"]


class HocSyntaxError(HocError):
    """Text that is no hoc code, or hoc this layer does not know."""


def make_parser() -> Lark:
    """A parser of the grammar beside this file; whoever parses often keeps it."""
    grammar = files("rxd.neuron.hoc").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", cache=grammar_file("hoc"), maybe_placeholders=True)


# what may not be a line break of its own: one before `else`, one after an operator or comma, one around parentheses
_JOINED = re.compile(r"\s*\\?\r?\n\s*(?=else\b)|(?<=\belse)\s*\n\s*|(?<=[,(])\s*\n\s*|\n\s*(?=\))")


# `help` and what it is asked for: NEURON shows a page
_HELP = re.compile(r"^[ \t]*help\b(?![ \t]*[=(.\[])[^\n]*", re.MULTILINE)


def parse(code: str, name: str = "hoc code", parser: Lark | None = None, first_line: int = 1) -> Tree:
    """The syntax tree of hoc code, which begins at a line of the file of that name.

    Raises
    ------
    HocSyntaxError
        With the line and what stands there.
    """
    try:
        return (parser or make_parser()).parse(_JOINED.sub(" ", _HELP.sub("", code)) + "\n")
    except UnexpectedInput as error:
        context = error.get_context(code + "\n").rstrip()
        raise HocSyntaxError(f"syntax error in {name}, line {error.line + first_line - 1}:\n{context}") from None
