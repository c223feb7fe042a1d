"""The README's app runs, and its table names tests that exist."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import smart_launch

README = Path(smart_launch.__file__).with_name("README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def names() -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(BLOCKS[0], "README.md", "exec"), space)
    return space


def test_example_is_as_short_as_it_says() -> None:
    body = BLOCKS[0].partition("def create_app")[2]
    lines = [line for line in body.splitlines() if line.strip()]
    assert len(lines) <= 30


def test_example_carries_a_launch_to_the_patient(
    names: Any, ehr: Any, registered: Any, clock: Any
) -> None:
    from starlette.testclient import TestClient

    clock.now = datetime.now(UTC)
    app = names["create_app"](registered(ehr))
    client = TestClient(app, base_url="https://app.example", follow_redirects=False)
    ehr.app_keys = lambda: client.get("/.well-known/jwks.json").json()
    begun = client.get("/launch", params={"iss": ehr.issuer, "launch": "x"})
    back = ehr.authorize(begun.headers["location"])
    done = client.get("/callback", params=dict(back))
    assert done.status_code == 303
    page = client.get(done.headers["location"])
    assert page.json() == {"resourceType": "Patient", "id": "p1"}
    again = client.get("/callback", params=dict(back))
    assert again.status_code == 400
    assert "open the app again" in again.json()["error"]
    client.cookies.clear()
    assert client.get(done.headers["location"]).status_code == 404


def test_registration_of_the_example_is_a_good_one(names: Any) -> None:
    assert eval(BLOCKS[1], names).id == "general"


def test_table_names_tests_that_exist() -> None:
    here = Path(__file__).parent
    tests = "".join(path.read_text("utf-8") for path in here.glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", README))
    assert len(named) > 40
    assert [name for name in named if f"def {name}(" not in tests] == []


def test_table_of_modules_is_whole() -> None:
    folder = Path(smart_launch.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    table = README.partition("## Modules")[2].partition("##")[0]
    assert set(re.findall(r"`(\w+)`", table)) == modules
