"""The words by which meetings are told apart, and their places in the search index.

Each has a place in a bit field: a new word is added at the end.
"""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from plugin.directory.languages import LANGUAGE_NAMES, LANGUAGES

# In this order for ever: the place of a word is its bit.
WORDS = (
    "open",
    "closed",
    "beginners",
    "women",
    "men",
    "young-people",
    "lgbtq",
    "transgender",
    "non-binary",
    "seniors",
    "people-of-color",
    "indigenous",
    "veterans",
    "wheelchair",
    "sign-language",
    "child-friendly",
    "childcare",
    "secular",
    "meditation",
    "speaker",
    "discussion",
    "steps",
    "traditions",
    "literature",
    "dual-diagnosis",
    "medication-friendly",
    "parents",
    "adult-children",
    "teens",
    "with-alanon",
    "with-alateen",
    "outdoors",
    "smoking",
    "fragrance-free",
    "professionals",
    "proof-of-attendance",
    "facilitated",
    "by-phone",
    "no-video",
    "restricted",
    "anorexia",
    "with-aa",
    "candlelight",
    "hearing-loop",
    "deaf",
    "faith",
    "questions",
)

_BITS = {word: 1 << place for place, word in enumerate(WORDS)}


def in_order(words: Iterable[str]) -> tuple[str, ...]:
    chosen = set(words)
    return tuple(word for word in WORDS if word in chosen) if chosen else ()


@lru_cache(maxsize=65536)
def bits_of(words: tuple[str, ...]) -> int:
    """The bit field of known words."""
    return sum(_BITS.get(word, 0) for word in set(words))


@lru_cache(maxsize=4096)
def language_bits(languages: tuple[str, ...]) -> int:
    """The bit field of the languages; one that has no place in it counts as none."""
    return sum(1 << LANGUAGES.index(one) for one in set(languages) if one in LANGUAGES)


@cache
def language_words() -> Mapping[str, str]:
    """From the word that is shown for a language to its code: spanish -> es."""
    return {name: code for code, name in LANGUAGE_NAMES.items()}


def shown(words: Iterable[str], languages: Iterable[str]) -> tuple[str, ...]:
    """The tags that a person reads; a meeting in English does not say so."""
    spoken = (LANGUAGE_NAMES.get(one, "") for one in languages if one != "en")
    return (*words, *(name for name in spoken if name))


def is_word(tag: str) -> bool:
    return tag in _BITS
