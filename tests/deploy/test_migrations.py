"""Migrations run while the version before them still works: they expand, then contract.

A migration may make tables and indexes, and add columns that may be empty or have a
default of the database's. What takes something away belongs in a later version, and
says so: `CONTRACTS = True` in its file.
"""

import io
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

import plugin.store.migrations
from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Event, Trail
from plugin.clock import system_clock
from plugin.store.engine import open_engine
from plugin.store.migrate import migrate, newest_revision

FOLDER = Path(plugin.store.migrations.__file__).parent
EXPANDS = (
    r"CREATE TABLE \w+ \(.*",
    r"CREATE (UNIQUE )?INDEX \w+ ON \w+ .*",
    r"ALTER TABLE \w+ ADD COLUMN \w+ (?!.*NOT NULL)(?!.*UNIQUE).*",
    r"ALTER TABLE \w+ ADD COLUMN \w+ .*DEFAULT .*NOT NULL.*",
    r"DROP INDEX \w+",  # the version before asks as it did, only slower
    r"COMMENT ON .*",
    r"UPDATE alembic_version SET .*",
    r"INSERT INTO alembic_version .*",
    r"BEGIN|COMMIT",
)


def configured(buffer: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=buffer)
    config.set_main_option("script_location", str(FOLDER))
    return config


def revisions() -> list[str]:
    scripts = ScriptDirectory.from_config(configured())
    return [one.revision for one in scripts.walk_revisions()][::-1]


def statements(sql: str) -> Iterator[str]:
    without = re.sub(r"^--.*$", "", sql, flags=re.MULTILINE)
    for one in without.split(";"):
        if joined := " ".join(one.split()):
            yield joined


def contracting(sql: str) -> list[str]:
    """The statements that take away, or that would wait for what is there."""
    return [
        one
        for one in statements(sql)
        if not any(re.fullmatch(pattern, one) for pattern in EXPANDS)
    ]


def offline(revision: str, before: str) -> str:
    """The SQL of one migration for PostgreSQL, without a database."""
    from alembic.runtime.environment import EnvironmentContext

    buffer = io.StringIO()
    config = configured(buffer)
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config,
        scripts,
        fn=lambda at, _: scripts._upgrade_revs(revision, at),
        as_sql=True,
        starting_rev=before,
    ) as environment:
        environment.configure(dialect_name="postgresql", output_buffer=buffer)
        environment.run_migrations()
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("before", "revision"), list(zip(revisions(), revisions()[1:], strict=False))
)
def test_each_migration_only_expands(before: str, revision: str) -> None:
    script = ScriptDirectory.from_config(configured()).get_revision(revision)
    assert script is not None
    if getattr(script.module, "CONTRACTS", False):
        return
    assert contracting(offline(revision, before)) == []


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DROP TABLE referrals", id="a-table-goes"),
        pytest.param("ALTER TABLE feeds DROP COLUMN etag", id="a-column-goes"),
        pytest.param("ALTER TABLE feeds RENAME COLUMN a TO b", id="renamed"),
        pytest.param("ALTER TABLE feeds ADD COLUMN a INTEGER NOT NULL", id="needed"),
        pytest.param("ALTER TABLE feeds ALTER COLUMN a TYPE TEXT", id="another-type"),
        pytest.param("UPDATE referrals SET note = ''", id="every-row"),
    ],
)
def test_what_would_hurt_the_version_before_is_seen(statement: str) -> None:
    assert contracting(statement + ";") == [statement]


def test_what_only_adds_is_let_through() -> None:
    added = (
        "CREATE TABLE a (id INTEGER NOT NULL);\nCREATE INDEX ix_a ON a (id);\n"
        "ALTER TABLE feeds ADD COLUMN a INTEGER;\n"
        "ALTER TABLE feeds ADD COLUMN b BOOLEAN DEFAULT false NOT NULL;"
    )
    assert contracting(added) == []


@pytest.fixture
def database_kind() -> str:
    return "postgres"


@pytest.mark.postgres
@pytest.mark.slow
def test_the_version_before_goes_on_while_a_migration_runs(
    empty_database_url: str,
) -> None:
    engine = open_engine(empty_database_url)
    upgraded_to(engine, revisions()[0])
    trail = Trail(AuditKeys((bytes(32),)), system_clock)
    stop, failed, written = threading.Event(), [], [0]

    def works() -> None:
        while not stop.is_set():
            try:
                trail.record(engine, Event("general", "launch.completed"))
                written[0] += 1
            except Exception as error:  # noqa: BLE001 (any failure is the finding)
                failed.append(error)

    thread = threading.Thread(target=works)
    thread.start()
    try:
        while written[0] < 20:
            pass
        migrate(engine)
        after = written[0]
        while written[0] < after + 20 and not failed:
            pass
    finally:
        stop.set()
        thread.join()
    with engine.connect() as connection:
        at = connection.execute(text("SELECT version_num FROM alembic_version"))
        assert at.scalar() == newest_revision()
    engine.dispose()
    assert failed == []


def upgraded_to(engine: Engine, revision: str) -> None:
    from plugin.store.engine import writing
    from plugin.store.migrate import _config

    with writing(engine) as connection:
        command.upgrade(_config(connection), revision)
