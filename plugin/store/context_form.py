"""The form in which contexts, grants and drafts are kept: JSON, sealed for its row."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from smart_launch.context import FhirContextItem, LaunchContext
from smart_launch.scopes import Scopes
from smart_launch.sealing import Seal
from smart_launch.tokens import Grant


@dataclass(frozen=True, slots=True)
class RowSeal:
    """Seals for one context of one tenant: moved to another row, nothing opens."""

    seal: Seal = field(repr=False)
    tenant: str
    context_id: str

    def close_context(self, context: LaunchContext) -> bytes:
        return self._close(context_bytes(context), "contexts")

    def open_context(self, sealed: bytes) -> LaunchContext:
        return context_of(self._open(sealed, "contexts"))

    def close_grant(self, grant: Grant) -> bytes:
        return self._close(grant.as_bytes(), "grants")

    def open_grant(self, sealed: bytes) -> Grant:
        return Grant.from_bytes(self._open(sealed, "grants"))

    def close_draft(self, name: str, content: bytes) -> bytes:
        return self._close(content, "drafts", f"/{name}")

    def open_draft(self, name: str, sealed: bytes) -> bytes:
        return self._open(sealed, "drafts", f"/{name}")

    def _close(self, content: bytes, table: str, name: str = "") -> bytes:
        row = self.context_id + name
        return self.seal.seal(
            content, tenant=self.tenant, table=table, row=row, column="sealed"
        )

    def _open(self, sealed: bytes, table: str, name: str = "") -> bytes:
        row = self.context_id + name
        return self.seal.open(
            sealed, tenant=self.tenant, table=table, row=row, column="sealed"
        )


def context_bytes(context: LaunchContext) -> bytes:
    kept = {name: getattr(context, name) for name in context.__dataclass_fields__}
    kept["scopes"] = str(context.scopes)
    kept["fhir_context"] = [asdict(item) for item in context.fhir_context]
    return orjson.dumps(kept)


def context_of(data: bytes) -> LaunchContext:
    """The very context that `context_bytes` was given."""
    kept: dict[str, Any] = orjson.loads(data)
    kept["scopes"] = Scopes.parse(kept["scopes"])
    kept["fhir_context"] = tuple(
        FhirContextItem(**item) for item in kept["fhir_context"]
    )
    # A context of an earlier version has none.
    kept["user_roles"] = tuple(kept.get("user_roles", ()))
    for name in ("launched_at", "expires_at"):
        kept[name] = datetime.fromisoformat(kept[name]).astimezone(UTC)
    return LaunchContext(**kept)
