"""The shapes of the JSON interface, for the OpenAPI document.

What is sent is read strictly by `plugin.referral`; these describe it to others.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from plugin.referral.cancelling import REASONS as CANCEL_REASONS

Json = dict[str, Any]

_ID: Json = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:|/-]{0,127}$"}
_CODE: Json = {"type": ["string", "null"], "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"}
_ANSWERS: Json = {
    "type": "array",
    "description": "What was done about each warning. A red one needs text; suicide "
    "risk a date of follow-up too.",
    "items": {
        "type": "object",
        "required": ["id", "text"],
        "additionalProperties": False,
        "properties": {
            "id": _ID,
            "text": {"type": "string", "maxLength": 2000},
            "follow_up": {"type": ["string", "null"], "format": "date"},
        },
    },
}

REFERRAL: Json = {
    "type": "object",
    "required": ["choices", "note", "patient", "agreement"],
    "additionalProperties": False,
    "properties": {
        "choices": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["program"],
                "additionalProperties": False,
                "properties": {
                    "program": _ID,
                    "meeting": {**_ID, "type": ["string", "null"]},
                },
            },
        },
        "note": {"type": "string", "minLength": 1, "maxLength": 20000},
        "patient": {
            "type": "string",
            "pattern": "^[A-Za-z0-9.-]{1,64}$",
            "description": "The FHIR id of the patient whom the page showed.",
        },
        "acknowledged": _ANSWERS,
        "agreement": {
            "enum": ["named", "unnamed"],
            "description": "May the record name the groups and the reasons?",
        },
        "encounter": {
            "type": ["string", "null"],
            "pattern": "^[A-Za-z0-9.-]{1,64}$",
            "description": "The visit, by its FHIR id, where the launch names none.",
        },
    },
}

DECISION: Json = {
    "type": "object",
    "required": ["decision"],
    "additionalProperties": False,
    "properties": {
        "decision": {"enum": ["handout_only", "declined"]},
        "reason": _CODE,
        "acknowledged": _ANSWERS,
    },
}

OUTCOME: Json = {
    "type": "object",
    "required": ["attended"],
    "additionalProperties": False,
    "properties": {
        "attended": {"enum": ["yes", "no", "unknown"]},
        "times": {"type": ["integer", "null"], "minimum": 0, "maximum": 1000},
        "would_return": {"type": ["boolean", "null"]},
        "involvement": {
            "type": "array",
            "items": {"enum": ["sponsor", "home_group", "service"]},
        },
        "reason": _CODE,
    },
}

CONFIRMATION: Json = {
    "type": "object",
    "required": ["patient"],
    "additionalProperties": False,
    "properties": {"patient": REFERRAL["properties"]["patient"]},
}

CANCELLING: Json = {
    "type": "object",
    "required": ["reason", "patient"],
    "additionalProperties": False,
    "properties": {
        "reason": {
            "enum": list(CANCEL_REASONS),
            "description": "signed_in_error also says so of the order and the note.",
        },
        **CONFIRMATION["properties"],
    },
}

PROBLEM: Json = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {
        "error": {"type": "string", "description": "A word for programs."},
        "message": {"type": "string", "description": "A sentence for people."},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
}


def json_body(shape: Json) -> Json:
    content = {"application/json": {"schema": shape}}
    return {"requestBody": {"required": True, "content": content}}


def answers(*statuses: int) -> dict[int | str, Json]:
    """Every status an operation may answer with; errors have one shape."""
    return {status: _answer(status) for status in statuses}


def _answer(status: int) -> Json:
    answer: Json = {"description": HTTPStatus(status).phrase}
    shape: Json = {} if status < 400 else PROBLEM
    answer["content"] = {"application/json": {"schema": shape}}
    return answer
