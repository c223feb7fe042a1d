"""What the commands say where nothing was done yet: a sentence, and never silence."""

import pytest


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param(("audit", "verify"), "No record yet.", id="trail"),
        pytest.param(("outbox", "status"), "No write job is open.", id="outbox"),
        pytest.param(
            ("outbox", "status", "--all"), "No write job.", id="outbox-with-all"
        ),
    ],
)
def test_empty_installation_is_said_to_be_empty(installation, command, said) -> None:
    installation.write("http://127.0.0.1:9/r4")
    ended = installation.run(*command)
    assert (ended.code, ended.out.strip(), ended.err) == (0, said, "")
