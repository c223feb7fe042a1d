"""A session that runs out: said before, and what was entered is not lost."""

from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def chosen(installed: Any, path: str) -> None:
    patient = ("patient", installed.sandbox.patient_id("alcohol"))
    answer = installed.post(
        f"{path}choices", [patient, ("program", "aa"), ("do", "keep")]
    )
    assert answer.status_code == 303


def test_page_knows_when_its_session_runs_out(installed: Any) -> None:
    page = installed.client.get(installed.launch()).text
    assert 'data-ends="900"' in page


def test_staying_keeps_the_session(installed: Any, moving_clock: Any) -> None:
    path = installed.launch()
    for _ in range(3):
        moving_clock.ahead += timedelta(minutes=10)
        assert installed.post(f"{path}stay", []).status_code == 204
    assert installed.client.get(path).status_code == 200


def test_choice_is_there_again_after_the_session_ran_out(
    installed: Any, moving_clock: Any
) -> None:
    path = installed.launch()
    chosen(installed, path)
    moving_clock.ahead += timedelta(minutes=16)
    installed.sandbox.advance(16 * 60)
    over = installed.client.get(path)
    assert over.status_code == 401
    assert "Marcus Avery" not in over.text
    page = installed.client.get(installed.launch()).text
    assert "What you had chosen is here again" in page
    assert 'value="aa" data-name="Alcoholics Anonymous" checked' in page


def test_other_patient_does_not_get_what_was_left(
    installed: Any, moving_clock: Any
) -> None:
    chosen(installed, installed.launch())
    moving_clock.ahead += timedelta(minutes=16)
    installed.sandbox.advance(16 * 60)
    page = installed.client.get(installed.launch("opioid")).text
    assert "here again" not in page
    assert "checked data-order" not in page
