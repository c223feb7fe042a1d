"""What `selfhelp doctor` finds at an EHR, before a clinician does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from deploy.sandbox.serving import RunningSandbox

pytestmark = pytest.mark.slow  # each starts an EHR

FRAMES = 'frame_ancestors = ["http://localhost:8080"]\n'


def test_everything_is_well_at_a_full_ehr(installation, sandbox) -> None:
    installation.write(sandbox.issuer(), FRAMES)
    installation.register(sandbox)
    ended = installation.run("doctor")
    assert ended.code == 0, ended.out
    assert "will be written: an order for each group, and the note" in ended.out
    assert "the EHR knows selfhelp and its proof" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("flavour", "said"),
    [
        pytest.param("epic", "the note, which carries the referral", id="note-only"),
        pytest.param("read-only", "nothing: hand-out and copyable text", id="hand-out"),
    ],
)
def test_a_narrower_ehr_is_a_finding(
    installation, sandbox_factory, flavour: str, said: str
) -> None:
    sandbox: RunningSandbox = sandbox_factory(flavour=flavour)
    installation.write(sandbox.issuer(), FRAMES)
    installation.register(sandbox)
    ended = installation.run("doctor", "general")
    assert ended.code == 1, ended.out
    assert said in ended.out
    assert len(ended.err.splitlines()) == 1


def test_keys_that_the_ehr_does_not_have_are_named(installation, sandbox) -> None:
    installation.write(sandbox.issuer(), FRAMES)
    sandbox.register_client("http://localhost:8000", jwks={"keys": []})
    ended = installation.run("doctor")
    assert ended.code == 3
    assert "FAILED   keys: the EHR refuses selfhelp" in ended.out
    assert "Register http://localhost:8000/.well-known/jwks.json" in ended.out


def test_an_ehr_that_does_not_answer_is_3(installation) -> None:
    installation.write("http://127.0.0.1:9/r4", FRAMES)
    ended = installation.run("doctor")
    assert ended.code == 3
    assert "FAILED   discovery" in ended.out
    assert "See that this machine reaches 127.0.0.1" in ended.out


def test_nobody_may_frame_is_a_finding(installation, sandbox) -> None:
    installation.write(sandbox.issuer())
    installation.register(sandbox)
    ended = installation.run("doctor")
    assert ended.code == 1
    assert "List the origin of the EHR's pages in frame_ancestors" in ended.out


def test_no_patient_is_read(installation, sandbox) -> None:
    installation.write(sandbox.issuer(), FRAMES)
    installation.register(sandbox)
    installation.run("doctor")
    read = {call.type for call in sandbox.counts.calls()}
    assert "Patient" not in read
    assert "Condition" not in read


def test_unknown_ehr_is_2(installation, sandbox) -> None:
    installation.write(sandbox.issuer())
    ended = installation.run("doctor", "elsewhere")
    assert ended.code == 2
    assert "There are: general" in ended.err


BACKEND = FRAMES + "backend_services = true\n"


def test_backend_grant_is_tried_where_the_site_set_it(installation, sandbox) -> None:
    installation.write(sandbox.issuer(), BACKEND)
    installation.register(sandbox, own_access=True)
    ended = installation.run("doctor")
    assert ended.code == 0, ended.out
    assert "ok       backend: signed referrals can be finished" in ended.out


def test_backend_grant_that_is_not_given_is_a_finding(installation, sandbox) -> None:
    installation.write(sandbox.issuer(), BACKEND)
    installation.register(sandbox)
    ended = installation.run("doctor")
    assert ended.code == 1
    assert "narrows  backend: the EHR grants the app no access of its own" in ended.out
    assert "Ask the hospital to grant system/Patient.r" in ended.out


def test_backend_grant_in_part_names_what_is_missing(installation, sandbox) -> None:
    installation.write(sandbox.issuer(), BACKEND)
    installation.register(sandbox, own_access=True)
    sandbox.faults.add("narrow", on="token", scopes=["ServiceRequest"])
    ended = installation.run("doctor")
    assert ended.code == 1
    missing = "not granted to the app itself: system/ServiceRequest.crs"
    assert missing in ended.out


def test_backend_grant_is_not_asked_for_without_the_setting(
    installation, sandbox
) -> None:
    installation.write(sandbox.issuer(), FRAMES)
    installation.register(sandbox, own_access=True)
    assert "backend" not in installation.run("doctor").out


def test_sign_in_that_cannot_be_renewed_is_a_finding(installation, sandbox) -> None:
    scopes = 'scopes = ["launch", "openid", "fhirUser", "patient/Patient.r"]\n'
    installation.write(sandbox.issuer(), FRAMES + scopes)
    installation.register(sandbox)
    ended = installation.run("doctor")
    assert "narrows  session: a sign-in ends with its first token" in ended.out
    assert "Add online_access to scopes" in ended.out


def test_note_that_needs_its_visit_is_said(installation, sandbox_factory) -> None:
    sandbox: RunningSandbox = sandbox_factory(flavour="epic")
    installation.write(sandbox.issuer(), FRAMES)
    installation.register(sandbox)
    assert "the referral, with its visit" in installation.run("doctor").out


def cds_hooks(keys: str) -> str:
    told = f'{{issuer = "https://calls.example", jwks_url = "{keys}"}}'
    return f"cds_hooks_issuers = [{told}]\n"


def test_who_calls_the_cds_service_is_examined(installation, sandbox) -> None:
    root = sandbox.issuer().removesuffix("/r4")
    good, bad = cds_hooks(sandbox.site().jwks_url), cds_hooks(f"{root}/nothing")
    installation.write(sandbox.issuer(), FRAMES + good)
    installation.register(sandbox)
    ended = installation.run("doctor")
    assert ended.code == 0, ended.out
    assert "ok       cds hooks: calls of https://calls.example can be" in ended.out
    installation.write(sandbox.issuer(), FRAMES + bad)
    ended = installation.run("doctor")
    assert ended.code == 1, ended.out
    assert "narrows  cds hooks: the keys of https://calls.example" in ended.out


# ---- from saved documents, without a live EHR ----

ISSUER = "https://fhir.general.example/r4"
Change = Callable[[Path], Any]


@pytest.fixture
def saved(installation, sandbox) -> Path:
    """What a hospital would send: its three documents, under its own address."""
    folder = installation.folder / "saved"
    folder.mkdir()
    root = sandbox.issuer().removesuffix("/r4")
    for name, url in (
        ("smart-configuration.json", f"{root}/r4/.well-known/smart-configuration"),
        ("metadata.json", f"{root}/r4/metadata"),
        ("jwks.json", f"{root}/oauth/jwks"),
    ):
        told = requests.get(url, timeout=5).text
        told = told.replace(root, ISSUER.removesuffix("/r4"))
        (folder / name).write_text(told)
    installation.write(ISSUER, FRAMES)
    sandbox.counts.clear()
    return folder


def test_saved_documents_are_examined_without_a_call(
    installation, sandbox, saved: Path
) -> None:
    ended = installation.run("doctor", "--saved", str(saved))
    assert ended.code == 0, ended.out
    assert "ok       discovery" in ended.out
    assert "ok       identity" in ended.out
    assert "untried  keys: only the live EHR can say if it knows us" in ended.out
    assert "will be written: an order for each group, and the note" in ended.out
    assert sandbox.counts.calls() == []
    assert not (installation.folder / "selfhelp.db").exists()


def test_saved_keys_of_the_cds_client_are_examined(installation, saved: Path) -> None:
    installation.write(ISSUER, FRAMES + cds_hooks("https://ehr.example/cds-keys"))
    ended = installation.run("doctor", "--saved", str(saved))
    assert "untried  cds hooks: cds-jwks.json is not among" in ended.out
    assert "Save https://ehr.example/cds-keys there as cds-jwks.json" in ended.out
    (saved / "cds-jwks.json").write_bytes((saved / "jwks.json").read_bytes())
    ended = installation.run("doctor", "--saved", str(saved))
    assert ended.code == 0
    assert "ok       cds hooks" in ended.out


def test_backend_grant_is_untried_without_the_live_ehr(
    installation, saved: Path
) -> None:
    installation.write(ISSUER, BACKEND)
    ended = installation.run("doctor", "--saved", str(saved))
    assert ended.code == 0
    assert "untried  backend" in ended.out


@pytest.mark.parametrize(
    ("change", "code", "said", "mend"),
    [
        pytest.param(
            lambda folder: (folder / "jwks.json").unlink(),
            0,
            "untried  identity: jwks.json is not among the saved documents",
            "Save https://fhir.general.example/oauth/jwks",
            id="no-keys",
        ),
        pytest.param(
            lambda folder: (folder / "metadata.json").unlink(),
            0,
            "untried  server: metadata.json is not among",
            "Save https://fhir.general.example/r4/metadata",
            id="no-statement",
        ),
        pytest.param(
            lambda folder: (folder / "smart-configuration.json").unlink(),
            3,
            "FAILED   discovery: smart-configuration.json is not among",
            "/r4/.well-known/smart-configuration there as smart-configuration.json",
            id="no-configuration",
        ),
        pytest.param(
            lambda folder: (folder / "smart-configuration.json").write_text("<html>"),
            3,
            "FAILED   discovery: the discovery document is not JSON",
            "",
            id="page-instead",
        ),
        pytest.param(
            lambda folder: (folder / "jwks.json").write_text('{"keys": []}'),
            3,
            "FAILED   identity: the EHR's own keys cannot be read",
            "ask the EHR to mend its jwks_uri",
            id="empty-keys",
        ),
        pytest.param(
            lambda folder: (folder / "metadata.json").write_text('{"a": 1}'),
            3,
            "FAILED   server: the CapabilityStatement cannot be read",
            "ask the EHR to mend its /metadata",
            id="no-statement-inside",
        ),
        pytest.param(
            lambda folder: (folder / "metadata.json").write_text(
                '{"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}'
            ),
            3,
            "FAILED   server: the server speaks FHIR 3.0.2",
            "Name the issuer of its R4 interface",
            id="stu3",
        ),
        pytest.param(
            lambda folder: _without(folder, "code_challenge_methods_supported"),
            3,
            "FAILED   discovery: discovery does not offer PKCE with S256",
            "",
            id="L07-no-pkce",
        ),
        pytest.param(
            lambda folder: _without(folder, "capabilities"),
            1,
            "narrows  capability: the EHR does not list launch-ehr",
            "",
            id="no-launch",
        ),
    ],
)
def test_saved_document_that_is_not_as_it_should_be_is_named(
    installation, saved: Path, change: Change, code: int, said: str, mend: str
) -> None:
    change(saved)
    ended = installation.run("doctor", "general", "--saved", str(saved))
    assert ended.code == code, ended.out
    assert said in ended.out
    assert mend in ended.out
    assert "Traceback" not in ended.err


def _without(folder: Path, name: str) -> None:
    file = folder / "smart-configuration.json"
    document = json.loads(file.read_text())
    del document[name]
    file.write_text(json.dumps(document))


def test_folder_that_is_none_is_bad_input(installation) -> None:
    installation.write(ISSUER)
    assert installation.run("doctor", "--saved", "/nowhere").code == 2


def test_saved_documents_are_of_one_ehr(installation, saved: Path) -> None:
    second = (
        '[[ehr]]\nid = "county"\nissuer = "https://b.example/r4"\nclient_id = "x"\n'
    )
    installation.write(ISSUER, FRAMES + second)
    ended = installation.run("doctor", "--saved", str(saved))
    assert ended.code == 2
    assert "Name the EHR whose documents were saved" in ended.err
