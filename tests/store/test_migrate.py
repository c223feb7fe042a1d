"""The schema is what the code says, on both databases, and a strange one is refused."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, inspect, text

import plugin.store
from plugin.store.engine import open_engine, writing
from plugin.store.errors import SchemaRefused, StoreUnavailable
from plugin.store.migrate import migrate, revision
from plugin.store.schema import metadata


@pytest.fixture(autouse=True)
def all_tables() -> None:
    for module in pkgutil.iter_modules(plugin.store.__path__):
        if module.name.endswith("_tables"):
            importlib.import_module(f"plugin.store.{module.name}")


def test_migrated_schema_is_the_code_s(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        assert set(inspect(connection).get_table_names()) == {
            *metadata.tables,
            "alembic_version",
        }


def test_check_constraints_are_the_code_s(engine: Engine) -> None:
    with engine.connect() as connection:
        found = {
            (table, check["name"])
            for table in metadata.tables
            for check in inspect(connection).get_check_constraints(table)
        }
    told = {
        (table.name, str(check.name))
        for table in metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }
    assert found == told


def test_second_migration_changes_nothing(engine: Engine) -> None:
    before = revision(engine)
    migrate(engine)
    assert revision(engine) == before is not None


@pytest.mark.slow
def test_replicas_that_start_together_migrate_once(empty_database_url: str) -> None:
    start = (
        "import sys; from plugin.store.engine import open_engine; "
        "from plugin.store.migrate import migrate; migrate(open_engine(sys.argv[1]))"
    )
    command = [sys.executable, "-c", start, empty_database_url]
    replicas = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    said = [replica.communicate(timeout=60)[1].decode() for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0] * 4, said
    engine = open_engine(empty_database_url)
    assert revision(engine) is not None
    engine.dispose()


def test_W14_newer_schema_is_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaRefused, match="9999, which this version does not know"):
        migrate(engine)


def test_W14_tables_without_a_version_are_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(SchemaRefused, match="no schema version"):
        migrate(engine)


def test_W14_damaged_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(b"not a database, by any reading" * 200)
    with pytest.raises(SchemaRefused, match="damaged"):
        migrate(open_engine(f"sqlite:///{file}"))


def test_W14_missing_folder_is_an_outage(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="unable to open"):
        migrate(open_engine(f"sqlite:///{tmp_path / 'none' / 'a.db'}"))
