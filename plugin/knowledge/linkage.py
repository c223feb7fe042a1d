"""The words of the active referral: what is done at each step, by whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LinkageText:
    """In one language. Each step, owner and way of contact is looked up by its id."""

    title: str
    steps: Mapping[str, tuple[str, ...]]
    owners: Mapping[str, str]
    contact: Mapping[str, str]
    when_settled: str  # in place of a day


def linkage_of(data: Json, language: str) -> LinkageText:
    """Takes the data of linkage.json."""
    return LinkageText(
        title=data["title"][language],
        steps={name: tuple(said[language]) for name, said in data["steps"].items()},
        owners={name: said[language] for name, said in data["owners"].items()},
        contact={name: said[language] for name, said in data["contact"].items()},
        when_settled=data["when_settled"][language],
    )
