"""The shapes of calls and feedback, for the OpenAPI document.

Source: CDS Hooks 2.0, "HTTP Request" and "Feedback".
"""

from http import HTTPStatus
from typing import Any

Json = dict[str, Any]

_ID: Json = {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}
_UUID: Json = {"type": "string", "format": "uuid"}
_BUNDLE: Json = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {
        "resourceType": {"const": "Bundle"},
        "entry": {"type": "array", "items": {"type": "object"}},
    },
}

CALL: Json = {
    "type": "object",
    "required": ["hook", "hookInstance", "context"],
    "properties": {
        "hook": {"enum": ["patient-view", "order-sign", "encounter-discharge"]},
        "hookInstance": _UUID,
        "hookVersion": {"type": "string"},
        "fhirServer": {"type": "string", "description": "The EHR's registered issuer."},
        "fhirAuthorization": {
            "type": "object",
            "required": ["access_token", "token_type", "scope"],
            "properties": {
                "access_token": {"type": "string"},
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer"},
                "scope": {"type": "string"},
                "subject": {"type": "string"},
                "patient": _ID,
            },
        },
        "context": {
            "type": "object",
            "required": ["userId", "patientId"],
            "properties": {
                "userId": {
                    "type": "string",
                    "pattern": "^(Practitioner|PractitionerRole|Patient|RelatedPerson)/"
                    "[A-Za-z0-9.-]{1,64}$",
                },
                "patientId": _ID,
                "encounterId": _ID,
                "draftOrders": _BUNDLE,
            },
        },
        "prefetch": {
            "type": "object",
            "additionalProperties": {"type": ["object", "null"]},
        },
    },
}

FEEDBACK: Json = {
    "type": "object",
    "required": ["feedback"],
    "properties": {
        "feedback": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["card", "outcome", "outcomeTimestamp"],
                "properties": {
                    "card": _UUID,
                    "outcome": {"enum": ["accepted", "overridden"]},
                    "outcomeTimestamp": {"type": "string", "format": "date-time"},
                    "acceptedSuggestions": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {"id": _UUID},
                        },
                    },
                    "overrideReason": {
                        "type": "object",
                        "properties": {
                            "reason": {
                                "type": "object",
                                "required": ["code"],
                                "properties": {
                                    "code": {"type": "string"},
                                    "system": {"type": "string"},
                                    "display": {"type": "string"},
                                },
                            },
                            "userComment": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
}

_OUTCOME: Json = {
    "type": "object",
    "required": ["resourceType", "issue"],
    "properties": {"resourceType": {"const": "OperationOutcome"}},
}


def body(shape: Json) -> Json:
    content = {"application/json": {"schema": shape}}
    return {"requestBody": {"required": True, "content": content}}


def answers(*statuses: int) -> dict[int | str, Json]:
    """Every status an operation may answer with; errors are OperationOutcomes."""
    return {status: _answer(status) for status in statuses}


def _answer(status: int) -> Json:
    shape: Json = {} if status < 400 else _OUTCOME
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": shape}},
    }
