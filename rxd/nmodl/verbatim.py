"""What the C code in VERBATIM blocks does, as far as that can be told from the names of what it calls.

In: its text. Out: whether it does nothing, returns, or uses a generator of random numbers in one of the usual ways. Everything
else stays C code, which nobody here runs.
"""

from __future__ import annotations

import re

from rxd.nmodl.syntax import Block, Branches, Loop, Statement, Verbatim

__all__ = ["is_idle", "is_return", "random_use", "verbatim_of"]

PICKS = frozenset({"nrn_random_pick", "nrnran123_dblpick", "nrnran123_negexp", "nrnran123_normal"})
SETS = frozenset({"nrn_random_arg", "nrnran123_newstream3", "nrnran123_newstream", "nrnran123_newstream1"})
RESETS = frozenset({"nrnran123_setseq"})
AROUND = frozenset(
    {"if", "while", "sizeof", "ifarg", "hoc_is_double_arg", "getarg", "chkarg", "nrnran123_deletestream", "printf", "fprintf"}
)
"""What stands around these in the usual functions: arguments looked at, an old stream deleted, something printed."""

_COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*|\bextern\b[^;{]*;", re.DOTALL | re.MULTILINE)
_TEXTS = re.compile(r'"[^"\n]*"')
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_DECLARED = re.compile(r"\b(?:double|int|void|unsigned|uint32_t|Rand|Object|nrnran123_State)\b[\s*]*\b(\w+)")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*(?:[-+*/]?=(?!=)|\+\+|--)")


def stripped(code: str) -> str:
    """C code without comments, headers and declarations of functions elsewhere."""
    return _COMMENTS.sub(" ", code).strip()


def is_idle(code: str) -> bool:
    """Whether C code does nothing that matters here: nothing at all, headers, or the old ``return 0;``."""
    statements = stripped(code).replace(" ", "").replace("\n", "").replace("\t", "")
    return all(part in {"return0", "return(0)", ""} for part in statements.split(";"))


def is_return(code: str) -> bool:
    """Whether it only leaves NET_RECEIVE, or a PROCEDURE."""
    return "".join(stripped(code).split()) in {"return;", "return0;", "return0.;", "return0.0;"}


def random_use(code: str) -> str | None:
    """``pick``, ``set`` or ``reset`` a generator of random numbers; None if it does anything else, or more."""
    text = _TEXTS.sub('""', stripped(code))
    called = set(_CALLED.findall(text))
    local = set(_DECLARED.findall(text))
    changed = {name for name in _ASSIGNED.findall(text) if name not in local and not name.startswith(("_p_", "_l", "using"))}
    if changed or not called <= PICKS | SETS | RESETS | AROUND:
        return None
    return "pick" if called & PICKS else "set" if called & SETS else "reset" if called & RESETS else None


def verbatim_of(block: Block) -> str:
    """The C code of a block that is not idle, as one text."""
    return "\n".join(part.text for part in _parts(block.body) if not is_idle(part.text))


def _parts(body: tuple[Statement, ...]) -> list[Verbatim]:
    found: list[Verbatim] = []
    for statement in body:
        if isinstance(statement, Verbatim):
            found.append(statement)
        elif isinstance(statement, Branches):
            found += [part for _, inner in statement.cases for part in _parts(inner)]
        elif isinstance(statement, Loop):
            found += _parts(statement.body)
    return found
