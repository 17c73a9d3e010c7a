"""Nested lists of a Neurolucida text file.

In: the text. Out: `Listing` records of numbers, labels, texts, bars and further lists, each with its line. Comments (`;` to the
end of the line) and commas are dropped.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import field
from os import PathLike

from geometry.errors import FormatError
from geometry.records import dataclass

__all__ = ["Bar", "Label", "Listing", "Text", "parse"]


@dataclass(frozen=True, slots=True)
class Label:
    """A bare word, such as `Dendrite` or `Normal`."""

    name: str


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotation marks."""

    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar between two branches."""


@dataclass(slots=True)
class Listing:
    """What stands between `(` and `)`, or, for a spine, between `<` and `>`."""

    line: int
    is_spine: bool
    items: list[float | Label | Text | Bar | Listing] = field(default_factory=list)

    def numbers(self) -> list[float]:
        """The numbers it starts with."""
        found: list[float] = []
        for item in self.items:
            if not isinstance(item, float):
                break
            found.append(item)
        return found


def parse(text: str, path: str | PathLike[str]) -> list[float | Label | Text | Bar | Listing]:
    """Read the nested lists of a text.

    Parameters
    ----------
    text : str
        Contents of the file.
    path : str or path
        The file, for messages.

    Returns
    -------
    list
        Everything at the top level.

    Raises
    ------
    FormatError
        If brackets or quotation marks do not match.
    """
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    token = re.compile(
        r';[^\n]*|"(?P<text>[^"\n]*)"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?![^\s()<>|,;"])'
        r'|(?P<mark>[()<>|"])|(?P<label>[^\s()<>|,;"]+)'
    )
    top = Listing(0, is_spine=False)
    stack = [top]
    for match in token.finditer(text):
        kind = match.lastgroup
        if kind == "number":
            stack[-1].items.append(float(match["number"]))
        elif kind == "label":
            stack[-1].items.append(Label(match["label"]))
        elif kind == "text":
            stack[-1].items.append(Text(match["text"]))
        elif kind == "mark":
            _mark(match["mark"], bisect_right(starts, match.start()), stack, path)
    if len(stack) > 1:
        opened = stack[-1]
        raise FormatError(f"the {'<' if opened.is_spine else '('!r} of this line is never closed.", path, opened.line)
    return top.items


def _mark(mark: str, line: int, stack: list[Listing], path: str | PathLike[str]) -> None:
    """Open or close a list."""
    if mark in "(<":
        opened = Listing(line, is_spine=mark == "<")
        stack[-1].items.append(opened)
        stack.append(opened)
    elif mark == "|":
        stack[-1].items.append(Bar())
    elif mark == '"':
        raise FormatError("a quotation mark without its other half.", path, line)
    elif len(stack) == 1 or stack[-1].is_spine != (mark == ">"):
        what = "nothing is open" if len(stack) == 1 else f"what was opened on line {stack[-1].line} is still open"
        raise FormatError(f"{mark!r} closes nothing here: {what}.", path, line)
    else:
        stack.pop()
