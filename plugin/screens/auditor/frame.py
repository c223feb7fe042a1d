"""What stands around every reviewer's page: whose records, who reads, the way on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from plugin.audit.reviewer import Reviewer
from plugin.audit.trail import NO_TENANT
from plugin.screens.words import Words


@dataclass(frozen=True, slots=True)
class Place:
    """One tenant, or the records of none, as the reviewer may choose it."""

    tenant: str
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    base: str
    active: str
    tenant: Place
    others: Sequence[Place]
    who: str

    @classmethod
    def of(
        cls,
        reviewer: Reviewer,
        tenant: str,
        tenants: Sequence[str],
        active: str,
        words: Words,
    ) -> Frame:
        places = [Place(one, place_name(one, words)) for one in tenants]
        here = next(place for place in places if place.tenant == tenant)
        return cls(
            base=f"/audit/at/{tenant}",
            active=active,
            tenant=here,
            others=[place for place in places if place is not here],
            who=_who(reviewer, words),
        )


def place_name(tenant: str, words: Words) -> str:
    return words.say("No EHR") if tenant == NO_TENANT else tenant


def _who(reviewer: Reviewer, words: Words) -> str:
    name = reviewer.name or reviewer.subject
    if reviewer.may_see_identities:
        return words.say("Auditor: %(name)s", name=name)
    return words.say("Administrator: %(name)s", name=name)
