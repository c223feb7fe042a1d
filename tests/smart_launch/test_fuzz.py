"""Whatever an EHR answers, it is read or refused: no other error gets out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_launch.context import is_fhir_id
from smart_launch.discovery import fetch
from smart_launch.ehr_keys import fetch as fetch_keys
from smart_launch.errors import (
    EhrUnavailable,
    FhirError,
    IdentityRejected,
    TokenRejected,
    UnreadableAnswer,
)
from smart_launch.fhir_reply import error_of, outcome_text, read_created, read_entry
from smart_launch.outbound import Reply
from smart_launch.search_result import PageReader, next_address
from smart_launch.token_reply import read_token_reply

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["Bearer", "p1", "S256", "Bundle", "Condition", "next", "RSA", "EC", "AQAB"]
    )
)
NAMES = st.text(max_size=6) | st.sampled_from(
    [
        "access_token",
        "token_type",
        "scope",
        "expires_in",
        "patient",
        "encounter",
        "fhirContext",
        "id_token",
        "reference",
        "identifier",
        "role",
        "resourceType",
        "entry",
        "resource",
        "search",
        "mode",
        "link",
        "relation",
        "url",
        "id",
        "issue",
        "details",
        "diagnostics",
        "meta",
        "versionId",
        "keys",
        "kty",
        "kid",
        "n",
        "e",
        "crv",
        "x",
        "y",
        "use",
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "capabilities",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6)
    ),
    max_leaves=25,
)
BODIES = st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode())
QUIET = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status, {}, body)


@pytest.mark.slow
@given(BODIES, st.dictionaries(NAMES, VALUES))
def test_any_token_answer_is_read_or_rejected(
    body: bytes, more: dict[str, Any]
) -> None:
    good = {"access_token": "a", "token_type": "Bearer", "scope": "launch"}
    mixed = json.dumps(more | good).encode()
    for one in (body, mixed):
        try:
            read = read_token_reply(reply(one))
        except TokenRejected:
            continue
        assert (read.expires_at(NOW) - NOW).total_seconds() >= 60
        assert read.encounter_id() is None or is_fhir_id(read.encounter_id())
        for item in read.context_items():
            assert item.role


@given(BODIES)
def test_any_page_is_read_or_unreadable(body: bytes) -> None:
    reader = PageReader("Condition", 50)
    try:
        reader.add(json.loads(body))
    except (UnreadableAnswer, ValueError, AttributeError, RecursionError):
        return
    for entry in reader.result.entries:
        assert entry["resourceType"] == "Condition"


@pytest.mark.slow
@given(st.dictionaries(NAMES, VALUES), VALUES, VALUES)
def test_any_bundle_is_read_or_unreadable(
    page: dict[str, Any], entry: Any, link: Any
) -> None:
    bundle = page | {"resourceType": "Bundle", "entry": [entry, {"resource": page}]}
    reader = PageReader("Condition", 50)
    reader.add(bundle)
    reader.add(bundle | {"entry": entry, "link": link})
    result = reader.result
    assert len(result.entries) + len(result.unreadable) <= 60


@given(link=VALUES | st.text())
def test_any_next_link_is_followed_at_home_or_not_at_all(link: Any) -> None:
    from smart_launch.registration import Registration

    home = Registration(
        id="a",
        issuer="https://fhir.example/r4",
        client_id="a",
        client_auth="none",
        redirect_uri="https://a.example/c",
        scopes=("launch", "openid", "fhirUser"),
    )
    bundle = {"link": [{"relation": "next", "url": link}]}
    try:
        found = next_address(bundle, "https://fhir.example/r4/Condition?a", home)
    except UnreadableAnswer:
        return
    assert found is None or found.startswith("https://fhir.example")


@given(BODIES, st.integers(200, 599))
def test_any_fhir_answer_is_an_entry_or_an_error(body: bytes, status: int) -> None:
    answer = reply(body, status)
    with pytest.raises(FhirError):
        read_entry(answer, "Patient", "another")
    if status >= 300:
        assert isinstance(error_of(answer, secret="s", now=NOW), FhirError)
    created = read_created(201, {}, answer, "Condition")
    assert created.location_id is None or is_fhir_id(created.location_id)


@pytest.mark.slow
@given(st.dictionaries(NAMES, VALUES))
def test_any_outcome_is_one_short_line(outcome: dict[str, Any]) -> None:
    text = outcome_text(outcome)
    assert text is None or (text.isprintable() and len(text) <= 500)


@QUIET
@pytest.mark.slow
@given(body=BODIES)
def test_any_discovery_document_is_read_or_refused(
    ehr: Any, registered: Any, outbound: Any, answer: Any, body: bytes
) -> None:
    ehr.on("/fhir/.well-known", answer(200, body))
    with pytest.raises(EhrUnavailable):
        fetch(registered(ehr), outbound)


@QUIET
@pytest.mark.slow
@given(body=BODIES, key=st.dictionaries(NAMES, VALUES), kind=st.sampled_from("RE"))
def test_any_key_set_is_read_or_refused(
    ehr: Any,
    registered: Any,
    outbound: Any,
    answer: Any,
    body: bytes,
    key: dict[str, Any],
    kind: str,
) -> None:
    shaped = key | {"kid": "k", "kty": "RSA" if kind == "R" else "EC"}
    for one in (body, json.dumps({"keys": [shaped]}).encode()):
        ehr.on("/jwks", answer(200, one))
        with pytest.raises(EhrUnavailable):
            fetch_keys(registered(ehr), f"{ehr.root}/jwks", outbound)


@QUIET
@given(
    token=st.text(max_size=50)
    | st.builds(
        lambda head, body: f"{head}.{body}.AAAA",
        st.sampled_from(
            ["eyJhbGciOiJSUzI1NiIsImtpZCI6ImVoci0xIn0", "e30", "bnVsbA", "W10"]
        ),
        st.text(max_size=20),
    )
)
def test_any_id_token_that_is_not_signed_is_rejected(
    app: Any, ehr: Any, registered: Any, token: str
) -> None:
    configuration = app.client.discovery.of(app.client.registrations.by_id("general"))
    with pytest.raises(IdentityRejected):
        app.client._identities.prove(
            token,
            app.client.registrations.by_id("general"),
            configuration,
            nonce="n",
            access_token="a",
            now=NOW,
        )
