"""In which language a card speaks: the clinic's.

The screens have the catalogues; `plugin.app` hands in what is needed of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from plugin.matching.recommendation import Recommendation

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Wording:
    """`say` gives an English sentence, and `said` a recommendation, in the language."""

    say: Say
    said: Callable[[Recommendation], Recommendation]


def _as_it_is(found: Recommendation) -> Recommendation:
    return found


ENGLISH = Wording(str, _as_it_is)
WordingOf = Callable[[str], Wording]


def in_english(tenant: str) -> Wording:
    """Where no other language is known."""
    del tenant
    return ENGLISH
