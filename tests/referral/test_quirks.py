"""What is known of a site beyond its interactions, from its settings and its words."""

from dataclasses import dataclass

import pytest

from plugin.referral.plan import Quirks
from plugin.referral.quirks import quirks_of
from plugin.settings import Ehr


@dataclass(frozen=True)
class Says:
    words: str = ""

    def documentation(self, resource: str) -> str:
        return self.words if resource == "DocumentReference" else "an encounter must be"


def an_ehr(**given: bool) -> Ehr:
    return Ehr.model_validate(
        {"id": "general", "issuer": "https://ehr.example/r4", "client_id": "x"} | given
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        pytest.param("write_orders", Quirks(orders=False), id="orders"),
        pytest.param("write_notes", Quirks(notes=False), id="notes"),
        pytest.param("write_provenance", Quirks(provenance=False), id="provenance"),
    ],
)
def test_quirks_follow_what_the_site_wants(setting: str, expected: Quirks) -> None:
    assert quirks_of(an_ehr(**{setting: False}), Says()) == expected


@pytest.mark.parametrize(
    ("site", "words", "needed"),
    [
        pytest.param(True, "", True, id="the-site-says-so"),
        pytest.param(False, "An encounter is required.", True, id="the-server-does"),
        pytest.param(True, "The encounter is optional.", True, id="the-site-wins"),
        pytest.param(False, "", False, id="nobody-does"),
    ],
)
def test_note_needs_its_visit_where_either_says_so(
    site: bool, words: str, needed: bool
) -> None:
    quirks = quirks_of(an_ehr(note_needs_encounter=site), Says(words))
    assert quirks.note_needs_encounter is needed


def test_unread_statement_leaves_the_settings() -> None:
    site = an_ehr(note_only_provenance=True)
    assert quirks_of(site, None) == Quirks(note_only_provenance=True)
