"""Which browsers' pages may call: those of the origins that a site names, no other.

Source: Fetch, "CORS protocol"; CDS Hooks 2.0, "Cross-Origin Resource Sharing".
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from plugin.settings import Settings

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Max-Age": "600",
}


@dataclass(frozen=True, slots=True)
class Cors:
    """No cookie is ever taken here, so no origin is let in with credentials."""

    origins: frozenset[str]

    def preflight(self, request: Request) -> Response:
        answer = self.dressed(request, Response(status_code=204))
        if "Access-Control-Allow-Origin" in answer.headers:
            answer.headers.update(_PREFLIGHT)
        return answer

    def dressed(self, request: Request, answer: Response) -> Response:
        if self.origins:
            answer.headers["Vary"] = "Origin"
        named = request.headers.getlist("origin")
        if len(named) == 1 and named[0] in self.origins:
            answer.headers["Access-Control-Allow-Origin"] = named[0]
        return answer


def cors_of(settings: Settings) -> Cors:
    return Cors(
        frozenset(origin for ehr in settings.ehrs for origin in ehr.cds.cors_origins)
    )
