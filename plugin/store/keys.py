"""The app's signing keys, sealed at rest. Implements `KeyStore` of smart_launch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, select

from plugin.store.engine import reading, writing
from plugin.store.launch_tables import signing_keys
from plugin.store.schema import micros, moment
from smart_launch.client_keys import StoredKey
from smart_launch.sealing import Seal

# The keys are the app's own: they belong to no tenant.
_NO_TENANT = ""


@dataclass(frozen=True, slots=True)
class StoredKeys:
    engine: Engine
    seal: Seal = field(repr=False)

    def all(self) -> Sequence[StoredKey]:
        with reading(self.engine) as connection:
            rows = connection.execute(select(signing_keys)).all()
        return [self._opened(row) for row in rows]

    def put(self, key: StoredKey) -> None:
        row = {
            "kid": key.kid,
            "algorithm": key.algorithm,
            "sealed": self.seal.seal(key.private_jwk, **place_of_key(key.kid)),
            "created_at": micros(key.created_at),
            "active_from": micros(key.active_from),
            "retire_at": micros(key.retire_at) if key.retire_at else None,
        }
        with writing(self.engine) as connection:
            connection.execute(_delete(key.kid))
            connection.execute(insert(signing_keys).values(row))

    def remove(self, kid: str) -> None:
        with writing(self.engine) as connection:
            connection.execute(_delete(kid))

    def _opened(self, row: Row[Any]) -> StoredKey:
        return StoredKey(
            kid=row.kid,
            algorithm=row.algorithm,
            private_jwk=self.seal.open(row.sealed, **place_of_key(row.kid)),
            created_at=moment(row.created_at),
            active_from=moment(row.active_from),
            retire_at=moment(row.retire_at) if row.retire_at is not None else None,
        )


def place_of_key(kid: str) -> dict[str, str]:
    """Where a key lies, as its seal knows it."""
    return {
        "tenant": _NO_TENANT,
        "table": "signing_keys",
        "row": kid,
        "column": "sealed",
    }


def _delete(kid: str) -> Any:
    return delete(signing_keys).where(signing_keys.c.kid == kid)
