"""The clinician's choices as JSON: the same cookie, the same gates, the same ledger."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Header
from starlette.responses import Response

from plugin.matching.as_json import recommendation_json
from plugin.referral.cancelling import confirm_discontinued
from plugin.referral.decision import decision_request, sign_request
from plugin.referral.filed import referral_json
from plugin.referral.outcomes import outcome_request
from plugin.screens.api_shapes import (
    CANCELLING,
    CONFIRMATION,
    DECISION,
    OUTCOME,
    REFERRAL,
    answers,
    json_body,
)
from plugin.screens.cancelling import cancel_request, confirm_request, take_back
from plugin.screens.drafts import draft_of_launch, visit_of
from plugin.screens.encounter_choice import in_encounter
from plugin.screens.gate import ChangingLaunch, Launch, check_patient
from plugin.screens.outcomes import record
from plugin.screens.posted import JsonBody

router = APIRouter(prefix="/launches/{launch_id}/api", tags=["choices"])


@router.get("/recommendation", responses=answers(200, 401, 404, 409, 422, 502))
def get_recommendation(launch: Launch) -> Response:
    """The whole recommendation, in the shape of `selfhelp recommend --json`."""
    visit = visit_of(launch, draft_of_launch(launch))
    return _json(recommendation_json(visit.recommendation))


@router.post(
    "/referrals",
    status_code=201,
    responses=answers(200, 201, 400, 401, 403, 404, 409, 415, 422),
    openapi_extra=json_body(REFERRAL),
)
def post_referral(
    launch: ChangingLaunch,
    body: JsonBody,
    idempotency_key: str | None = Header(default=None),
) -> Response:
    """Sign one decision: an order for each choice, one note for all."""
    visit = visit_of(launch, draft_of_launch(launch))
    request = sign_request(body)
    visit = in_encounter(launch, visit, request.encounter)
    signed = launch.house.signing.sign(
        launch.context,
        (visit.chart, visit.recommendation, visit.plan),
        request,
        idempotency_key=idempotency_key,
    )
    launch.house.worker.nudge()
    return _json(
        {"id": signed.id, "status": signed.status}, 201 if signed.created else 200
    )


@router.get("/referrals", responses=answers(200, 401, 404, 409, 422))
def get_referrals(launch: Launch) -> Response:
    """Every referral of this patient, the newest first."""
    context = launch.context
    filed = launch.house.ledger.referrals(context.tenant, context.patient)
    return _json([referral_json(one) for one in filed])


@router.get("/referrals/{referral_id}", responses=answers(200, 401, 404, 409, 422))
def get_referral(launch: Launch, referral_id: str) -> Response:
    filed = launch.house.ledger.referral_of(launch.context, referral_id)
    return _json(referral_json(filed))


@router.post(
    "/referrals/{referral_id}/outcomes",
    status_code=201,
    responses=answers(201, 400, 401, 403, 404, 409, 415, 422),
    openapi_extra=json_body(OUTCOME),
)
def post_outcome(launch: ChangingLaunch, referral_id: str, body: JsonBody) -> Response:
    """Record whether the patient went. Gives the referral with its outcomes."""
    filed = record(launch, referral_id, outcome_request(body))
    return _json(referral_json(filed), 201)


@router.post(
    "/referrals/{referral_id}/cancel",
    responses=answers(200, 400, 401, 403, 404, 409, 415, 422),
    openapi_extra=json_body(CANCELLING),
)
def post_cancel(launch: ChangingLaunch, referral_id: str, body: JsonBody) -> Response:
    """Take it back: nothing more is sent, and the EHR is told where it takes that."""
    reason, patient = cancel_request(body)
    return _json(referral_json(take_back(launch, referral_id, reason, patient)))


@router.post(
    "/referrals/{referral_id}/discontinued",
    responses=answers(200, 400, 401, 403, 404, 409, 415, 422),
    openapi_extra=json_body(CONFIRMATION),
)
def post_discontinued(
    launch: ChangingLaunch, referral_id: str, body: JsonBody
) -> Response:
    """A person has discontinued in the EHR what was cancelled here."""
    check_patient(launch, confirm_request(body))
    launch.house.signing.check_signer(launch.context)
    ledger, context = launch.house.ledger, launch.context
    return _json(referral_json(confirm_discontinued(ledger, context, referral_id)))


@router.post(
    "/decisions",
    status_code=201,
    responses=answers(201, 400, 401, 403, 404, 409, 415, 422),
    openapi_extra=json_body(DECISION),
)
def post_decision(launch: ChangingLaunch, body: JsonBody) -> Response:
    """Record hand-out only, or declined. Nothing is written to the record."""
    visit = visit_of(launch, draft_of_launch(launch))
    request = decision_request(body)
    decided = launch.house.signing.decide(launch.context, visit.recommendation, request)
    return _json({"id": decided, "decision": request.decision}, 201)


def _json(value: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(value), status_code=status, media_type="application/json"
    )
