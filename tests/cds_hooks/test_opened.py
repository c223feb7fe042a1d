"""A launch from a card: its first group is ticked, and the card counts as opened."""

from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from tests.cds_hooks.conftest import APP, Ehr

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def registered(ehr: Ehr) -> None:
    jwks = ehr.house.smart.keys.public_jwks()
    ehr.sandbox.register_client(APP, jwks=jwks)


def opened(ehr: Ehr, patient: str, app_context: str) -> str:
    """Launch the app from a chart. Gives the text of its first page."""
    given = {"app_context": app_context}
    launch = ehr.sandbox.mint_launch(patient, **given)
    away = ehr.client.get(
        "/launch",
        params={"iss": ehr.issuer, "launch": launch},
        follow_redirects=False,
    )
    assert away.status_code == 303, away.text
    back = requests.get(away.headers["location"], allow_redirects=False, timeout=5)
    parts = urlsplit(back.headers["location"])
    done = ehr.client.get(f"{parts.path}?{parts.query}", follow_redirects=False)
    assert done.status_code == 303, done.text
    page = ehr.client.get(done.headers["location"])
    assert page.status_code == 200
    return page.text


def ticked(page: str) -> list[str]:
    boxes = [part for part in page.split("<input")[1:] if 'name="program"' in part]
    return [
        box.split('value="')[1].split('"')[0]
        for box in boxes
        if "checked" in box.split(">")[0]
    ]


def context_of(card: dict[str, Any]) -> str:
    return str(card["links"][0]["appContext"])


def test_first_group_of_the_card_is_ticked(ehr) -> None:
    (card,) = ehr.cards("alcohol")
    named = ehr.events("cds.called")[0]["detail"]["cards"][0]["programs"]
    assert ticked(opened(ehr, "alcohol", context_of(card))) == named[:1]
    (event,) = ehr.events("cds.opened")
    assert event["detail"]["card"] == card["uuid"]


def test_launch_without_a_card_ticks_nothing(ehr) -> None:
    assert ticked(opened(ehr, "alcohol", "")) == []
    assert ehr.events("cds.opened") == []


def test_card_of_another_patient_ticks_nothing(ehr) -> None:
    (card,) = ehr.cards("opioid")
    assert ticked(opened(ehr, "alcohol", context_of(card))) == []
    assert ehr.events("cds.opened") == []


def test_card_that_names_no_group_ticks_nothing(ehr) -> None:
    warning, groups = ehr.cards("violence")
    for card in (warning, groups):
        assert ticked(opened(ehr, "violence", context_of(card))) == []


@pytest.mark.parametrize(
    "told",
    [
        pytest.param("text", id="text"),
        pytest.param("[]", id="list"),
        pytest.param('{"card":7}', id="number"),
        pytest.param('{"card":"' + "0" * 36 + '"}', id="unknown"),
        pytest.param("{", id="broken"),
    ],
)
def test_odd_app_context_opens_the_app_all_the_same(ehr, told) -> None:
    assert ticked(opened(ehr, "alcohol", told)) == []


def test_group_that_does_not_fit_any_more_is_not_ticked(ehr) -> None:
    """What the chart says when the app reads it decides, not the card."""
    sent = ehr.prefetch("alcohol")
    (card,) = ehr.cards("alcohol", prefetch=sent)
    named = ehr.events("cds.called")[0]["detail"]["cards"][0]["programs"][0]
    kept = ehr.sandbox.resources("Condition", "alcohol")
    for condition in kept:
        ehr.sandbox.remove(f"Condition/{condition['id']}")
    try:
        assert named not in ticked(opened(ehr, "alcohol", context_of(card)))
    finally:
        for condition in kept:
            ehr.sandbox.put(condition)


def test_app_context_holds_nothing_of_the_patient(ehr) -> None:
    (card,) = ehr.cards("alcohol")
    assert orjson.loads(context_of(card)) == {"card": card["uuid"]}
