"""At signing: a group beside a medicine, and an order completed from the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from plugin.referral.ledger import NewJob
from plugin.referral.signed import Acknowledgement, Choice, SignedReferral
from plugin.referral.taken_back import NOTE_STANDS
from plugin.store.engine import writing
from plugin.store.referral_tables import write_jobs
from tests.cds_hooks.conftest import DROPPED, USER, Ehr, bundle

SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def order(ehr: Ehr, patient: str = "alcohol", **changed) -> dict:
    code = {"coding": [{"system": SNOMED, "code": "711281004"}]}
    return {
        "resourceType": "ServiceRequest",
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        "code": code,
        "subject": {"reference": f"Patient/{ehr.sandbox.patient_id(patient)}"},
    } | changed


def medicine(ehr: Ehr, patient: str, code: str = "", text: str = "") -> dict:
    concept: dict = {"text": text} if text else {}
    if code:
        concept["coding"] = [{"system": RXNORM, "code": code}]
    return {
        "resourceType": "MedicationRequest",
        "id": "draft-2",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept,
        "subject": {"reference": f"Patient/{ehr.sandbox.patient_id(patient)}"},
    }


def cards(ehr: Ehr, patient: str, *orders: dict, user: str = USER, **changed) -> list:
    context = {"draftOrders": bundle(list(orders)), "userId": user}
    return ehr.cards(patient, "order-sign", context=context, **changed)


@pytest.fixture
def context_of(ehr):
    """A launch of a patient, as far as the ledger looks at it."""
    from smart_launch.context import LaunchContext
    from smart_launch.scopes import Scopes

    def make(patient: str) -> LaunchContext:
        now = ehr.clock()
        return LaunchContext(
            id="launch-1",
            tenant="general",
            issuer=ehr.issuer,
            patient=ehr.sandbox.patient_id(patient),
            encounter=None,
            fhir_user=USER,
            subject="user-1",
            user_name="Dr. One",
            scopes=Scopes.parse("launch"),
            need_patient_banner=False,
            intent=None,
            smart_style_url=None,
            fhir_context=(),
            app_context=None,
            launched_at=now,
            expires_at=now + timedelta(hours=1),
            secret_hash="",
        )

    return make


@pytest.fixture
def sign(ehr, context_of):
    """Sign a referral into the ledger, as the app does it."""

    def signed(patient: str = "alcohol", **changed) -> SignedReferral:
        referral = SignedReferral(
            id="3f0c9a52-1111-4222-8333-444455556666",
            tenant="general",
            patient=ehr.sandbox.patient_id(patient),
            encounter=None,
            author=USER,
            author_name="Dr. One",
            choices=(Choice("smart", "SMART Recovery", None, (), (), ("alcohol",)),),
            note="A note.",
            agreement="named",
            acknowledged=(),
            signed_at=ehr.clock(),
        )
        referral = replace(referral, **changed)
        ehr.house.ledger.sign(
            context_of(patient),
            referral,
            [NewJob("DocumentReference", b"{}")],
            key=referral.id,
            digest="d",
        )
        return referral

    return signed


@pytest.mark.parametrize(
    ("patient", "code", "text"),
    [
        pytest.param("opioid", "1819", "", id="buprenorphine-code"),
        pytest.param("opioid", "351266", "", id="buprenorphine-naloxone-product"),
        pytest.param("opioid", "", "methadone 10 mg tablet", id="methadone-words"),
        pytest.param("alcohol", "7243", "", id="naltrexone"),
        pytest.param("alcohol", "82819", "", id="acamprosate"),
        pytest.param("alcohol", "", "Antabuse 250 mg", id="disulfiram-brand"),
    ],
)
def test_medicine_for_the_need_brings_one_card(ehr, patient, code, text) -> None:
    (card,) = cards(ehr, patient, medicine(ehr, patient, code, text))
    assert card["indicator"] == "info"
    assert card["summary"] == "A self-help group can stand beside this treatment."
    assert "suggestions" not in card


@pytest.mark.parametrize(
    ("patient", "code", "text"),
    [
        pytest.param("alcohol", "", "amoxicillin 500 mg", id="antibiotic"),
        pytest.param("opioid", "", "methylnaltrexone 12 mg", id="methylnaltrexone"),
        pytest.param("anxiety", "82819", "", id="no-need-of-alcohol"),
    ],
)
def test_other_medicines_bring_none(ehr, patient, code, text) -> None:
    assert cards(ehr, patient, medicine(ehr, patient, code, text)) == []


def test_medicine_whose_purpose_the_chart_does_not_say_asks(ehr) -> None:
    """Methadone also treats pain: the card asks, and names no group."""
    (card,) = cards(ehr, "anxiety", medicine(ehr, "anxiety", "6813"))
    assert card["detail"].startswith("To ask: ")
    assert "programs" not in ehr.events("cds.called")[0]["detail"]["cards"][0] or (
        ehr.events("cds.called")[0]["detail"]["cards"][0]["programs"] == []
    )


def test_group_order_without_a_signature_gets_the_app_link_alone(ehr) -> None:
    (card,) = cards(ehr, "alcohol", order(ehr))
    assert "suggestions" not in card
    assert card["links"][0]["type"] == "smart"


def test_group_order_needs_no_chart(ehr) -> None:
    (card,) = cards(ehr, "alcohol", order(ehr), prefetch=DROPPED)
    assert card["links"]


def test_group_order_of_a_patient_at_risk_warns_first(ehr) -> None:
    first, second = cards(ehr, "depression", order(ehr, "depression"))
    assert first["indicator"] == "warning"
    assert second["indicator"] == "info"


def test_R2_signed_choice_completes_the_order(ehr, sign) -> None:
    signed = sign()
    (card,) = cards(ehr, "alcohol", order(ehr))
    (suggestion,) = card["suggestions"]
    (action,) = suggestion["actions"]
    assert action["type"] == "create"
    resource = action["resource"]
    assert resource["resourceType"] == "ServiceRequest"
    assert resource["identifier"][0] == {
        "system": "https://app.test/referrals",
        "value": f"{signed.id}.1",
    }
    assert resource["code"]["coding"][0]["code"] == "711281004"
    assert card["selectionBehavior"] == "any"
    assert suggestion["uuid"]


def test_R2_two_signed_choices_are_two_orders(ehr, sign) -> None:
    choice = Choice("smart", "SMART Recovery", None, (), (), ("alcohol",))
    signed = sign(choices=(choice, replace(choice, program="aa", name="AA")))
    (card,) = cards(ehr, "alcohol", order(ehr))
    found = [one["actions"][0]["resource"] for one in card["suggestions"]]
    assert [one["identifier"][0]["value"] for one in found] == [
        f"{signed.id}.1",
        f"{signed.id}.2",
    ]


def test_R2_choice_of_another_clinician_is_not_suggested(ehr, sign) -> None:
    sign()
    (card,) = cards(ehr, "alcohol", order(ehr), user="Practitioner/another")
    assert "suggestions" not in card


def test_R11_choice_that_was_cancelled_is_not_suggested_again(ehr, sign) -> None:
    """Also while it still stands in the record."""
    sign()
    with writing(ehr.house.engine) as connection:
        held = {"status": "held", "reason": NOTE_STANDS}
        connection.execute(update(write_jobs).values(held))
    (card,) = cards(ehr, "alcohol", order(ehr))
    assert "suggestions" not in card


def test_R2_choice_for_another_patient_is_not_suggested(ehr, sign) -> None:
    sign("opioid")
    (card,) = cards(ehr, "alcohol", order(ehr))
    assert "suggestions" not in card


def test_clinician_who_calls_in_a_role_is_known_by_the_prefetch(ehr, sign) -> None:
    sign()
    sent = ehr.prefetch("alcohol")
    sent["user"] = {"resourceType": "Practitioner", "id": USER.split("/")[1]}
    role = "PractitionerRole/role-1"
    (card,) = cards(ehr, "alcohol", order(ehr), user=role, prefetch=sent)
    assert len(card["suggestions"]) == 1


def test_R4_unnamed_referral_suggests_an_unnamed_order(ehr, sign) -> None:
    sign(agreement="unnamed")
    (card,) = cards(ehr, "alcohol", order(ehr))
    assert "SMART" not in str(card)


def test_warning_that_was_answered_at_signing_is_not_said_again(ehr, sign) -> None:
    sign("depression", acknowledged=(Acknowledgement("S1", "Asked; plan made."),))
    (card,) = cards(ehr, "depression", order(ehr, "depression"))
    assert card["suggestions"]


def test_order_for_something_else_brings_no_card(ehr) -> None:
    code = {"coding": [{"system": SNOMED, "code": "3457005"}]}
    assert cards(ehr, "alcohol", order(ehr, code=code)) == []
