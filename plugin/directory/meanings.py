"""What a fellowship's code means: a word, a language, or neither."""

from collections.abc import Iterable
from functools import lru_cache

from plugin.directory.fellowships import (
    EVERYWHERE,
    NOT_LANGUAGES,
    OTHER_LANGUAGES,
    OWN,
)
from plugin.directory.languages import SPOKEN
from plugin.directory.words import in_order


def canonical(code: str) -> str:
    """The code as its list writes it; some publishers send small letters."""
    code = code.strip()
    return "12x12" if code.lower() == "12x12" else code.upper()


@lru_cache(maxsize=8192)
def word_of(program: str, code: str) -> str:
    """The clinicians' word for a fellowship's code; "" where it has none."""
    own = OWN.get(program, {}).get(code)
    return EVERYWHERE.get(code, "") if own is None else own


@lru_cache(maxsize=8192)
def language_of(program: str, code: str) -> str:
    """The language that a fellowship's code names, as ISO 639-1; else ""."""
    own = OTHER_LANGUAGES.get(program, {}).get(code)
    if own is not None:
        return own
    if code in NOT_LANGUAGES.get(program, frozenset()):
        return ""
    return SPOKEN.get(code, "")


def words_of(program: str, codes: Iterable[str]) -> tuple[str, ...]:
    """The words of a row's codes, each once, in the order of `WORDS`."""
    return in_order({word for code in codes if (word := word_of(program, code))})


def languages_of(program: str, codes: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(spoken for c in codes if (spoken := language_of(program, c)))
    )
