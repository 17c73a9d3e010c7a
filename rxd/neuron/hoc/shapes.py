"""Texts of hoc code that differ in nothing but their numbers, parsed once.

In: text. Out: its syntax tree. Cells distribute conductances by texts they print, one for each segment, thousands for a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lark import Token, Tree

from rxd.neuron.hoc.parser import make_parser, parse

__all__ = ["Shapes"]

_LONGEST = 1000  # characters; longer texts are files, which are seldom read twice
_MOST = 1000  # shapes that are kept

# strings, comments, names and arguments are passed over, so that digits in them are no numbers
_PARTS = re.compile(
    r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/|\$[so&]?\d+|[A-Za-z_]\w*|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)', re.DOTALL
)


class Shapes:
    """Parses texts, and keeps the trees of short ones by what they are without their numbers."""

    def __init__(self) -> None:
        self._parser = make_parser()
        self._trees: dict[str, Tree] = {}

    def parse(self, code: str, name: str = "hoc code", first_line: int = 1) -> Tree:
        """The syntax tree of hoc code, one of its own for every call: what a tree keeps of a run belongs to its numbers.

        Raises
        ------
        HocSyntaxError
            With the line and what stands there.
        """
        if len(code) > _LONGEST:
            return parse(code, name, self._parser, first_line)
        shape, numbers = _apart(code)
        known = self._trees.get(shape)
        if known is not None:
            return _with_numbers(known, iter(numbers))
        tree = parse(code, name, self._parser, first_line)
        if list(_numbers(tree)) == numbers:  # they stand in the tree as they stand in the text
            if len(self._trees) >= _MOST:
                self._trees.clear()
            self._trees[shape] = _with_numbers(tree, iter(numbers))
        return tree


def _apart(code: str) -> tuple[str, list[str]]:
    """A text with a mark instead of each number, and the numbers."""
    numbers: list[str] = []

    def mark(found: re.Match[str]) -> str:
        if found["number"] is None:
            return found[0]
        numbers.append(found[0])
        return "\0"

    return _PARTS.sub(mark, code), numbers


def _is_number(child: object) -> bool:
    return isinstance(child, Token) and child.type == "NUMBER"


def _numbers(tree: Tree) -> Iterator[str]:
    for child in tree.children:
        if isinstance(child, Tree):
            yield from _numbers(child)
        elif _is_number(child):
            yield str(child)


def _with_numbers(tree: Tree, numbers: Iterator[str]) -> Tree:
    """The same tree with other numbers."""
    return Tree(tree.data, [_copied(child, numbers) for child in tree.children])


def _copied(child: Any, numbers: Iterator[str]) -> Any:
    if isinstance(child, Tree):
        return _with_numbers(child, numbers)
    return Token("NUMBER", next(numbers)) if _is_number(child) else child
