"""The parts of a running app, as the routes are handed them.

`plugin.app` puts them together; nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sqlalchemy import Engine

    from plugin.audit.sessions import Sessions
    from plugin.audit.sign_in import SignIn
    from plugin.audit.trail import Trail
    from plugin.cds_hooks.routes import CdsService
    from plugin.clock import Clock
    from plugin.directory.directory import Directory
    from plugin.knowledge.load import Knowledge
    from plugin.referral.ledger import Ledger
    from plugin.referral.signing import Signing
    from plugin.referral.worker import Worker
    from plugin.settings import Settings
    from plugin.store.contexts import Contexts
    from plugin.visit import Visits
    from smart_launch.smart_client import SmartClient


@dataclass(frozen=True, slots=True)
class House:
    settings: Settings
    clock: Clock
    engine: Engine
    trail: Trail
    contexts: Contexts
    smart: SmartClient
    knowledge: Knowledge
    directory: Directory
    reads: Executor  # makes the reads of all charts
    visits: Visits
    signing: Signing
    ledger: Ledger
    worker: Worker
    cds: CdsService
    reviewers: Sessions
    sign_in: SignIn | None  # none where [audit_login] is not set
