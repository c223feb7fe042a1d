"""Does the EHR know the app? Asked at the token endpoint, for nothing.

Two questions: whether it takes the app's proof of who it is, and whether it grants the
app access of its own. Neither gets at a patient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from plugin.operations.step import Step
from plugin.settings import Ehr, Settings
from plugin.settings.shape import BACKEND_SCOPES
from smart_launch.backend_services import BackendServices
from smart_launch.client_auth import ClientAuthenticator
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import EhrUnavailable, RelaunchNeeded
from smart_launch.outbound import Outbound, Reply
from smart_launch.registration import Registration
from smart_launch.scopes import Scopes

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Proof:
    settings: Settings
    ehr: Ehr
    registration: Registration
    outbound: Outbound
    authenticator: ClientAuthenticator
    own: BackendServices

    def client(self, configuration: SmartConfiguration) -> Step:
        """Ask for a token with a code that nobody gave: only the client is at stake."""
        url = configuration.token_endpoint
        proof = self.authenticator.for_request(self.registration, url)
        form = {
            "grant_type": "authorization_code",
            "code": "selfhelp-doctor",
            "redirect_uri": self.registration.redirect_uri,
            "code_verifier": "selfhelp-doctor-asks-for-nothing-at-all-0001",
        }
        try:
            reply = self.outbound.request(
                self.registration,
                "POST",
                url,
                headers={"Content-Type": _FORM, **proof.headers},
                body=urlencode({**form, **proof.form}).encode(),
                compressed=False,
            )
        except EhrUnavailable as error:
            return Step(
                "keys",
                "failed",
                f"the token endpoint does not answer ({error})",
                "Ask the EHR whether this machine may reach its token endpoint",
            )
        return self._judged(_oauth_error(reply), reply.status)

    def _judged(self, error: str, status: int) -> Step:
        if error in ("invalid_grant", "invalid_request"):
            return Step(
                "keys", "ok", f"the EHR knows {self.ehr.client_id} and its proof"
            )
        if error in ("invalid_client", "unauthorized_client") or status == 401:
            jwks = f"{self.settings.origin}/.well-known/jwks.json"
            mend = {
                "private_key_jwt": f"Register {jwks} with the EHR, and see that it can "
                "be reached from there",
                "client_secret_basic": "Put the secret that the EHR gave into "
                "client_secret_file",
                "none": "Register the app as a public client, or set client_auth",
            }[self.ehr.client_auth]
            return Step("keys", "failed", f"the EHR refuses {self.ehr.client_id}", mend)
        return Step(
            "keys",
            "narrows",
            f"the token endpoint answered {status}, which tells nothing",
            "Open the app from a test patient to see whether signing in works",
        )

    def backend(self) -> Step:
        """Ask for the app's own access, where the site has set it."""
        try:
            granted = self.own.granted(self.ehr.id)
        except RelaunchNeeded:
            return Step(
                "backend",
                "narrows",
                "the EHR grants the app no access of its own",
                f"Ask the hospital to grant {' '.join(BACKEND_SCOPES)}, or leave "
                "backend_services out",
            )
        except EhrUnavailable as error:
            return Step(
                "backend",
                "narrows",
                f"the app's own access could not be tried ({error})",
                "Try again when the token endpoint answers",
            )
        missing = [scope for scope in BACKEND_SCOPES if not _covered(scope, granted)]
        if missing:
            return Step(
                "backend",
                "narrows",
                f"not granted to the app itself: {' '.join(missing)}",
                "What they stand for waits for the clinician; ask for them",
            )
        return Step(
            "backend", "ok", "signed referrals can be finished in the app's own name"
        )


def _covered(scope: str, granted: Scopes) -> bool:
    _, _, right = scope.partition("/")
    resource, _, letters = right.partition(".")
    return granted.covers(resource, letters, "system")


def _oauth_error(reply: Reply) -> str:
    try:
        document = reply.json()
    except ValueError:
        return ""
    error = document.get("error") if isinstance(document, Mapping) else None
    return error if isinstance(error, str) else ""
