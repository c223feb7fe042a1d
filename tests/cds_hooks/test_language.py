"""Cards speak the language of the clinic; the chart's own words stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from plugin.cds_hooks import cards as card_texts
from plugin.cds_hooks.wording import Wording
from plugin.screens.said import said_in
from plugin.screens.words import Words
from tests.cds_hooks.conftest import Ehr

HOLE = re.compile(r"\{\w+\}")
SPANISH = Words.of("es", "US")
# Sources are named as FHIR does.
AS_THEY_ARE = {"Observation", "MedicationRequest", "Condition"}


@pytest.fixture
def untranslated(ehr: Ehr) -> Iterator[list[str]]:
    """The app of a Spanish clinic. Gives what it said in English all the same."""
    left: list[str] = []

    def say(message: str) -> str:
        text = SPANISH.say(message)
        if text == message and message not in AS_THEY_ARE:
            left.append(message)
        return text

    house = ehr.house
    wording = Wording(say, partial(said_in, SPANISH))
    desk = house.cds.desk
    deciding = replace(desk.deciding, wording_of=lambda _tenant: wording)
    cds = replace(house.cds, desk=replace(desk, deciding=deciding))
    ehr.client.app.state.house = replace(house, cds=cds)
    yield left
    ehr.client.app.state.house = house


def test_cards_of_a_spanish_clinic_are_spanish(
    ehr: Ehr, untranslated: list[str]
) -> None:
    found = [
        card
        for chart in ("alcohol", "depression", "opioid", "psychosis", "violence")
        for hook in ("patient-view", "encounter-discharge")
        for card in ehr.cards(chart, hook)
    ]
    assert untranslated == []
    assert len(found) > 5
    assert {card["indicator"] for card in found} == {"info", "warning"}
    english = [*card_texts._SUMMARIES.values(), card_texts._BEFORE_DISCHARGE]
    for card in found:
        assert 0 < len(card["summary"]) < 140
        assert card["summary"] not in english
        assert "In the chart" not in card["detail"]
        for reason in card.get("overrideReasons", []):
            assert reason["code"] in dict(card_texts._REASONS)
            assert reason["display"] not in dict(card_texts._REASONS).values()


@pytest.mark.parametrize(
    "message",
    [
        *card_texts._SUMMARIES.values(),
        card_texts._BEFORE_DISCHARGE,
        card_texts._CHOOSE_AND_SIGN,
        card_texts._SIGNED_BY_YOU,
        card_texts._STANDS_ALREADY,
        card_texts._NOT_NAMED,
        "Use the signed referral",
        "Use the signed referral {number} of {count}",
    ],
)
def test_every_sentence_of_a_card_is_in_the_catalogue(message: str) -> None:
    said = SPANISH.say(message)
    assert said != message
    assert sorted(HOLE.findall(said)) == sorted(HOLE.findall(message))


def test_what_a_card_names_is_recorded_alike_in_each_language(
    ehr: Ehr, untranslated: list[str]
) -> None:
    ehr.cards("alcohol")
    (called,) = ehr.events("cds.called")
    assert called["detail"]["cards"][0]["kind"] == "groups"
    assert "alcohol" in called["detail"]["cards"][0]["topics"]
