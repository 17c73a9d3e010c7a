"""`neuron.tests.utils.strtobool`: words for yes and no."""

from __future__ import annotations

__all__ = ["strtobool"]

_WORDS = {"y": True, "yes": True, "t": True, "true": True, "on": True, "1": True} | dict.fromkeys(
    ("n", "no", "f", "false", "off", "0"), False
)


def strtobool(word: str) -> bool:
    """Whether a word means yes.

    Raises
    ------
    ValueError
        If it means neither yes nor no.
    """
    if word.lower() not in _WORDS:
        raise ValueError(f"{word!r} is neither yes nor no: use one of {', '.join(_WORDS)}")
    return _WORDS[word.lower()]
