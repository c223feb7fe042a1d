"""What `selfhelp doctor` finds at an EHR, before a clinician does."""

import pytest

from deploy.sandbox.serving import RunningSandbox

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
