"""What an EHR says of itself: asked for now, or read from documents that were saved.

Saved documents let a registration be examined before a firewall is open, and by
somebody who is not at the hospital.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from plugin.settings.registrations import cds_key_registration
from smart_launch import discovery, ehr_keys
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import EhrUnavailable
from smart_launch.outbound import Outbound, strict_json
from smart_launch.registration import Registration

_LARGEST = 20 * 2**20  # bytes; a CapabilityStatement of every profile has about 2 MB
CONFIGURATION = "smart-configuration.json"
METADATA = "metadata.json"
KEYS = "jwks.json"


def cds_keys_file(number: int) -> str:
    """The name under which the keys of one CDS Hooks client are saved."""
    return "cds-jwks.json" if number == 1 else f"cds-jwks-{number}.json"


class NotSaved(EhrUnavailable):
    """The document is not among those that were saved, so nothing follows from it."""


class EhrDocuments(Protocol):
    """Each raises EhrUnavailable where there is no such document, or not a usable one;
    NotSaved, where there is none to look at.
    """

    def configuration(self) -> SmartConfiguration:
        """Raises: DiscoveryRefused too, where it contradicts the registration."""
        ...

    def check_keys(self, configuration: SmartConfiguration) -> None: ...

    def check_cds_keys(self, address: str, number: int) -> None:
        """Takes: `number`, which of the EHR's `cds_hooks_issuers` it is, from 1."""
        ...

    def statement(self) -> Mapping[str, Any]:
        """The CapabilityStatement as it stands."""
        ...


@dataclass(frozen=True, slots=True)
class LiveDocuments:
    registration: Registration
    outbound: Outbound

    def configuration(self) -> SmartConfiguration:
        return discovery.fetch(self.registration, self.outbound)

    def check_keys(self, configuration: SmartConfiguration) -> None:
        ehr_keys.fetch(self.registration, configuration.jwks_uri, self.outbound)

    def check_cds_keys(self, address: str, number: int) -> None:
        way_out = cds_key_registration(self.registration, address, number)
        ehr_keys.fetch(way_out, address, self.outbound)

    def statement(self) -> Mapping[str, Any]:
        url = f"{self.registration.base}/metadata"
        reply = self.outbound.request(self.registration, "GET", url)
        return _statement(reply.body)


@dataclass(frozen=True, slots=True)
class SavedDocuments:
    """A folder with `smart-configuration.json`, `metadata.json` and `jwks.json`; and
    `cds-jwks.json` of who calls the CDS service, `cds-jwks-2.json` of a second one.
    """

    registration: Registration
    folder: Path

    def configuration(self) -> SmartConfiguration:
        return discovery.read_configuration(
            self._saved(CONFIGURATION), self.registration
        )

    def check_keys(self, configuration: SmartConfiguration) -> None:
        del configuration  # the document is what it would lead to
        ehr_keys.read_keys(self._saved(KEYS))

    def check_cds_keys(self, address: str, number: int) -> None:
        del address  # the document is what it would lead to
        ehr_keys.read_keys(self._saved(cds_keys_file(number)))

    def statement(self) -> Mapping[str, Any]:
        return _statement(self._saved(METADATA))

    def _saved(self, name: str) -> bytes:
        file = self.folder / name
        try:
            if file.stat().st_size > _LARGEST:
                raise EhrUnavailable(f"{name} is larger than any such document")
            return file.read_bytes()
        except FileNotFoundError:
            raise NotSaved(f"{name} is not among the saved documents") from None
        except OSError as error:
            raise EhrUnavailable(f"{name} cannot be read: {error.strerror}") from None


def _statement(body: bytes) -> Mapping[str, Any]:
    try:
        document = strict_json(body)
    except ValueError:
        document = None
    if (
        not isinstance(document, Mapping)
        or document.get("resourceType") != "CapabilityStatement"
    ):
        raise EhrUnavailable("the CapabilityStatement cannot be read")
    return document
