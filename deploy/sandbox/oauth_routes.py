"""Authorize, token and revoke.

Source: SMART App Launch 2.2; RFC 6749, 7009, 7636 and 9207.

A request whose app or redirect address is wrong is answered here and never redirected;
every other refusal goes back to the app as an error.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from deploy.sandbox.clients import Client, Clients
from deploy.sandbox.effects import Arrival, changed
from deploy.sandbox.grants import Code, Issued
from deploy.sandbox.moments import Clock
from deploy.sandbox.refusals import NOT_STORED, OAuthRefusal
from deploy.sandbox.scopes import granted
from deploy.sandbox.signing import SigningKey
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json, json_answer

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_ID_TOKEN_LIFETIME = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class OAuth:
    """The authorization server of every site."""

    clients: Clients
    key: SigningKey
    clock: Clock

    async def authorize(self, arrival: Arrival) -> Response:
        """Approve at once for the signed-in practitioner, or say why not."""
        asked = arrival.form
        client = self.clients.find(asked.get("client_id", ""))
        redirect_uri = asked.get("redirect_uri", "")
        if client is None:
            return PlainTextResponse("This app is not registered here.", 400)
        if redirect_uri not in client.redirect_uris:
            text = "The redirect_uri is not one that was registered for this app."
            return PlainTextResponse(text, 400)
        answer = {"state": asked["state"]} if asked.get("state") else {}
        try:
            answer["code"] = self._approve(arrival, client)
        except OAuthRefusal as refusal:
            answer |= {"error": refusal.error, "error_description": refusal.text}
        if arrival.site.flavour.sends_iss:
            answer["iss"] = arrival.site.fhir
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 302, NOT_STORED)

    def _approve(self, arrival: Arrival, client: Client) -> str:
        asked, site = arrival.form, arrival.site
        _check_authorization(asked, site)
        launch = site.grants.spend_launch(asked["launch"])
        if launch is None:
            raise OAuthRefusal("invalid_request", "the launch is not known or is over")
        narrow = arrival.fault("narrow")
        withheld = narrow.detail.get("scopes", ()) if narrow else ()
        return site.grants.issue_code(
            Code(
                client_id=client.client_id,
                redirect_uri=asked["redirect_uri"],
                challenge=asked["code_challenge"],
                scope=granted(asked["scope"], site.flavour, withheld),
                nonce=asked.get("nonce", ""),
                launch=launch,
            )
        )

    async def token(self, arrival: Arrival) -> Response:
        form, site = arrival.form, arrival.site
        authorization = arrival.request.headers.get("authorization", "")
        client = await run_in_threadpool(site.client_check.caller, form, authorization)
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(arrival, client)
            case "refresh_token":
                token = form.get("refresh_token", "")
                issued = site.grants.refresh(token, client.client_id)
                return self._token_answer(arrival, issued)
            case "client_credentials":
                return self._own_token(arrival, client)
        raise OAuthRefusal("unsupported_grant_type", "not a grant type of this server")

    def _redeem(self, arrival: Arrival, client: Client) -> Response:
        form, site = arrival.form, arrival.site
        text = form.get("code", "")
        code = site.grants.spend_code(text)
        if code.client_id != client.client_id:
            raise OAuthRefusal("invalid_grant", "the code is another app's")
        if form.get("redirect_uri") != code.redirect_uri:
            raise OAuthRefusal("invalid_grant", "redirect_uri is not that of the code")
        if not _verifies(form.get("code_verifier", ""), code.challenge):
            raise OAuthRefusal("invalid_grant", "the code_verifier does not match")
        refreshable = "online_access" in code.scope.split()
        issued = site.grants.grant(text, code, refreshable=refreshable)
        return self._token_answer(arrival, issued, code)

    def _own_token(self, arrival: Arrival, client: Client) -> Response:
        """Source: SMART App Launch 2.2, "Backend Services"."""
        if not client.own_access or client.auth != "private_key_jwt":
            raise OAuthRefusal(
                "unauthorized_client", "the app was granted no access of its own"
            )
        site = arrival.site
        narrow = arrival.fault("narrow")
        withheld = narrow.detail.get("scopes", ()) if narrow else ()
        asked = arrival.form.get("scope", "")
        scope = granted(asked, site.flavour, withheld, own=True)
        if not scope:
            raise OAuthRefusal("invalid_scope", "no system scope that is given here")
        issued = site.grants.own_grant(client.client_id, scope)
        body = {
            "access_token": issued.access_token,
            "token_type": "Bearer",
            "expires_in": issued.seconds,
            "scope": scope,
        }
        return json_answer(body, headers=NOT_STORED)

    def _token_answer(
        self, arrival: Arrival, issued: Issued, code: Code | None = None
    ) -> Response:
        site = arrival.site
        if other := arrival.fault("other_patient"):
            patient = site.patient_id(str(other.detail["patient"]))
            issued = site.grants.rebind(issued, patient)
        body = _token_body(issued, site)
        held = issued.grant.scope.split()
        if code is not None and "openid" in held:
            claims = self._claims(issued, code, site, told="fhirUser" in held)
            if wrong := arrival.fault("claims"):
                claims = changed(claims, wrong.detail)
            body["id_token"] = self.key.sign(claims)
        return json_answer(body, headers=NOT_STORED)

    def _claims(self, issued: Issued, code: Code, site: Site, *, told: bool) -> Json:
        now = self.clock()
        practitioner = issued.grant.launch.practitioner
        claims: Json = {
            "iss": site.fhir,
            "sub": f"user-{practitioner}",
            "aud": issued.grant.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + _ID_TOKEN_LIFETIME).timestamp()),
        }
        if code.nonce:
            claims["nonce"] = code.nonce
        if told:
            claims["fhirUser"] = f"{site.fhir}/Practitioner/{practitioner}"
            record = site.records.read("Practitioner", practitioner) or {}
            claims["name"] = record.get("name", [{}])[0].get("text", "")
        return claims

    async def revoke(self, arrival: Arrival) -> Response:
        form, site = arrival.form, arrival.site
        authorization = arrival.request.headers.get("authorization", "")
        client = await run_in_threadpool(site.client_check.caller, form, authorization)
        if "token" not in form:
            raise OAuthRefusal("invalid_request", "token is missing")
        site.grants.revoke(form["token"], client.client_id)
        return Response(b"", 200, NOT_STORED)


def _check_authorization(asked: Mapping[str, str], site: Site) -> None:
    if asked.get("response_type") != "code":
        raise OAuthRefusal("unsupported_response_type", "response_type must be code")
    needed = ("launch", "scope", "state", "aud", "code_challenge")
    for name in needed:
        if not asked.get(name):
            raise OAuthRefusal("invalid_request", f"{name} is missing")
    if asked["aud"] != site.fhir:
        raise OAuthRefusal("invalid_request", f"aud must be {site.fhir}")
    if asked.get("code_challenge_method") != "S256":
        raise OAuthRefusal("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(asked["code_challenge"]):
        raise OAuthRefusal("invalid_request", "code_challenge is no SHA-256 digest")
    if "launch" not in asked["scope"].split():
        raise OAuthRefusal("invalid_scope", "the scope launch is missing")


def _verifies(verifier: str, challenge: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return compare_digest(made, challenge)


def _token_body(issued: Issued, site: Site) -> dict[str, Any]:
    launch = issued.grant.launch
    body: dict[str, Any] = {
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
        "scope": issued.grant.scope,
        "patient": launch.patient,
        "encounter": launch.encounter,
        "need_patient_banner": launch.need_patient_banner,
        "smart_style_url": site.style_url,
        "intent": launch.intent,
        "tenant": launch.tenant,
        "fhirContext": list(launch.fhir_context),
        "appContext": launch.app_context,
    }
    if issued.refresh_token:
        body["refresh_token"] = issued.refresh_token
    return {name: value for name, value in body.items() if value not in ("", [])}
