"""What changed in the installation itself: its settings, its rules, its meetings.

Whoever changes a file or runs a command does not pass through the app; so the app
compares what it finds with what it recorded before, and records the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, select

from plugin.audit.trail import NO_TENANT, Event, Trail, lock_chain
from plugin.settings import Settings
from plugin.store.audit_tables import audit_events
from plugin.store.directory_tables import feed_versions
from plugin.store.engine import writing

CONFIG_CHANGED = "config.changed"
DIRECTORY_IMPORTED = "directory.imported"

_FINISHED = ("live", "old", "quarantined")


@dataclass(frozen=True, slots=True)
class Installation:
    engine: Engine
    trail: Trail

    def note_settings(self, parts: Mapping[str, bytes]) -> list[str]:
        """Record which parts are not as they were last seen. Gives their names.

        Takes: `parts`, each part's content by its name; only a keyed digest is kept.
               One that is named "ehr:<id>" is told in that EHR's own chain too.
        """
        keys = self.trail.keys
        with writing(self.engine) as connection:
            lock_chain(connection, NO_TENANT)
            before = _detail(connection, CONFIG_CHANGED).get("digests", {})
            changed = sorted(
                name
                for name in parts.keys() | before.keys()
                if name not in parts
                or not keys.has_digest(parts[name], before.get(name, ""))
            )
            if changed:
                digests = {name: keys.digest(text) for name, text in parts.items()}
                detail = {"changed": changed, "digests": digests}
                event = Event(NO_TENANT, CONFIG_CHANGED, "app", detail=detail)
                self.trail.append(connection, event)
        for name in changed:
            kind, _, tenant = name.partition(":")
            if kind == "ehr" and name in parts:
                event = Event(
                    tenant, CONFIG_CHANGED, "app", detail={"changed": ["ehr"]}
                )
                self.trail.record(self.engine, event)
        return changed

    def note_directory(self) -> int:
        """Record the feeds that were imported since. Gives how many."""
        with writing(self.engine) as connection:
            lock_chain(connection, NO_TENANT)
            before = _detail(connection, DIRECTORY_IMPORTED).get("version", 0)
            rows = connection.execute(
                select(feed_versions)
                .where(feed_versions.c.id > before)
                .where(feed_versions.c.state.in_(_FINISHED))
                .order_by(feed_versions.c.id)
            ).all()
            for row in rows:
                detail = {
                    "feed": row.feed,
                    "version": row.id,
                    "read": row.read,
                    "stored": row.stored,
                    "rejected": row.rejected,
                }
                outcome = "held" if row.state == "quarantined" else "done"
                event = Event(
                    NO_TENANT, DIRECTORY_IMPORTED, "app", outcome=outcome, detail=detail
                )
                self.trail.append(connection, event)
        return len(rows)


def parts_of(settings: Settings, **versions: str) -> dict[str, bytes]:
    """Each table of the settings, without secrets, and the versions that are named."""
    told: dict[str, Any] = settings.model_dump(mode="json", by_alias=True)
    parts = {f"ehr:{one['id']}": orjson.dumps(one) for one in told.pop("ehr")}
    parts["settings"] = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return parts | {name: version.encode() for name, version in versions.items()}


def _detail(connection: Connection, kind: str) -> dict[str, Any]:
    """Of the newest record of a kind; empty for none."""
    newest = (
        select(audit_events.c.canonical)
        .where(audit_events.c.tenant == NO_TENANT)
        .where(audit_events.c.kind == kind)
        .order_by(audit_events.c.sequence.desc())
        .limit(1)
    )
    canonical = connection.scalar(newest)
    return dict(orjson.loads(canonical)["detail"]) if canonical else {}
