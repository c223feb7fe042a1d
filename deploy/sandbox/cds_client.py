"""The EHR's side of CDS Hooks: calls the app's service, and says what became of cards.

Source: CDS Hooks 2.0. The prefetch is what the templates ask for, searched as the FHIR
interface would; every call brings a token of its own.
"""

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import requests

from deploy.sandbox.access import Access
from deploy.sandbox.counts import Counts
from deploy.sandbox.grants import Grant, Launch
from deploy.sandbox.moments import Clock
from deploy.sandbox.refusals import Refusal
from deploy.sandbox.scopes import parse_scopes
from deploy.sandbox.searching import found_by, read_query
from deploy.sandbox.signing import SigningKey
from deploy.sandbox.site import Site
from deploy.sandbox.wire import Json

_log = logging.getLogger("sandbox")

# How long a clinician waits for cards; a chart opens without them after that.
PATIENCE = 2.5  # seconds
_TOKEN_LIFE = timedelta(minutes=5)
_DISCOVERY_KEPT = timedelta(minutes=1)
_MOST_CARDS = 1_000
_MOST_RESOURCES = 200
_SCOPE = "patient/*.rs"


@dataclass(frozen=True, slots=True)
class Shown:
    """A card that stands in a chart, and the service that it came from."""

    site: str
    patient: str
    service: str
    card: Json

    @property
    def uuid(self) -> str:
        return str(self.card.get("uuid", ""))


@dataclass(slots=True)
class CdsClient:
    """Thread-safe. Every call blocks, for `PATIENCE` at the most."""

    key: SigningKey
    clock: Clock
    http: requests.Session = field(default_factory=requests.Session)
    _cards: OrderedDict[str, Shown] = field(default_factory=OrderedDict)
    _services: dict[str, tuple[Sequence[Json], datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(
        self,
        base: str,
        site: Site,
        launch: Launch,
        hook: str = "patient-view",
        **context: Json,
    ) -> Sequence[Shown]:
        """Call every service of a hook. No answer in time is no card.

        Takes: the address of the services; who has whose chart open; what the hook
               has in its context besides.
        """
        try:
            return [
                shown
                for service in self._discovered(base)
                if service.get("hook") == hook
                for shown in self._called(base, service, site, launch, context)
            ]
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            _log.warning("no cards: %s", type(error).__name__)
            return []

    def shown(self, card: str) -> Shown | None:
        with self._lock:
            return self._cards.get(card)

    def take_up(self, base: str, site: Site, shown: Shown, suggestion: str) -> bool:
        """Tell the service that a suggestion was used. Gives whether it took that."""
        report: Json = {
            "card": shown.uuid,
            "outcome": "accepted",
            "outcomeTimestamp": self.clock().isoformat(),
            "acceptedSuggestions": [{"id": suggestion}],
        }
        return self._told(base, site, shown, report)

    def turn_down(
        self, base: str, site: Site, shown: Shown, reason: str, comment: str
    ) -> bool:
        """Tell the service that a card was dismissed. Gives whether it took that."""
        report: Json = {
            "card": shown.uuid,
            "outcome": "overridden",
            "outcomeTimestamp": self.clock().isoformat(),
        }
        offered = shown.card.get("overrideReasons", [])
        chosen = [one for one in offered if one.get("code") == reason]
        why: Json = {"reason": chosen[0]} if chosen else {}
        if comment:
            why["userComment"] = comment
        if why:
            report["overrideReason"] = why
        return self._told(base, site, shown, report)

    def _told(self, base: str, site: Site, shown: Shown, report: Json) -> bool:
        url = f"{base}/{shown.service}/feedback"
        try:
            answer = self._post(url, site, {"feedback": [report]})
        except requests.RequestException as error:
            _log.warning("no feedback: %s", type(error).__name__)
            return False
        with self._lock:
            self._cards.pop(shown.uuid, None)
        return answer.status_code == 200

    def _discovered(self, base: str) -> Sequence[Json]:
        services, until = self._services.get(base, ((), self.clock()))
        if self.clock() >= until:
            answer = self.http.get(base, timeout=PATIENCE)
            answer.raise_for_status()
            services = answer.json()["services"]
            self._services[base] = (services, self.clock() + _DISCOVERY_KEPT)
        return services

    def _called(
        self,
        base: str,
        service: Json,
        site: Site,
        launch: Launch,
        more: Mapping[str, Json],
    ) -> Sequence[Shown]:
        context: Json = {
            **more,
            "userId": f"Practitioner/{launch.practitioner}",
            "patientId": launch.patient,
        }
        if launch.encounter:
            context["encounterId"] = launch.encounter
        body = {
            "hook": service["hook"],
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": site.fhir,
            "context": context,
            "prefetch": self._prefetch(service.get("prefetch", {}), site, launch),
        }
        answer = self._post(f"{base}/{service['id']}", site, body)
        answer.raise_for_status()
        cards = [
            Shown(site.name, launch.patient, service["id"], card)
            for card in answer.json()["cards"]
        ]
        self._keep(cards)
        return cards

    def _keep(self, cards: Sequence[Shown]) -> None:
        with self._lock:
            for one in cards:
                self._cards[one.uuid] = one
            while len(self._cards) > _MOST_CARDS:
                self._cards.popitem(last=False)

    def _prefetch(
        self, templates: Mapping[str, str], site: Site, launch: Launch
    ) -> Json:
        filled = {
            "{{context.patientId}}": launch.patient,
            "{{context.encounterId}}": launch.encounter,
            "{{userPractitionerId}}": launch.practitioner,
        }
        found: Json = {}
        for name, template in templates.items():
            query = template
            for token, value in filled.items():
                query = query.replace(token, value)
            try:
                found[name] = _resolved(query, site, launch)
            except Refusal:  # a template that this EHR does not satisfy is left out
                continue
        return found

    def _post(self, url: str, site: Site, body: Json) -> requests.Response:
        now = self.clock()
        token = self.key.sign(
            {
                "iss": site.fhir,
                "aud": url,
                "iat": int(now.timestamp()),
                "exp": int((now + _TOKEN_LIFE).timestamp()),
                "jti": str(uuid.uuid4()),
            }
        )
        headers = {"Authorization": f"Bearer {token}"}
        return self.http.post(url, json=body, headers=headers, timeout=PATIENCE)


def _resolved(query: str, site: Site, launch: Launch) -> Any:
    """What a read or a search gives; None where there is no such resource."""
    kind, _, criteria = query.partition("?")
    if not criteria:
        kind, _, identity = kind.partition("/")
        return site.records.read(kind, identity)
    grant = Grant("cds", _SCOPE, launch)
    access = Access(site, grant, parse_scopes(_SCOPE), Counts())
    pairs = parse_qsl(criteria, keep_blank_values=True)
    resources = found_by(read_query(kind, pairs, _MOST_RESOURCES, ()), access)
    entries = [{"resource": one} for one in resources[:_MOST_RESOURCES]]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}
