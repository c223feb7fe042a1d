"""From a decision to a signed referral: every gate, whoever calls."""

import base64
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from pydantic import SecretBytes
from sqlalchemy import select

from plugin.chart.chart import Chart, Consent, Encounter, Patient
from plugin.directory.meeting import Occurrence
from plugin.matching.recommendation import (
    Because,
    Evidence,
    Need,
    Recommendation,
    Recommended,
    Removed,
    Warning,  # noqa: A004 - the clinicians' word
)
from plugin.referral.decision import DecisionRequest, SignRequest, Wanted
from plugin.referral.disclosure import WITHHELD_FOR
from plugin.referral.errors import (
    CannotBeWritten,
    KeyMissing,
    MayNotSign,
    MeetingGone,
    NotAnswered,
    PatientDiffers,
    RecordClosed,
    ReferralUnknown,
)
from plugin.referral.labels import PART2_NOTICE
from plugin.referral.plan import WritePlan
from plugin.referral.signed import Acknowledgement, SignedReferral
from plugin.referral.signing import Signing
from plugin.settings import Settings
from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from plugin.store.referral_tables import referrals, write_jobs

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ALCOHOL = Because("Condition/1", ICD, "F10.20", "Alcohol dependence, uncomplicated")
MOOD = Because("Condition/2", ICD, "F33.1", "Recurrent depressive disorder")
STARTS = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
EVERYTHING = WritePlan(
    service_request=True,
    note=True,
    provenance=True,
    task=False,
    carries_referral_in_note=False,
    reasons=(),
    mode="full",
)
NEUTRAL = "A support group was discussed."
NAMING = "Referred to Alcoholics Anonymous for F10.20."


def meeting(program: str = "aa", starts: datetime = STARTS) -> Occurrence:
    return Occurrence(
        id=f"{program}-1",
        feed="demo",
        key="1",
        program=program,
        name="Early Risers",
        starts=starts,
        minutes=60,
        attendance="in-person",
        venue="Lantern House",
        address="12 Mill Street",
        timezone="America/New_York",
        km=1.0,
        tags=(),
        languages=("en",),
        url="",
        feed_fetched=STARTS,
    )


def program(program_id: str, name: str, need: str, line: Because) -> Recommended:
    return Recommended(
        id=program_id,
        name=name,
        score=0.9,
        fit="strong",
        approach=(),
        evidence=Evidence("B"),
        needs=(need,),
        reasons=(),
        cautions=(),
        deferred=False,
        features=(),
        meetings=(meeting(program_id),),
        because=(line,),
    )


def recommendation(*warnings: Warning, age: int | None = 46) -> Recommendation:
    return Recommendation(
        knowledge_version="1",
        at=STARTS,
        age=age,
        gender="male",
        needs=(
            Need("alcohol", "Alcohol use disorder", "active", 1.0, (ALCOHOL,)),
            Need("depression", "Depression", "active", 1.0, (MOOD,)),
        ),
        warnings=warnings,
        programs=(
            program("aa", "Alcoholics Anonymous", "alcohol", ALCOHOL),
            program("dbsa", "DBSA support group", "depression", MOOD),
        ),
        offered=("aa", "dbsa"),
        single_sessions=(),
        removed=(Removed("mm", "Moderation Management", "Dependence."),),
        unmapped=(),
        unreadable=(),
        could_not_check=(),
    )


def chart(**patient: Any) -> Chart:
    return Chart(
        Patient("Patient/pat-1", "pat-1", **patient),
        encounters=(
            Encounter("Encounter/enc-1", "enc-1", start="2026-03-02T11:30:00+00:00"),
        ),
    )


def request(**changed: Any) -> SignRequest:
    values: dict[str, Any] = {
        "choices": (Wanted("aa", None),),
        "note": NEUTRAL,
        "patient": "pat-1",
        "acknowledged": (),
        "agreement": "named",
    }
    return SignRequest(**(values | changed))


class Meetings:
    """The directory, as signing asks it: one meeting as it stands now."""

    def __init__(self) -> None:
        self.stands: dict[str, Occurrence] = {"aa-1": meeting()}

    def occurrence(self, meeting_id: str, at: datetime) -> Occurrence | None:
        del at
        return self.stands.get(meeting_id)


@dataclass
class Desk:
    room: Any
    signing: Signing
    meetings: Meetings

    def sign(
        self,
        asked: SignRequest | None = None,
        *,
        shown: Recommendation | None = None,
        of: Chart | None = None,
        plan: WritePlan = EVERYTHING,
        key: str | None = "key-1",
        **launch: Any,
    ) -> SignedReferral:
        """Sign, and give what is kept of it."""
        context = self.room.launch(f"ctx-{uuid.uuid4()}", **launch)
        parts = (of or chart(), shown or recommendation(), plan)
        done = self.signing.sign(
            context, parts, asked or request(), idempotency_key=key
        )
        return self.room.filed(done.id).signed  # type: ignore[no-any-return]

    def payloads(self) -> dict[str, dict[str, Any]]:
        rows = select(write_jobs.c.kind, write_jobs.c.payload)
        with reading(self.room.engine) as connection:
            return {kind: orjson.loads(body) for kind, body in connection.execute(rows)}

    def kept(self) -> int:
        with reading(self.room.engine) as connection:
            return len(connection.execute(select(referrals.c.id)).all())

    def told(self, kind: str) -> list[dict[str, Any]]:
        rows = select(audit_events.c.canonical).where(audit_events.c.kind == kind)
        with reading(self.room.engine) as connection:
            return [orjson.loads(one)["detail"] for one in connection.scalars(rows)]


def desk_in(room: Any, **ehr: Any) -> Desk:
    site = {"id": "general", "issuer": "https://fhir.general.example/r4"}
    settings = Settings(
        public_url="https://selfhelp.example.org",
        database_url="sqlite:///unused.db",
        ehr=[{**site, "client_id": "selfhelp", **ehr}],
        master_keys=[SecretBytes(b"\x01" * 32)],
        audit_keys=[SecretBytes(b"\x05" * 32)],
    )
    meetings: Any = Meetings()
    signing = Signing(
        room.ledger, room.trail, meetings, settings, room.clock, uuid.uuid4
    )
    return Desk(room, signing, meetings)


@pytest.fixture
def desk(room: Any) -> Desk:
    return desk_in(room)


def test_signed_decision_is_frozen_with_its_writes(desk: Desk) -> None:
    signed = desk.sign(request(choices=(Wanted("aa", "aa-1"),)))
    assert signed.encounter_start == "2026-03-02T11:30:00+00:00"
    assert signed.choices[0].meeting is not None
    assert signed.choices[0].conditions == ("Condition/1",)
    assert list(desk.payloads()) == [
        "ServiceRequest",
        "DocumentReference",
        "Provenance",
    ]


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param({"deceased": True}, id="P07-died"),
        pytest.param({"replaced_by": "Patient/2"}, id="P07-merged"),
    ],
)
def test_P07_nothing_is_signed_for_a_record_that_is_closed(
    desk: Desk, closed: dict[str, Any]
) -> None:
    with pytest.raises(RecordClosed):
        desk.sign(of=chart(**closed))
    assert desk.kept() == 0


def test_P07_record_not_in_use_is_doubted_and_not_closed(desk: Desk) -> None:
    assert desk.sign(of=chart(active=False)).patient == "pat-1"


@pytest.mark.parametrize(
    ("asked", "of"),
    [
        pytest.param(request(patient="pat-2"), None, id="P03-the-page"),
        pytest.param(None, Chart(Patient("Patient/9", "9")), id="P03-the-chart"),
    ],
)
def test_P03_another_patient_is_refused_and_noted(
    desk: Desk, asked: SignRequest | None, of: Chart | None
) -> None:
    with pytest.raises(PatientDiffers):
        desk.sign(asked, of=of)
    assert desk.kept() == 0
    assert desk.told("security.rejected") == [{"what": "another patient"}]


def test_R7_only_a_practitioner_signs(desk: Desk) -> None:
    with pytest.raises(MayNotSign):
        desk.sign(fhir_user="Patient/pat-1")
    assert desk.kept() == 0


def test_P12_nothing_is_signed_where_nothing_can_be_written(desk: Desk) -> None:
    with pytest.raises(CannotBeWritten):
        desk.sign(plan=replace(EVERYTHING, note=False))
    assert desk.kept() == 0


def test_P12_note_alone_is_signed_where_no_order_can_be_written(desk: Desk) -> None:
    desk.sign(plan=replace(EVERYTHING, service_request=False))
    assert list(desk.payloads()) == ["DocumentReference", "Provenance"]


def test_P09_a_decision_without_a_key_is_not_signed(desk: Desk) -> None:
    with pytest.raises(KeyMissing):
        desk.sign(key=None)


@pytest.mark.parametrize(
    ("stands", "refused"),
    [
        pytest.param({}, MeetingGone, id="P11-closed"),
        pytest.param(
            {"aa-1": meeting(starts=STARTS.replace(hour=19))},
            MeetingGone,
            id="P11-moved",
        ),
        pytest.param({"aa-1": meeting("dbsa")}, NotAnswered, id="another-programme-s"),
    ],
)
def test_P11_meeting_is_looked_at_again_before_it_is_signed(
    desk: Desk, stands: dict[str, Occurrence], refused: type[Exception]
) -> None:
    desk.meetings.stands = stands
    with pytest.raises(refused):
        desk.sign(request(choices=(Wanted("aa", "aa-1"),)))
    assert desk.kept() == 0


@pytest.mark.parametrize(
    ("program_id", "said"),
    [
        pytest.param("mm", "Moderation Management does not suit", id="removed"),
        pytest.param("golf", "does not suit this patient", id="P13-unknown"),
    ],
)
def test_choice_that_is_not_offered_is_refused(
    desk: Desk, program_id: str, said: str
) -> None:
    with pytest.raises(NotAnswered) as caught:
        desk.sign(request(choices=(Wanted(program_id, None),)))
    assert said in caught.value.public


def test_P13_another_tenants_launch_finds_neither_key_nor_referral(desk: Desk) -> None:
    first = desk.sign()
    other = desk.room.launch("ctx-other", tenant="other")
    assert desk.room.ledger.signed_before(other, "key-1", "any") is None
    assert desk.room.ledger.referrals("other", first.patient) == []
    with pytest.raises(ReferralUnknown):
        desk.room.ledger.referral_of(other, first.id)


def test_P08_what_a_signature_discloses_is_told(desk: Desk) -> None:
    desk.sign(request(note=NAMING))
    (told,) = desk.told("referral.signed")
    assert (told["agreement"], told["part2"], told["restricted"]) == (
        "named",
        True,
        False,
    )


@pytest.mark.parametrize(
    ("shown", "ehr", "of", "asked", "why"),
    [
        pytest.param(
            recommendation(), {}, None, "unnamed", "", id="agreed-to-no-names"
        ),
        pytest.param(
            recommendation(Warning("S11", "amber", "Violence", "")),
            {},
            None,
            "named",
            WITHHELD_FOR["violence"],
            id="violence",
        ),
        pytest.param(
            recommendation(age=15), {}, None, "named", WITHHELD_FOR["minor"], id="minor"
        ),
        pytest.param(
            recommendation(),
            {"part2": "consent_resource"},
            None,
            "named",
            WITHHELD_FOR["part2"],
            id="part-2-without-consent",
        ),
        pytest.param(
            recommendation(),
            {},
            replace(
                chart(),
                consents=(
                    Consent(
                        "Consent/7",
                        "active",
                        provision="deny",
                        policies=("42CFRPart2",),
                    ),
                ),
            ),
            "named",
            WITHHELD_FOR["part2"],
            id="part-2-refused-in-writing",
        ),
    ],
)
def test_R4_unnamed_record_names_nothing(
    room: Any,
    shown: Recommendation,
    ehr: dict[str, Any],
    of: Chart | None,
    asked: Any,
    why: str,
) -> None:
    desk = desk_in(room, **ehr)
    wanted = (Wanted("aa", "aa-1"),)
    with pytest.raises(NotAnswered) as caught:
        desk.sign(
            request(note=NAMING, agreement=asked, choices=wanted), shown=shown, of=of
        )
    assert caught.value.public.endswith(why)
    assert "Alcoholics" not in caught.value.public
    assert desk.kept() == 0
    signed = desk.sign(request(agreement=asked, choices=wanted), shown=shown, of=of)
    assert not signed.named
    bodies = orjson.dumps(desk.payloads()).decode()
    for told in ("Alcoholics", "F10", "Condition/1", "Early Risers", "18:30", "Part2"):
        assert told not in bodies


@pytest.mark.parametrize(
    ("patient", "told"),
    [
        pytest.param(
            {"language": "es", "interpreter_needed": True}, ("es", "needed"), id="yes"
        ),
        pytest.param({"interpreter_needed": False}, ("", "not needed"), id="no"),
        pytest.param({}, ("", "not known"), id="silent"),
    ],
)
def test_R15_consent_tells_language_and_interpreter(
    desk: Desk, patient: dict[str, Any], told: tuple[str, str]
) -> None:
    desk.sign(of=chart(**patient))
    (event,) = desk.told("consent.recorded")
    assert (event["patient_language"], event["interpreter"]) == told


def test_R5_consent_of_the_chart_lets_the_record_name_and_is_told(room: Any) -> None:
    desk = desk_in(room, part2="consent_resource")
    held = Consent("Consent/7", "active", provision="permit", policies=("42CFRPart2",))
    signed = desk.sign(request(note=NAMING), of=replace(chart(), consents=(held,)))
    assert (signed.named, signed.part2_consent) == (True, "Consent/7")
    (told,) = desk.told("referral.signed")
    assert (told["part2"], told["part2_consent"]) == (True, "Consent/7")


def test_R5_part_2_goes_with_its_labels_and_its_notice(desk: Desk) -> None:
    desk.sign(request(note=NAMING))
    written = desk.payloads()
    for kind in ("ServiceRequest", "DocumentReference", "Provenance"):
        labels = [one["code"] for one in written[kind]["meta"]["security"]]
        assert labels == ["R", "42CFRPart2"], kind
    assert written["ServiceRequest"]["note"] == [{"text": PART2_NOTICE}]
    assert PART2_NOTICE in written["DocumentReference"]["description"]
    attachment = written["DocumentReference"]["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]).decode() == NAMING  # as it was signed


def test_R5_what_tells_no_substance_use_bears_no_such_label(desk: Desk) -> None:
    desk.sign(request(choices=(Wanted("dbsa", None),), note="DBSA was discussed."))
    assert all("security" not in one["meta"] for one in desk.payloads().values())


def test_R4_violence_is_labelled_restricted(desk: Desk) -> None:
    signed = desk.sign(
        request(agreement="unnamed"),
        shown=recommendation(Warning("S11", "amber", "Violence", "")),
    )
    assert signed.restricted
    for kind, body in desk.payloads().items():
        assert [one["code"] for one in body["meta"]["security"]] == ["R"], kind


def test_R3_hand_out_needs_the_answers_and_declined_records_their_lack(
    desk: Desk,
) -> None:
    red = Warning("S1", "red", "Suicide risk", "", needs_answer=True)
    context = desk.room.launch()
    with pytest.raises(NotAnswered):
        desk.signing.decide(
            context, recommendation(red), DecisionRequest("handout_only", None)
        )
    desk.signing.decide(
        context, recommendation(red), DecisionRequest("declined", "time")
    )
    desk.signing.decide(
        context,
        recommendation(red),
        DecisionRequest("handout_only", None, (Acknowledgement("S1", "Safe."),)),
    )
    assert [one["red_unresolved"] for one in desk.told("referral.declined")] == [["S1"]]
    assert [one["red_unresolved"] for one in desk.told("referral.handout")] == [[]]
    assert desk.kept() == 0


def test_A09_each_answered_warning_is_told_without_its_words(desk: Desk) -> None:
    red = Warning("S1", "red", "Suicide risk", "", needs_answer=True)
    answer = Acknowledgement("S1", "Safety plan made.", date(2026, 3, 9))
    desk.sign(request(acknowledged=(answer,)), shown=recommendation(red))
    (told,) = desk.told("warning.acknowledged")
    assert (told["warning"], told["follow_up"]) == ("S1", "2026-03-09")
    assert "Safety plan" not in orjson.dumps(told).decode()
