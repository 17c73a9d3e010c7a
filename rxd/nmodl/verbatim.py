"""What the C code in VERBATIM blocks does, as far as that can be told from the names of what it calls.

In: its text. Out: whether it does nothing, returns, or uses a generator of random numbers in one of the usual ways. Everything
else stays C code, which nobody here runs.
"""

from __future__ import annotations

import re

from rxd.nmodl.syntax import Block, Branches, Loop, Statement, Verbatim

__all__ = ["is_idle", "is_return", "random_use", "remedy", "stripped", "verbatim_of", "without_printing"]

PICKS = frozenset({"nrn_random_pick", "nrnran123_dblpick", "nrnran123_negexp", "nrnran123_normal"})
SETS = frozenset({"nrn_random_arg", "nrnran123_newstream3", "nrnran123_newstream", "nrnran123_newstream1"})
RESETS = frozenset({"nrnran123_setseq"})
AROUND = frozenset(
    {
        "if",
        "while",
        "sizeof",
        "ifarg",
        "hoc_is_double_arg",
        "getarg",
        "chkarg",
        "nrnran123_deletestream",
        "printf",
        "fprintf",
        "hoc_execerror",
    }
)
"""What stands around these in the usual functions: arguments, an old stream deleted, a text printed, threads refused."""

REMEDIES = (
    (r"vector_(?:vec|arg|capacity|instance)|IvocVect", "Play a Vector into the variable (Vector.play), or use FUNCTION_TABLE."),
    (r"\bhoc_(?:obj|pgetarg|lookup|execute)|ob2pntproc|nrn_(?:artcell|net)", "Do it in the script: a callback, or a POINTER."),
    (r"getarg|ifarg", "Give the FUNCTION or PROCEDURE arguments of its own."),
    (r"fopen|fscanf|fgets|MPI_", "Read the numbers in the script, and set them or use FUNCTION_TABLE."),
    (r"\b(?:malloc|calloc|struct|static)\b|->", "Keep what it remembers in STATE or ASSIGNED variables, arrays among them."),
    (r"random|rand\(|urand|nrnran123", "Use a RANDOM variable: random_uniform(r), random_normal(r, mean, deviation)."),
)
"""What C code is about, and what to write instead."""

_COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*|\bextern\b[^;{]*;", re.DOTALL | re.MULTILINE)
_TEXTS = re.compile(r'"[^"\n]*"')
_PRINTED = re.compile(r"\b(?:f?printf|fflush)\s*\((?:[^()\"]|\"[^\"\n]*\"|\([^()]*\))*\)\s*;")
_READ_AGAIN = re.compile(r"(\w+)=_ion_\1")
_CALLED = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_DECLARED = re.compile(r"\b(?:double|int|void|unsigned|uint32_t|Rand|Object|nrnran123_State)\b[\s*]*\b(\w+)")
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)\s*(?:[-+*/]?=(?!=)|\+\+|--)")


def stripped(code: str) -> str:
    """C code without comments, headers and declarations of functions elsewhere."""
    return _COMMENTS.sub(" ", code).strip()


def without_printing(code: str) -> str:
    """C code that does not print."""
    return _PRINTED.sub(" ", stripped(code))


def is_idle(code: str) -> bool:
    """Whether C code does nothing that matters here: headers, texts printed, ions read again, or the old ``return 0;``."""
    statements = "".join(without_printing(code).split())
    return all(part in {"return0", "return(0)", ""} or _READ_AGAIN.fullmatch(part) for part in statements.split(";"))


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


def remedy(code: str) -> str:
    """What to do instead of C code that cannot be run, by what it is about."""
    for pattern, text in REMEDIES:
        if re.search(pattern, code):
            return text
    return "Write it in NMODL, or leave it out."


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
