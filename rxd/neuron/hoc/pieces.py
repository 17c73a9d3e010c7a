"""Files of hoc code that hold data among the code: read piece by piece, as NEURON reads all files.

In: a text. Out: one statement after another, from wherever the last one left the text: `fscan()` and `getstr()` without a file
of `ropen` read on in the very file whose code calls them, so that the numbers behind `geometry()` are no code.
"""

from __future__ import annotations

import re
from types import MappingProxyType

__all__ = ["SourceText", "reads_itself"]

# what counts for where a statement ends; a string and a comment are passed over as one
_MARK = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?(?:\*/|\Z)|\\\r?\n|\b(?:begin|end)template\b|[{}()]|\n', re.DOTALL)
_STEP = MappingProxyType({"{": 1, "(": 1, "begintemplate": 1, "}": -1, ")": -1, "endtemplate": -1})
_ELSE = re.compile(r"\s*else\b")
_READS = re.compile(r"\b(?:fscan|getstr)\s*\(")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"\s*(\S+)")


def reads_itself(code: str) -> bool:
    """Whether code reads numbers or lines, which may stand in its own file."""
    return _READS.search(code) is not None


class SourceText:
    """A text, and how far it has been read.

    Attributes
    ----------
    text : str
    at : int
        Where the next statement, number or line begins.
    """

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def line_number(self) -> int:
        """The line that is next, from 1."""
        return self.text.count("\n", 0, self.at) + 1

    def statement(self) -> str | None:
        """The next statement, up to the end of its line or of the line that closes its braces; None behind the last."""
        start, depth, template = self.at, 0, False
        for found in _MARK.finditer(self.text, start):
            mark = found.group()
            depth += _STEP.get(mark, 0)
            template = template or mark == "endtemplate"
            ends = mark == "\n" and depth <= 0 and self.text[start : found.start()].strip()
            if ends and (template or _ELSE.match(self.text, found.end()) is None):
                self.at = found.end()
                return self.text[start : self.at]
        self.at = len(self.text)
        rest = self.text[start:]
        return rest if rest.strip() else None

    def number(self) -> float | None:
        """The next number; words that begin with none are passed over. None if there is no more."""
        while (word := _WORD.match(self.text, self.at)) is not None:
            self.at = word.end()
            number = _NUMBER.match(word.group(1))
            if number is not None:
                return float(number.group())
        self.at = len(self.text)
        return None

    def line(self) -> str:
        """The next line with its end; "" if there is no more."""
        start, end = self.at, self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end + 1
        return self.text[start : self.at]

    def word(self) -> str:
        """The next word; "" if there is no more."""
        found = _WORD.match(self.text, self.at)
        if found is None:
            self.at = len(self.text)
            return ""
        self.at = found.end(1)
        return found.group(1)
