"""Sentences that remember how they were made, so that they can be said again.

A sentence is its English text, and is kept, compared and sent as such. A screen in
another language says it again from its pattern: translating the finished text could
not work, since codes, names and figures stand in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

# Gives a text in the reader's language; what it does not know stays as it is.
Say = Callable[[str], str]
T = TypeVar("T")
# The rules' own texts, which are said again and again, are made once. Words of a chart
# never pass here: they are parts of a sentence, and parts are not kept.
MOST_MET = 4096


class Sentence(str):
    """English text. `in_words` gives it in another language."""

    __slots__ = ("_again",)
    _again: Callable[[Say], str]

    def in_words(self, say: Say) -> str:
        return self._again(say)


def sentence(pattern: str, **parts: object) -> Sentence:
    """Takes: a text with `%(name)s` for its parts. Of these, sentences are said again
    with it, and everything else stays: codes, figures, the chart's own words.
    """
    if not parts:
        return _plain(pattern)
    return _made(pattern % parts, lambda say: say(pattern) % _again(parts, say))


def joined(parts: Iterable[str], between: str = " ") -> Sentence:
    """Several in a row: sentences are said again, everything else stays."""
    kept = tuple(parts)
    text = between.join(kept)
    return _made(text, lambda say: between.join(_part(part, say) for part in kept))


@lru_cache(maxsize=MOST_MET)
def spoken(name: str) -> Sentence:
    """A name inside a sentence: the first letter small, unless it is an acronym."""
    return _made(_small_first(name), lambda say: _small_first(said(name, say)))


@lru_cache(maxsize=MOST_MET)
def without_stop(text: str) -> Sentence:
    """A sentence inside another."""
    return _made(text.rstrip("."), lambda say: said(text, say).rstrip("."))


def said(text: str, say: Say) -> str:
    """A sentence, or a plain text of the knowledge base, in another language."""
    return text.in_words(say) if isinstance(text, Sentence) else say(text)


@lru_cache(maxsize=MOST_MET)
def _plain(text: str) -> Sentence:
    return _made(text, lambda say: say(text))


def _made(text: str, again: Callable[[Say], str]) -> Sentence:
    made = Sentence(text)
    made._again = again
    return made


def _part(part: T, say: Say) -> T | str:
    return part.in_words(say) if isinstance(part, Sentence) else part


def _again(parts: Mapping[str, object], say: Say) -> dict[str, object]:
    return {name: _part(part, say) for name, part in parts.items()}


def _small_first(name: str) -> str:
    return name[0].lower() + name[1:] if len(name) > 1 and name[1].islower() else name
