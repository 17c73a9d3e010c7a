"""Regular expressions for names of sections, as hoc's `forsec`, `ifsec` and `issection` read them.

In: a text. Out: a pattern of Python's. Brackets are those of section arrays and stand for themselves; ``<2-11>`` is a range of
numbers, so that ``dend[<2-11>]`` has ten sections.
"""

from __future__ import annotations

import re

from rxd.neuron.errors import HocError

__all__ = ["pattern_of"]

_PARTS = re.compile(r"\\.|(?P<bracket>[\[\]])|<(?P<first>\d+)-(?P<last>\d+)>|<(?P<letters>[^<>]*)>", re.DOTALL)


def pattern_of(text: str) -> re.Pattern[str]:
    """The pattern that a text means.

    Raises
    ------
    HocError
        If it is no regular expression.
    """
    try:
        return re.compile(_PARTS.sub(_translated, text))
    except re.error as error:
        raise HocError(f"{text!r} is no regular expression for names of sections: {error}.") from error


def _translated(part: re.Match[str]) -> str:
    if part["bracket"]:
        return f"\\{part['bracket']}"
    if part["first"]:
        return f"(?:{'|'.join(str(i) for i in range(int(part['first']), int(part['last']) + 1)) or '(?!)'})"
    return part.group() if part["letters"] is None else f"[{part['letters']}]"
