"""The token endpoint's answer, from wire shape to values.

Source: SMART App Launch 2.2, "Obtain access token" and "Launch context arrives with
your access_token".
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from smart_launch.context import FhirContextItem, is_fhir_id
from smart_launch.errors import TokenRejected
from smart_launch.outbound import Reply

# A lifetime that is absent is taken as the longest that SMART recommends; an expired
# token shows itself by a 401 anyway.
_DEFAULT_SECONDS = 3600
_LEAST_SECONDS = 60
_MOST_SECONDS = 12 * 3600
_MAX_TOKEN = 32_768
_MAX_CONTEXT_ITEMS = 50
# What the SMART launcher sends where no encounter was chosen.
_NO_ENCOUNTER = "AUTO"


def _short_text(value: object) -> str | None:
    """Text of one line and modest length, or nothing: never a reason to fail."""
    if isinstance(value, str) and 0 < len(value) <= 2048 and value.isprintable():
        return value
    return None


def _truth(value: object) -> bool:
    # Only a clear "no" hides the patient's name.
    return value is not False and value != "false"


ShortText = Annotated[str | None, BeforeValidator(_short_text)]


class TokenReply(BaseModel):
    """Wire shape. Context of the wrong form is dropped, except `patient`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access_token: SecretStr
    token_type: str
    scope: str | None = None
    expires_in: Any = None
    refresh_token: SecretStr | None = None
    id_token: SecretStr | None = None
    patient: Any = None
    encounter: Any = None
    need_patient_banner: Annotated[bool, BeforeValidator(_truth)] = True
    intent: ShortText = None
    smart_style_url: ShortText = None
    tenant: ShortText = None
    app_context: ShortText = Field(default=None, alias="appContext")
    fhir_context: Any = Field(default=None, alias="fhirContext")

    @field_validator("access_token", "refresh_token")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            text = value.get_secret_value()
            visible = text.isascii() and text.isprintable() and " " not in text
            if not (0 < len(text) <= _MAX_TOKEN and visible):
                raise ValueError("a token that cannot be sent in a header")
        return value

    @field_validator("token_type")
    @classmethod
    def _is_bearer(cls, value: str) -> str:
        if value.lower() != "bearer":
            raise ValueError("not a bearer token")
        return value

    def expires_at(self, now: datetime) -> datetime:
        """When to stop using the token: what the EHR said, within reason."""
        try:
            seconds = float(self.expires_in)
        except (TypeError, ValueError):
            seconds = math.nan
        if math.isnan(seconds):
            seconds = _DEFAULT_SECONDS
        within = max(_LEAST_SECONDS, min(_MOST_SECONDS, seconds))
        return now + timedelta(seconds=within)

    def encounter_id(self) -> str | None:
        if is_fhir_id(self.encounter) and self.encounter != _NO_ENCOUNTER:
            return str(self.encounter)
        return None

    def context_items(self) -> tuple[FhirContextItem, ...]:
        """The readable items of `fhirContext`; `patient` and others stand apart."""
        if not isinstance(self.fhir_context, list):
            return ()
        items = map(_context_item, self.fhir_context[:_MAX_CONTEXT_ITEMS])
        return tuple(item for item in items if item is not None)


def _context_item(value: object) -> FhirContextItem | None:
    if not isinstance(value, dict):
        return None
    identifier = value.get("identifier")
    if not isinstance(identifier, dict):
        identifier = {}
    item = FhirContextItem(
        reference=_short_text(value.get("reference")),
        type=_short_text(value.get("type")),
        role=_short_text(value.get("role")) or "launch",
        canonical=_short_text(value.get("canonical")),
        identifier_system=_short_text(identifier.get("system")),
        identifier_value=_short_text(identifier.get("value")),
    )
    return item if item.reference or item.canonical or item.identifier_value else None


def read_token_reply(reply: Reply) -> TokenReply:
    """Raises: TokenRejected, for anything but a usable bearer token."""
    try:
        return TokenReply.model_validate(reply.json())
    except ValidationError as error:
        names = sorted({str(item["loc"][:1]) for item in error.errors()})
        raise TokenRejected(
            f"the token endpoint's answer is not usable: {' '.join(names)}"
        ) from None
    except ValueError:
        raise TokenRejected("the token endpoint's answer is not JSON") from None
