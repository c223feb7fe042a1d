"""`make demo` as a command: it says where to look, and ends when it is told to."""

from pathlib import Path

import pytest

from tests.journeys.conftest import start_demo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_demo_says_the_address_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    assert demo.ehr in demo.said.read_text()
    assert demo.answers() == [demo.app, demo.ehr]
    demo.stop()
    assert demo.answers() == []
    logs = [log.read_text() for log in (tmp_path / "data").glob("*.log")]
    assert len(logs) == 2
    assert not any("Traceback" in log for log in logs)
    assert any("app.stopped" in log for log in logs)
