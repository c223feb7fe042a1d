"""What is cleared away now and then: ended launches, keys past their end."""

import threading
from dataclasses import dataclass

from plugin.foundation import Foundation
from plugin.logs import log
from plugin.store.errors import StoreError
from smart_launch.errors import SealBroken

_EVERY = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Housekeeping:
    foundation: Foundation

    def run(self, stop: threading.Event) -> None:
        """Clear away until told to stop; a round that fails is made up by the next."""
        while not stop.wait(_EVERY):
            self.once()

    def once(self) -> None:
        try:
            removed = self.foundation.contexts.purge()
            self.foundation.signing_keys.forget_retired()
        except (StoreError, SealBroken) as error:
            log().warning("housekeeping.failed", error=type(error).__name__)
            return
        log().info("housekeeping.done", removed=removed)
