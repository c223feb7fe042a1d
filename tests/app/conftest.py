"""A whole app in this process, beside a sandbox EHR, and a browser to use it with."""

import io
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from fastapi import FastAPI
from pydantic import SecretBytes, SecretStr
from starlette.testclient import TestClient

from deploy.sandbox.serving import RunningSandbox
from plugin import logs
from plugin.app import create_app
from plugin.foundation import lay
from plugin.settings import Ehr, Settings

APP = "http://localhost:8000"


def settings_for(folder: Path, issuer: str, **changed: Any) -> Settings:
    given: dict[str, Any] = {
        "public_url": APP,
        "database_url": f"sqlite:///{folder / 'selfhelp.db'}",
        "allow_loopback_http": True,
        "ehrs": (Ehr(id="general", issuer=issuer, client_id="selfhelp"),),
        "master_keys": (SecretBytes(bytes(range(32))),),
        "audit_keys": (SecretBytes(bytes(range(32, 64))),),
    }
    return Settings(**given | changed)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a database that is not there yet."""
    return settings_for(tmp_path, "https://ehr.example/r4")


@dataclass
class Browser:
    """Follows a launch as a browser would, one redirect at a time."""

    client: TestClient
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.get(path, headers={"cookie": sent}, follow_redirects=False)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def launch(self, sandbox: RunningSandbox, patient: str) -> str:
        """Gives the path of the launch."""
        token = sandbox.mint_launch(patient)
        to_ehr = self.get(f"/launch?iss={sandbox.issuer()}&launch={token}")
        assert to_ehr.status_code in (302, 303), to_ehr.text
        back = requests.get(
            to_ehr.headers["location"], allow_redirects=False, timeout=10
        ).headers["location"]
        parts = urlsplit(back)
        done = self.get(f"{parts.path}?{parts.query}")
        assert done.status_code == 303, done.text
        return str(done.headers["location"])


@dataclass
class Running:
    app: FastAPI
    client: TestClient
    settings: Settings

    def browser(self) -> Browser:
        return Browser(self.client)


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its schema and signing keys, which take a while to make."""
    folder = tmp_path_factory.mktemp("prepared")
    foundation = lay(settings_for(folder, "https://ehr.example/r4"))
    foundation.prepare()
    foundation.engine.dispose()
    return folder / "selfhelp.db"


@pytest.fixture
def start(tmp_path: Path, prepared: Path) -> Iterator[Start]:
    """Start an app; every one is stopped after the test."""
    shutil.copy(prepared, tmp_path)
    with ExitStack() as stopped:

        def _start(issuer: str = "https://ehr.example/r4", **changed: Any) -> Running:
            settings = settings_for(tmp_path, issuer, **changed)
            app = create_app(settings)
            client = TestClient(app, base_url=settings.public_url)
            return Running(app, stopped.enter_context(client), settings)

        yield _start


@pytest.fixture
def launched(start: Start, sandbox: RunningSandbox) -> Running:
    """An app whose keys the sandbox knows."""
    running = start(sandbox.issuer())
    jwks = running.client.get("/.well-known/jwks.json").json()
    sandbox.register_client(APP, jwks=jwks)
    return running


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the app logs during the test."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.send_to(stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def token(tmp_path: Path) -> dict[str, Any]:
    """Settings of a production installation whose metrics may be read."""
    return {
        "allow_loopback_http": False,
        "public_url": "https://selfhelp.example.org",
        "metrics_token_file": str(tmp_path / "token"),
        "metrics_token": SecretStr("let-me-see"),
    }
