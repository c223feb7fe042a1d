"""Bring a database to the schema of this version, or refuse it.

Several replicas may start at once: the first one migrates, the others wait for it and
find nothing to do. A migration is one transaction on both databases.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect, text

from plugin.store.engine import reading, writing
from plugin.store.errors import SchemaRefused, StoreUnavailable

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x53434845_4D41  # PostgreSQL advisory lock: "SCHEMA"
_LONGEST = "10min"

# What SQLite says of a file that is no database, or of one with damaged pages.
_DAMAGED = ("file is not a database", "malformed")

# A database without a version that holds one of these was not made by `migrate`.
_OURS = frozenset({"contexts", "grants", "referrals", "write_jobs", "audit_events"})


def migrate(engine: Engine) -> None:
    """Create or upgrade the schema.

    Raises: SchemaRefused for a database that is damaged, newer than this version, or
            not ours; StoreUnavailable where there is none to be reached.
    """
    try:
        with writing(engine) as connection:
            _wait_for_turn(connection)
            config = _config(connection)
            _refuse_foreign(connection, config)
            command.upgrade(config, "head")
    except StoreUnavailable as error:
        if any(word in str(error) for word in _DAMAGED):
            raise SchemaRefused(
                f"The database is damaged ({error}). Restore it from a backup"
            ) from None
        raise


def revision(engine: Engine) -> str | None:
    """The revision that a database is at; None for an empty one.

    Raises: StoreUnavailable where the database is gone.
    """
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def newest_revision() -> str:
    """The revision that this version brings a database to."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head()
    assert newest is not None
    return newest


def _wait_for_turn(connection: Connection) -> None:
    # SQLite: the transaction already holds the write lock.
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LONGEST}'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{_LONGEST}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_foreign(connection: Connection, config: Config) -> None:
    at = MigrationContext.configure(connection).get_current_revision()
    if at is None:
        found = _OURS & set(inspect(connection).get_table_names())
        if found:
            raise SchemaRefused(
                f"The database has a table {min(found)} but no schema version. "
                "Use an empty database, or restore this one from a backup"
            )
        return
    try:
        ScriptDirectory.from_config(config).get_revision(at)
    except CommandError:
        raise SchemaRefused(
            f"The database is at schema {at}, which this version does not know: "
            "it was used by a newer one. Install that version, or restore a backup"
        ) from None
