"""Every mechanism says where it comes from and what its numbers are."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rxd import Mechanism, PointMechanism, library

FUNCTIONS = [getattr(library, name) for name in library.__all__]
REACTIONS = ("buffer", "er_leak", "ip3r", "pmca", "serca")
MECHANISMS = [function for function in FUNCTIONS if function.__name__ not in REACTIONS]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_docstring_cites_a_doi_and_explains_every_parameter(function: Callable) -> None:
    text = inspect.getdoc(function)
    assert text
    references = text.partition("References\n---")[2]
    assert re.search(r"https://doi\.org/10\.\d{4,9}/\S+", references), "no DOI under References"
    explained = re.findall(r"^(\w[\w, ]*) : ", text.partition("Parameters\n---")[2], flags=re.MULTILINE)
    names = {name.strip() for line in explained for name in line.split(",")}
    assert set(inspect.signature(function).parameters) <= names


@pytest.mark.parametrize("function", MECHANISMS, ids=lambda f: f.__name__)
def test_a_mechanism_knows_its_reference_and_takes_a_name(function: Callable) -> None:
    mechanism = function(name="mine")
    assert isinstance(mechanism, Mechanism | PointMechanism)
    assert mechanism.name == "mine"
    assert mechanism.reference in (inspect.getdoc(function) or "")
    assert function().name == function.__name__


def test_one_mechanism_a_file_and_all_are_exported() -> None:
    folder = Path(library.__file__).parent
    for path in sorted(folder.glob("*.py")):
        public = re.findall(r"^    \"\"\".*|^def (\w+)\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        exported = [name for name in public if name in library.__all__]
        assert len(exported) == (0 if path.stem in ("__init__", "forms") else 1), path.name
    assert sorted(library.__all__) == list(library.__all__)
