"""The trail as lines of JSON, in the order of the chain."""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Engine, select

from plugin.store.audit_tables import audit_events
from plugin.store.engine import reading
from plugin.store.schema import moment

_PAGE = 2000  # rows in memory at a time


def export_lines(engine: Engine, tenant: str) -> Iterator[bytes]:
    """One line for each record, patients by pseudonym alone.

    `canonical` is the very text that `chain` seals, so that a copy can be checked by
    who holds the key. Whoever exports records that they did.
    """
    rows = (
        select(audit_events)
        .where(audit_events.c.tenant == tenant)
        .order_by(audit_events.c.sequence)
    )
    with reading(engine) as connection:
        streamed = connection.execution_options(yield_per=_PAGE).execute(rows)
        for row in streamed.mappings():
            told: dict[str, Any] = orjson.loads(row["canonical"])
            told["at"] = moment(told["at"]).isoformat()
            told["canonical"] = row["canonical"].decode()
            told["chain"] = row["chain"].hex()
            yield orjson.dumps(told) + b"\n"
