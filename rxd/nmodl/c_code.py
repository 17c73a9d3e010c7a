"""C code in VERBATIM blocks that is arithmetic on the file's variables: as NMODL.

In: the text of a mod file. Out: the same, with what can be said in NMODL said so. C code that does anything else (calls what
the file does not define, points somewhere, counts in whole numbers) stays what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from rxd.nmodl.verbatim import stripped, without_printing

__all__ = ["FUNCTIONS", "with_c_as_nmodl", "without_unset_pointers"]

FUNCTIONS = frozenset(
    {
        "exp", "log", "log10", "sqrt", "fabs", "pow", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh",
        "tanh", "floor", "ceil", "nrn_ghk",
    }
)  # fmt: skip
"""Functions that mean the same in C and in NMODL."""

_VERBATIM = re.compile(r"\bVERBATIM\b(.*?)\bENDVERBATIM\b", re.DOTALL)
_DECLARED = re.compile(r"\bdouble\s+([^;{}()]*(?:\([^;{}]*\)[^;{}]*)?);")
_READ_AGAIN = re.compile(r"\b(\w+)\s*=\s*_ion_\1\s*;")
_OTHER = re.compile(
    r"->|(?<!&)&(?!&)|(?<!\|)\|(?!\|)|[\"'?#\[\]^~:]|<<|>>|\+\+|--|%|(?:^|[;{}])\s*\*|\(\s*\*|\(int\)"
    r"|\b(?:int|long|unsigned|float|char|void|static|extern|struct|for|do|switch|goto|break|continue|sizeof|abs)\b"
)
_WHOLE = re.compile(r"(?<![\w.])\d+\s*/\s*\(?\s*\d+(?![\w.])")
_COMPOUND = re.compile(r"\b(\w+)\s*([-+*/])=\s*([^;]+);")
_WORDS = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_POINTED = re.compile(r"(?:IvocVect|void)\s*\*+\s*(\w+)\s*=[^;]*\b_p_\w+\)*\s*;")
_GUARDED = re.compile(r"((?:(?:IvocVect|void)\s*\*[^;]*\b_p_\w+\)*\s*;\s*)+)if\s*\(\s*(\w+)\s*&&")
_RETURN = re.compile(r"\breturn\b\s*([^;]*);\s*$")
KEYWORDS = frozenset({"if", "else", "while", "LOCAL"})


def without_unset_pointers(text: str) -> str:
    """A mod file without what C code around statements of NMODL does only if a BBCOREPOINTER or POINTER is set by C code.

    ``if (vector) { ... for (...) {``, in VERBATIM, then ``net_send(when, 1)``, then ``} }`` in another VERBATIM: nobody here
    can set such a pointer, since what would (`vector_arg`) is refused.
    """
    blocks = list(_VERBATIM.finditer(text))
    for i, block in enumerate(blocks):
        code = stripped(block.group(1))
        depth = code.count("{") - code.count("}")
        guard = _GUARDED.match(code)
        if guard is None or depth <= 0 or guard.group(2) not in _POINTED.findall(guard.group(1)):
            continue
        for other in blocks[i + 1 :]:
            part = stripped(other.group(1))
            end = _closing(part, depth)
            if end is not None:
                rest = f" VERBATIM {part[end:]} ENDVERBATIM " if part[end:].strip() else " "
                lines = text.count("\n", block.start(), other.end())
                return without_unset_pointers(text[: block.start()] + rest + "\n" * lines + text[other.end() :])
            depth += part.count("{") - part.count("}")
    return text


def _closing(code: str, depth: int) -> int | None:
    """Where the last of some open braces is closed; None if it is not."""
    for place, letter in enumerate(code):
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return place + 1
    return None


def with_c_as_nmodl(text: str, is_nmodl: Callable[[str], bool]) -> str:
    """A mod file with VERBATIM blocks said in NMODL, where that can be done.

    Parameters
    ----------
    is_nmodl : function
        Whether a text is the statements of a block.
    """
    known = set(_WORDS.findall(_VERBATIM.sub(" ", text)))
    defined = set(re.findall(r"\b(?:FUNCTION|PROCEDURE)\s+(\w+)", text))

    def said(match: re.Match[str]) -> str:
        before, after = text[: match.start()], text[match.end() :]
        if before.count("{") - before.count("}") <= 0:  # outside of blocks
            return match.group()
        blocks = re.findall(r"\b(FUNCTION|[A-Z_]{5,})\s+(\w+)\s*(?:\([^{}]*)?\{", before)
        last = blocks[-1] if blocks and re.match(r"\s*\}", after) else ("", "")
        found = _as_nmodl(match.group(1), known, defined, *last)
        if not found or not is_nmodl(found):
            return match.group()
        lines = match.group().count("\n")
        return " ".join(found.split()) + "\n" * lines

    return _VERBATIM.sub(said, text)


def _as_nmodl(code: str, known: Collection[str], defined: Collection[str], block: str, name: str) -> str:
    """Statements of NMODL; none if C code cannot be said so, or says nothing."""
    text = without_printing(code)
    text = _READ_AGAIN.sub(" ", text)
    text = re.sub(r"\b_threadargs(?:comma)?_\b", " ", text)
    text = re.sub(r"\b_ion_(\w+)", r"\1", re.sub(r"\b_l(\w+)", r"\1", text))
    text = re.sub(r"\(\s*double\s*\)", " ", text)
    end = _RETURN.search(text)
    if end is not None and block == "FUNCTION" and end.group(1).strip():
        text = f"{text[: end.start()]} {name} = {end.group(1)};"
    elif end is not None and block == "PROCEDURE":
        text = text[: end.start()]
    if re.search(r"\breturn\b", text) or _OTHER.search(text) or _WHOLE.search(text):
        return ""
    local: set[str] = set()

    def declare(match: re.Match[str]) -> str:
        parts = [part.strip() for part in match.group(1).split(",")]
        names = [part.split("=")[0].strip() for part in parts]
        local.update(names)
        return f"LOCAL {', '.join(names)} " + " ".join(f"{part};" for part in parts if "=" in part)

    text = _DECLARED.sub(declare, text)
    text = _COMPOUND.sub(r"\1 = \1 \2 (\3);", text)
    called = set(re.findall(r"\b([A-Za-z_]\w*)\s*\(", text)) - KEYWORDS
    words = set(_WORDS.findall(text)) - KEYWORDS - called
    if not called <= FUNCTIONS | set(defined) or not words <= set(known) | local | {"t", "dt", "v", "celsius", name}:
        return ""
    return text.replace(";", "\n").strip()
