"""What will be written, decided before the clinician signs.

Three voices decide: what the server says it takes (its CapabilityStatement), what the
scopes that were granted allow, and what the registration knows about the site. Never
the vendor's name. Each narrowing comes with a reason that a clinician can read.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, Protocol

Mode = Literal["full", "note_only", "handout"]


class Capabilities(Protocol):
    """What a server says it can do; interactions by their FHIR names."""

    def can(self, resource: str, interaction: str) -> bool: ...

    def search_params(self, resource: str) -> Collection[str]: ...

    def conditional_create(self, resource: str) -> bool: ...


class GrantedScopes(Protocol):
    """What the EHR allowed this launch to do: letters of "cruds" for each resource."""

    def covers(self, resource: str, interaction: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Quirks:
    """What the registration says about writing, where the server does not say it."""

    orders: bool = True  # False: the site wants no orders from apps
    notes: bool = True
    provenance: bool = True
    tasks: bool = False  # True: the site wants reminders as Tasks
    note_needs_encounter: bool = False
    note_only_provenance: bool = False  # a Provenance may not point at orders
    cancels_orders: bool = False  # True: the site lets the app revoke its own orders


@dataclass(frozen=True, slots=True)
class WritePlan:
    service_request: bool
    note: bool
    provenance: bool
    task: bool
    carries_referral_in_note: bool
    reasons: tuple[str, ...]
    mode: Mode
    # By these a lost answer can be looked up by our identifier.
    searchable: frozenset[str] = frozenset()
    conditional: frozenset[str] = frozenset()
    note_needs_encounter: bool = False
    note_only_provenance: bool = False
    updatable: frozenset[str] = frozenset()  # whose status may be changed later


# Every reason that may be shown; the screens translate them by their English text.
REASONS: Final = {
    "unknown": (
        "What this EHR takes could not be read, so nothing will be written. The"
        " hand-out and a text to copy are ready; reload to try again."
    ),
    "no_orders": (
        "This EHR takes no orders from apps: the referral is carried in the note."
    ),
    "orders_off": (
        "This site wants no orders from apps: the referral is carried in the note."
    ),
    "orders_scope": (
        "This sign-in does not allow orders: the referral is carried in the note."
    ),
    "no_notes": (
        "This EHR takes no notes from apps: nothing will be written. The hand-out and"
        " a text to copy are ready."
    ),
    "notes_off": (
        "This site wants no notes from apps: nothing will be written. The hand-out and"
        " a text to copy are ready."
    ),
    "notes_scope": (
        "This sign-in does not allow notes: nothing will be written. The hand-out and"
        " a text to copy are ready."
    ),
    "not_a_signer": (
        "At this site others sign referrals: you can look, and print the hand-out."
        " Nothing will be written."
    ),
    "no_encounter": (
        "This EHR files a note only with a visit, and the app was opened without one:"
        " nothing will be written until the visit is chosen."
    ),
    "no_visit": (
        "The app was opened without a visit: this EHR may refuse a note without one."
    ),
    "no_provenance": "The signature is kept in our record; this EHR does not take it.",
    "no_task": "The reminder is kept in our record; this EHR does not take it.",
    "task_stays": (
        "The reminder cannot be changed later in this EHR: whether the patient went is"
        " kept in our record."
    ),
    "not_searchable": (
        "This EHR cannot be searched by our identifier: if an answer is lost, a person"
        " must look before anything is sent again."
    ),
}

_WRITTEN: Final = ("ServiceRequest", "DocumentReference", "Task")

# How servers say that a note needs its visit, in CapabilityStatement documentation.
_NEEDS_ENCOUNTER = re.compile(
    r"(?:encounter\b[^.]{0,60}\b(?:required|mandatory|must))"
    r"|(?:(?:requires?|must (?:have|reference|include|name)|needs?)\b[^.]{0,60}"
    r"\bencounter)",
    re.IGNORECASE,
)


def plan_write(
    capabilities: Capabilities | None,
    scopes: GrantedScopes,
    registration_quirks: Quirks | None = None,
    *,
    has_encounter: bool = True,
    may_sign: bool = True,
) -> WritePlan:
    """Decide what a signed referral will become in this record.

    Takes:  the server's capabilities, None where they could not be read: then nothing
            is promised; whether the launch names a visit, and whether its user may
            sign here.
    """
    quirks = registration_quirks or Quirks()
    if not may_sign:
        return _nothing(REASONS["not_a_signer"])
    if capabilities is None:
        return _nothing(REASONS["unknown"])
    refusal = _note_refusal(capabilities, scopes, quirks, has_encounter=has_encounter)
    if refusal is not None:
        return _nothing(REASONS[refusal])
    reasons = []
    no_order = _refusal(capabilities, scopes, "ServiceRequest", "orders", quirks.orders)
    if no_order is not None:
        reasons.append(REASONS[no_order])
    if not has_encounter:
        reasons.append(REASONS["no_visit"])
    order = no_order is None
    provenance = quirks.provenance and _allowed(capabilities, scopes, "Provenance")
    if not provenance:
        reasons.append(REASONS["no_provenance"])
    task = order and quirks.tasks and _allowed(capabilities, scopes, "Task")
    updatable = _updatable(capabilities, scopes, quirks)
    if order and quirks.tasks and not task:
        reasons.append(REASONS["no_task"])
    elif task and "Task" not in updatable:
        reasons.append(REASONS["task_stays"])
    searchable = frozenset(
        kind for kind in _WRITTEN if _searchable(capabilities, scopes, kind)
    )
    sent = {"DocumentReference"} | ({"ServiceRequest"} if order else set())
    if not sent <= searchable:
        reasons.append(REASONS["not_searchable"])
    return WritePlan(
        service_request=order,
        note=True,
        provenance=provenance,
        task=task,
        carries_referral_in_note=not order,
        reasons=tuple(reasons),
        mode="full" if order else "note_only",
        searchable=searchable,
        conditional=frozenset(
            kind for kind in _WRITTEN if capabilities.conditional_create(kind)
        ),
        note_needs_encounter=quirks.note_needs_encounter,
        note_only_provenance=quirks.note_only_provenance,
        updatable=updatable,
    )


def note_needs_encounter(documentation: str) -> bool:
    """Whether a server's own words say that a note must name its visit.

    Takes:  the documentation of DocumentReference in its CapabilityStatement.
    """
    return _NEEDS_ENCOUNTER.search(documentation) is not None


def _nothing(reason: str) -> WritePlan:
    return WritePlan(
        service_request=False,
        note=False,
        provenance=False,
        task=False,
        carries_referral_in_note=False,
        reasons=(reason,),
        mode="handout",
    )


def _note_refusal(
    capabilities: Capabilities,
    scopes: GrantedScopes,
    quirks: Quirks,
    *,
    has_encounter: bool,
) -> str | None:
    refusal = _refusal(capabilities, scopes, "DocumentReference", "notes", quirks.notes)
    if refusal is None and quirks.note_needs_encounter and not has_encounter:
        return "no_encounter"
    return refusal


def _refusal(
    capabilities: Capabilities,
    scopes: GrantedScopes,
    kind: str,
    word: str,
    wanted: bool,
) -> str | None:
    if not wanted:
        return f"{word}_off"
    if not capabilities.can(kind, "create"):
        return f"no_{word}"
    return None if scopes.covers(kind, "c") else f"{word}_scope"


def _allowed(capabilities: Capabilities, scopes: GrantedScopes, kind: str) -> bool:
    return capabilities.can(kind, "create") and scopes.covers(kind, "c")


def _updatable(
    capabilities: Capabilities, scopes: GrantedScopes, quirks: Quirks
) -> frozenset[str]:
    """What may be changed where it stands: all three voices must say so."""
    wanted = {"ServiceRequest": quirks.cancels_orders, "Task": quirks.tasks}
    return frozenset(
        kind
        for kind, used in wanted.items()
        if used
        and all(capabilities.can(kind, one) for one in ("read", "update"))
        and scopes.covers(kind, "ru")
    )


def _searchable(capabilities: Capabilities, scopes: GrantedScopes, kind: str) -> bool:
    return (
        capabilities.can(kind, "search-type")
        and "identifier" in capabilities.search_params(kind)
        and scopes.covers(kind, "s")
    )
