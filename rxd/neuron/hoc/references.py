"""References of hoc as Python functions: `$1`, `name(arguments)`, `object.member(arguments)`, `name[i]`.

In: a reference of a syntax tree. Out: a function from an evaluator to what it names, made once for each place. What is not
here, and every error, is the business of `Evaluator.refer` and the methods it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lark import Token, Tree

from rxd.neuron.hoc.closures import Valued, as_number, closure
from rxd.neuron.vectors.pointers import Pointer

if TYPE_CHECKING:
    from rxd.neuron.hoc.evaluate import Evaluator

__all__ = ["referred"]

Following = Callable[["Evaluator", Any], Any]

# functions that need to know what code calls them
SPECIAL = frozenset(
    {"argtype", "execute", "execute1", "numarg", "object_pop", "object_push", "points_", "printf", "sprint", "sscanf"}
)


def referred(reference: Tree) -> Valued:
    """What gives a reference, of more than a name, its value."""
    first, *parts = reference.children
    token: Any = first.children[0]
    name = str(token)
    if token.type == "ARGUMENT":
        start = _given(reference, name, parts)
    elif parts and parts[0].data == "call":
        start, parts = None if name in SPECIAL else _called(name, parts[0].children[0]), parts[1:]
    else:
        start = _bare(name)
    if start is None:
        return lambda evaluator: evaluator.refer(*reference.children)
    # names that may be those of arrays of range variables, whose elements have names of their own
    names = (name, *(str(part.children[0]) for part in reference.children[1:] if part.data == "member"))
    following = _followings(parts)

    def get(evaluator: Evaluator) -> Any:
        arrays = evaluator.session.catalogue.arrays
        for one in names:
            if one in arrays:
                return evaluator.refer(*reference.children)
        value = start(evaluator)
        for go_on in following:
            value = go_on(evaluator, value)
        return value

    return get


def _given(reference: Tree, token: str, parts: list[Tree]) -> Valued | None:
    """`$1`, `$s2`, `$o3`, `$&4`: an argument of the procedure that runs."""
    number = token.lstrip("$so&")
    if number == "i" or (parts and token.startswith("$&") and parts[0].data == "item"):
        return None
    place, whole = int(number) - 1, token.startswith("$o")

    def get(evaluator: Evaluator) -> Any:
        arguments = evaluator.frame.arguments
        if not 0 <= place < len(arguments):
            return evaluator.refer(*reference.children)  # which says what is missing
        value = arguments[place]
        if type(value) is float or whole:
            return value
        return value.get() if isinstance(value, Pointer) else value

    return get


def _bare(name: str) -> Valued:
    """A name that something follows."""

    def get(evaluator: Evaluator) -> Any:
        frame = evaluator.frame
        if name in frame.locals:
            return frame.locals[name]
        if frame.instance is not None and name in frame.instance.names:
            return frame.instance.names[name]
        return evaluator._name(name)

    return get


def _arguments(tree: Tree | None) -> Callable[[Evaluator], list[Any]]:
    """What evaluates arguments: numbers need nothing else, others come with the means to write to their variables."""
    if tree is None:
        return lambda evaluator: []
    values = [_constant(str(child)) if isinstance(child, Token) else closure(child) for child in tree.children]
    named = [i for i, child in enumerate(tree.children) if isinstance(child, Tree) and child.data == "value"]

    def evaluate(evaluator: Evaluator) -> list[Any]:
        given = [value(evaluator) for value in values]
        for i in named:
            if type(given[i]) is not float:
                return evaluator.completed(tree, given)
        return given

    return evaluate


def _constant(text: str) -> Valued:
    return lambda evaluator: text


def _called(name: str, arguments: Tree | None) -> Valued:
    """A procedure of the object whose code runs, or of the session; `Evaluator._call` knows what else can be called."""
    given = _arguments(arguments)

    def call(evaluator: Evaluator) -> Any:
        values, frame = given(evaluator), evaluator.frame
        instance, procedure = frame.instance, None
        if instance is not None:
            procedure = instance.procedures.get(name)
            if procedure is not None:
                return evaluator.call(procedure, values, instance)
        if name not in frame.locals and (instance is None or name not in instance.names):
            procedure = evaluator.session.hoc.procedures.get(name)
        return evaluator._call(name, values) if procedure is None else evaluator.call(procedure, values)

    return call


def _followings(parts: list[Tree]) -> list[Following]:
    """What the parts of a reference behind its first do to a value."""
    found: list[Following] = []
    k = 0
    while k < len(parts):
        part, following = parts[k], parts[k + 1] if k + 1 < len(parts) else None
        if part.data == "member" and following is not None and following.data == "call":
            found.append(_method(part, following))
            k += 1
        elif part.data == "item":
            found.append(_item(part))
        else:
            found.append(_other(part, following))
        k += 1
    return found


def _method(part: Tree, following: Tree) -> Following:
    """`.member(arguments)`."""
    from rxd.neuron.hoc.templates import Instance

    name, given = str(part.children[0]), _arguments(following.children[0])

    def call(evaluator: Evaluator, value: Any) -> Any:
        if type(value) is Instance and name in value.template.public and name in value.procedures:
            return evaluator.call(value.procedures[name], given(evaluator), value)
        return evaluator._part(value, part, following)(*given(evaluator))

    return call


def _item(part: Tree) -> Following:
    """`[index]`."""
    index = closure(part.children[0])
    return lambda evaluator, value: evaluator.element(value, int(as_number(index(evaluator))))


def _other(part: Tree, following: Tree | None) -> Following:
    return lambda evaluator, value: evaluator._part(value, part, following)
