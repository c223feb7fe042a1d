"""What will be written, decided before signing."""

from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from plugin.referral.plan import (
    REASONS,
    Quirks,
    note_needs_encounter,
    plan_write,
)

ALL = frozenset({"ServiceRequest", "DocumentReference", "Provenance", "Task"})


@dataclass(frozen=True)
class Server:
    creates: frozenset[str] = ALL
    finds: frozenset[str] = ALL
    updates: frozenset[str] = frozenset()
    conditional: frozenset[str] = frozenset()
    params: dict[str, frozenset[str]] = field(default_factory=dict)

    def can(self, resource: str, interaction: str) -> bool:
        kinds = {"create": self.creates, "search-type": self.finds}
        kinds |= {"read": self.updates, "update": self.updates}
        return resource in kinds.get(interaction, ())

    def search_params(self, resource: str) -> Collection[str]:
        return self.params.get(resource, frozenset({"patient", "identifier"}))

    def conditional_create(self, resource: str) -> bool:
        return resource in self.conditional


@dataclass(frozen=True)
class Granted:
    """Letters of "cruds" for each resource, as smart_launch's Scopes answers."""

    rights: dict[str, str]

    def covers(self, resource: str, interaction: str) -> bool:
        return set(self.rights.get(resource, "")) >= set(interaction)


GRANTED = Granted(dict.fromkeys(ALL, "crs"))


def test_plan_is_full_where_all_is_taken_and_granted() -> None:
    plan = plan_write(Server(), GRANTED)
    assert plan.mode == "full"
    assert (plan.service_request, plan.note, plan.provenance) == (True, True, True)
    assert not plan.carries_referral_in_note
    assert not plan.task  # a site asks for reminders
    assert plan.reasons == ()
    assert plan.searchable == ALL - {"Provenance"}


@pytest.mark.parametrize(
    ("server", "granted", "quirks", "reason"),
    [
        pytest.param(
            Server(creates=ALL - {"ServiceRequest"}),
            GRANTED,
            Quirks(),
            "no_orders",
            id="server",
        ),
        pytest.param(
            Server(),
            Granted({"DocumentReference": "crs", "ServiceRequest": "rs"}),
            Quirks(provenance=False),
            "orders_scope",
            id="P12-scope",
        ),
        pytest.param(Server(), GRANTED, Quirks(orders=False), "orders_off", id="site"),
    ],
)
def test_plan_without_orders_carries_the_referral_in_the_note(
    server: Server, granted: Granted, quirks: Quirks, reason: str
) -> None:
    plan = plan_write(server, granted, quirks)
    assert plan.mode == "note_only"
    assert plan.note
    assert plan.carries_referral_in_note
    assert not plan.service_request
    assert plan.reasons[0] == REASONS[reason]


@pytest.mark.parametrize(
    ("server", "granted", "quirks", "encounter", "reason"),
    [
        pytest.param(
            Server(creates=ALL - {"DocumentReference"}),
            GRANTED,
            Quirks(),
            True,
            "no_notes",
            id="server",
        ),
        pytest.param(
            Server(),
            Granted({"ServiceRequest": "crs", "DocumentReference": "rs"}),
            Quirks(),
            True,
            "notes_scope",
            id="P12-scope",
        ),
        pytest.param(
            Server(), GRANTED, Quirks(notes=False), True, "notes_off", id="site"
        ),
        pytest.param(
            Server(),
            GRANTED,
            Quirks(note_needs_encounter=True),
            False,
            "no_encounter",
            id="no-visit",
        ),
    ],
)
def test_plan_without_a_note_writes_nothing(
    server: Server, granted: Granted, quirks: Quirks, encounter: bool, reason: str
) -> None:
    plan = plan_write(server, granted, quirks, has_encounter=encounter)
    assert plan.mode == "handout"
    written = (plan.service_request, plan.note, plan.provenance, plan.task)
    assert written == (False, False, False, False)
    assert plan.reasons == (REASONS[reason],)


def test_plan_without_a_visit_says_that_the_note_may_be_refused() -> None:
    plan = plan_write(Server(), GRANTED, has_encounter=False)
    assert plan.mode == "full"
    assert plan.reasons == (REASONS["no_visit"],)


def test_plan_of_a_server_that_could_not_be_asked_promises_nothing() -> None:
    plan = plan_write(None, GRANTED)
    assert plan.mode == "handout"
    assert plan.reasons == (REASONS["unknown"],)


def test_plan_keeps_the_signature_where_the_server_does_not_take_it() -> None:
    plan = plan_write(Server(creates=ALL - {"Provenance"}), GRANTED)
    assert plan.mode == "full"
    assert not plan.provenance
    assert plan.reasons == (REASONS["no_provenance"],)


@pytest.mark.parametrize(
    ("server", "task", "reasons"),
    [
        pytest.param(Server(updates=ALL), True, (), id="taken"),
        pytest.param(Server(), True, (REASONS["task_stays"],), id="never-changed"),
        pytest.param(
            Server(creates=ALL - {"Task"}), False, (REASONS["no_task"],), id="not-taken"
        ),
        pytest.param(
            Server(creates=ALL - {"ServiceRequest"}),
            False,
            (REASONS["no_orders"],),
            id="nothing-to-point-at",
        ),
    ],
)
def test_plan_has_a_reminder_where_the_site_wants_one(
    server: Server, task: bool, reasons: tuple[str, ...]
) -> None:
    granted = Granted(dict.fromkeys(ALL, "crus"))
    plan = plan_write(server, granted, Quirks(tasks=True))
    assert plan.task is task
    assert plan.reasons == reasons


@pytest.mark.parametrize(
    ("server", "granted"),
    [
        pytest.param(
            Server(params={"DocumentReference": frozenset({"patient"})}),
            GRANTED,
            id="W03-no-parameter",
        ),
        pytest.param(
            Server(finds=ALL - {"ServiceRequest"}), GRANTED, id="W03-no-search"
        ),
        pytest.param(Server(), Granted(dict.fromkeys(ALL, "c")), id="W03-no-scope"),
    ],
)
def test_plan_says_when_a_lost_answer_cannot_be_looked_up(
    server: Server, granted: Granted
) -> None:
    assert REASONS["not_searchable"] in plan_write(server, granted).reasons


def test_plan_of_notes_only_does_not_mind_that_orders_cannot_be_searched() -> None:
    server = Server(creates=ALL - {"ServiceRequest"}, finds=ALL - {"ServiceRequest"})
    assert plan_write(server, GRANTED).reasons == (REASONS["no_orders"],)


def test_plan_knows_where_create_is_conditional() -> None:
    plan = plan_write(Server(conditional=frozenset({"ServiceRequest"})), GRANTED)
    assert plan.conditional == {"ServiceRequest"}


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        pytest.param("context.encounter is required.", True, id="is-required"),
        pytest.param("A note must reference an existing encounter.", True, id="must"),
        pytest.param("Requires an Encounter of the same patient", True, id="requires"),
        pytest.param("The encounter is optional.", False, id="optional"),
        pytest.param("Author is required. Encounter may be given.", False, id="other"),
        pytest.param("", False, id="silent"),
    ],
)
def test_note_needs_encounter_is_read_from_the_servers_words(
    words: str, needed: bool
) -> None:
    assert note_needs_encounter(words) is needed
