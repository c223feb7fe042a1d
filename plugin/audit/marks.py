"""What an event speaks of besides its patient, so that it can be asked for."""

from collections.abc import Iterator, Mapping
from typing import Any

REFERRAL = "referral"
PROGRAM = "program"
_LONGEST = 80


def marks_of(detail: Mapping[str, Any]) -> list[str]:
    """The marks of an event, from its detail alone, each once and in order."""
    return sorted({mark[:_LONGEST] for mark in _marks(detail)})


def mark_rows(row: Mapping[str, Any], marks: list[str]) -> list[dict[str, Any]]:
    """The rows by which a record's marks are found."""
    place = {name: row[name] for name in ("tenant", "sequence", "at")}
    return [place | {"mark": mark} for mark in marks]


def _marks(detail: Mapping[str, Any]) -> Iterator[str]:
    if _named(detail.get("referral")):
        yield f"{REFERRAL}:{detail['referral']}"
    programs = [detail.get("program")]
    for key in ("offered", "programs"):
        programs += _listed(detail.get(key))
    for choice in _listed(detail.get("choices")):
        programs.append(choice.get("program") if isinstance(choice, Mapping) else None)
    for program in programs:
        if _named(program):
            yield f"{PROGRAM}:{program}"


def _named(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
