"""What the app and the commands both stand on: the database and the keys."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from plugin.audit.keys import AuditKeys
from plugin.audit.trail import Trail
from plugin.clock import Clock, system_clock
from plugin.settings import Settings
from plugin.store.contexts import Contexts
from plugin.store.engine import open_engine
from plugin.store.keys import StoredKeys
from plugin.store.migrate import migrate
from smart_launch.client_keys import SigningKeys
from smart_launch.sealing import Seal


@dataclass(frozen=True, slots=True)
class Foundation:
    """Made from the settings alone; nothing is connected or read yet."""

    settings: Settings
    clock: Clock
    engine: Engine
    seal: Seal
    trail: Trail
    signing_keys: SigningKeys
    contexts: Contexts

    def prepare(self) -> None:
        """Bring the database to this version's schema and make the first keys.

        Raises: SchemaRefused, StoreUnavailable; SealBroken, where the master key is
                not the one that sealed the keys which are there.
        """
        migrate(self.engine)
        self.signing_keys.ensure()


def lay(settings: Settings, clock: Clock = system_clock) -> Foundation:
    engine = open_engine(settings.database_url)
    seal = _seal(settings)
    ring = tuple(key.get_secret_value() for key in settings.audit_keys)
    return Foundation(
        settings=settings,
        clock=clock,
        engine=engine,
        seal=seal,
        trail=Trail(AuditKeys(ring), clock),
        signing_keys=SigningKeys(StoredKeys(engine, seal), clock),
        contexts=Contexts(
            engine, seal, clock, timedelta(minutes=settings.sessions.idle_minutes)
        ),
    )


def _seal(settings: Settings) -> Seal:
    """A key is named by its own digest, so that what it sealed says which one to use.

    The name says nothing of the key: 32 random bytes cannot be guessed from 8 digits.
    """
    keys = {
        hashlib.sha256(b"selfhelp master key name" + key).hexdigest()[:8]: key
        for key in (one.get_secret_value() for one in settings.master_keys)
    }
    return Seal(keys, next(iter(keys)))
