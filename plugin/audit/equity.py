"""Who is seen, referred and linked, by kind of people; small groups stay hidden.

Source: CMS, cell size suppression policy, for the principle.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from plugin.audit.visits import VisitTold

# Fewer than this of a group are not shown, nor is what would give them away.
SMALLEST = 5
DIMENSIONS = ("language", "age", "sex")


_AGES = ((18, "under 18"), (25, "18-24"), (45, "25-44"), (65, "45-64"))


def groups_of(age: int | None, sex: str, language: str) -> dict[str, str]:
    """To which groups somebody belongs; what is not known is left out.

    Takes: `age` in years; `sex`, FHIR's administrative gender; `language`, BCP 47.
    """
    told = {"sex": sex, "language": language.split("-", maxsplit=1)[0].lower()}
    if age is not None:
        told["age"] = next((name for end, name in _AGES if age < end), "65+")
    return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Group:
    """One group of people; None where it is too small to be told."""

    name: str
    seen: int | None
    offered: int | None
    linked: int | None


def equity(
    visits: Mapping[str, VisitTold], arrived: Iterable[str]
) -> Mapping[str, Sequence[Group]]:
    """The groups of each dimension.

    Takes: `arrived`, the launches whose referral led to a first meeting in time.
    """
    came = frozenset(arrived)
    found: dict[str, Sequence[Group]] = {}
    for dimension in DIMENSIONS:
        counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for context, visit in visits.items():
            if not visit.needs:
                continue
            cell = counts[visit.groups.get(dimension) or "unknown"]
            cell[0] += 1
            cell[1] += visit.referred
            cell[2] += context in came
        found[dimension] = suppressed(
            [(name, *_three(cell)) for name, cell in sorted(counts.items())]
        )
    return found


def suppressed(counts: Sequence[tuple[str, int, int, int]]) -> Sequence[Group]:
    """Hide what is small, and what would give it away by subtraction.

    A group of fewer than five is not told at all; where just one is left out, the next
    smallest goes with it, since the total of all would tell the one. A part of fewer
    than five, or all but so few, is not told either; a group's nothing and everything
    are: they tell of nobody in particular.
    """
    small = {name for name, seen, *_ in counts if seen < SMALLEST}
    if len(small) == 1 and len(counts) > 1:
        others = [one for one in counts if one[0] not in small]
        small.add(min(others, key=lambda one: one[1])[0])
    return [
        Group(name, None, None, None)
        if name in small
        else Group(name, seen, _part(offered, seen), _part(linked, offered))
        for name, seen, offered, linked in counts
    ]


def _part(part: int, whole: int) -> int | None:
    if part in (0, whole) and whole >= SMALLEST:
        return part
    return part if SMALLEST <= part <= whole - SMALLEST else None


def _three(cell: list[int]) -> tuple[int, int, int]:
    seen, offered, linked = cell
    return seen, offered, linked
