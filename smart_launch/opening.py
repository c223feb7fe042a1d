"""From a checked token answer to the context and the grant that are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from smart_launch.context import LaunchContext, hash_secret, is_fhir_id
from smart_launch.errors import PatientMissing, TokenRejected
from smart_launch.id_token import Identity
from smart_launch.launch import PendingLaunch
from smart_launch.registration import Registration
from smart_launch.scopes import Scopes
from smart_launch.secret import Secret
from smart_launch.token_reply import TokenReply
from smart_launch.tokens import Grant


def check_answer(reply: TokenReply) -> None:
    """Raises: PatientMissing; TokenRejected, where nothing says what was granted."""
    if not is_fhir_id(reply.patient):
        raise PatientMissing("the token names no patient, or not by an id")
    if reply.scope is None:
        raise TokenRejected("the token endpoint does not say what it granted")


def opened_context(
    registration: Registration,
    pending: PendingLaunch,
    reply: TokenReply,
    identity: Identity,
    *,
    context_id: str,
    secret: str,
    now: datetime,
    session: timedelta,
) -> LaunchContext:
    style = reply.smart_style_url
    granted = Scopes.parse(reply.scope or "")
    return LaunchContext(
        id=context_id,
        tenant=registration.id,
        issuer=registration.issuer,
        patient=str(reply.patient),
        encounter=reply.encounter_id(),
        fhir_user=identity.fhir_user,
        subject=identity.subject,
        user_name=identity.name,
        scopes=granted.within(Scopes.parse(pending.scope)),
        need_patient_banner=reply.need_patient_banner,
        intent=reply.intent,
        smart_style_url=style if style and registration.allows(style) else None,
        fhir_context=reply.context_items(),
        app_context=reply.app_context,
        launched_at=now,
        expires_at=now + session,
        secret_hash=hash_secret(secret),
        ehr_tenant=reply.tenant,
        user_roles=identity.roles,
    )


def opened_grant(context: LaunchContext, reply: TokenReply, now: datetime) -> Grant:
    refresh = reply.refresh_token
    return Grant(
        access_token=Secret(reply.access_token.get_secret_value()),
        refresh_token=None if refresh is None else Secret(refresh.get_secret_value()),
        scope=reply.scope or "",
        expires_at=reply.expires_at(now),
        patient=context.patient,
    )
