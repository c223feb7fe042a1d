"""What is done now and then: ended launches and keys cleared away, checkpoints made."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from plugin.audit.checkpoint import FILE_NAME, make_checkpoints
from plugin.audit.errors import AuditError
from plugin.foundation import Foundation
from plugin.logs import log
from plugin.store.errors import StoreError
from smart_launch.errors import SealBroken

_EVERY = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Housekeeping:
    foundation: Foundation

    def run(self, stop: threading.Event) -> None:
        """Go round until told to stop; a round that fails is made up by the next."""
        while not stop.wait(_EVERY):
            self.clear_away()
            self.checkpoint()

    def clear_away(self) -> None:
        try:
            removed = self.foundation.contexts.purge()
            self.foundation.signing_keys.forget_retired()
        except (StoreError, SealBroken) as error:
            log().warning("housekeeping.failed", error=type(error).__name__)
            return
        log().info("housekeeping.done", removed=removed)

    def checkpoint(self) -> None:
        """Make the audit trail's checkpoints, where they are kept and due."""
        kept = self.foundation.settings.checkpoints
        if kept is None:
            return
        file = Path(kept.directory) / FILE_NAME
        if self._age(file) < timedelta(hours=kept.every_hours):
            return
        try:
            made = make_checkpoints(self.foundation.engine, self.foundation.trail, file)
        except (StoreError, AuditError, OSError) as error:
            log().error("checkpoint.failed", error=type(error).__name__)
            return
        log().info("checkpoint.made", count=len(made))

    def _age(self, file: Path) -> timedelta:
        """How long ago the newest one was made; for ever, where there is none."""
        try:
            found = file.stat()
        except OSError:
            return timedelta.max
        if not found.st_size:
            return timedelta.max
        return self.foundation.clock() - datetime.fromtimestamp(found.st_mtime, UTC)
