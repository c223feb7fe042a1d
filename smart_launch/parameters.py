"""The two query strings that arrive from outside, read without trust."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smart_launch.errors import BadLaunchRequest

_MAX_PARAMETERS = 30
_MAX_NAME = 64
_MAX_VALUE = 4096
_MAX_DESCRIPTION = 200
# Opaque to us, and on its way into a URL: visible ASCII without quotes, angle
# brackets, backslash and backtick. Base64, JWTs and JSON-free tokens all fit.
_OPAQUE = re.compile(r"[!#$%&()*+,\-./0-9:;=?@A-Z\[\]^_a-z{|}~]{1,4096}")
_ERROR_CODE = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    iss: str
    launch: str
    supersedes: str | None


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """Either `code` or `error` is set."""

    state: str
    code: str | None
    error: str | None
    error_description: str | None
    iss: str | None


def read_launch(query: Sequence[tuple[str, str]]) -> LaunchRequest:
    """Raises: BadLaunchRequest."""
    values = _singles(query)
    return LaunchRequest(
        iss=_opaque(values, "iss"),
        launch=_opaque(values, "launch"),
        supersedes=_opaque(values, "supersedes") if "supersedes" in values else None,
    )


def read_callback(query: Sequence[tuple[str, str]]) -> CallbackRequest:
    """Raises: BadLaunchRequest."""
    # An error's description is free text of any length; it is cut, not refused.
    described = [pair for pair in query if pair[0] == "error_description"]
    values = _singles([pair for pair in query if pair not in described])
    if len(described) > 1:
        raise BadLaunchRequest("a parameter is repeated")
    if ("code" in values) == ("error" in values):
        raise BadLaunchRequest("a callback has either a code or an error")
    error = _opaque(values, "error") if "error" in values else None
    return CallbackRequest(
        state=_opaque(values, "state"),
        code=_opaque(values, "code") if "code" in values else None,
        error=error if error is None or _ERROR_CODE.fullmatch(error) else "unknown",
        error_description=one_line(described[0][1]) if described else None,
        iss=_opaque(values, "iss") if "iss" in values else None,
    )


def one_line(text: str, most: int = _MAX_DESCRIPTION) -> str:
    """Text from outside as one harmless, short line."""
    cut = text[: most + 1]
    line = "".join(letter if letter.isprintable() else " " for letter in cut)
    return line if len(cut) <= most else line[: most - 1] + "…"


def _singles(query: Sequence[tuple[str, str]]) -> dict[str, str]:
    if len(query) > _MAX_PARAMETERS:
        raise BadLaunchRequest("there are too many parameters")
    values: dict[str, str] = {}
    for name, value in query:
        if name in values:
            raise BadLaunchRequest("a parameter is repeated")
        if len(name) > _MAX_NAME or len(value) > _MAX_VALUE:
            raise BadLaunchRequest("a parameter is too long")
        if not (name + value).isprintable():
            raise BadLaunchRequest("a parameter has control characters")
        values[name] = value
    return values


def _opaque(values: Mapping[str, str], name: str) -> str:
    value = values.get(name, "")
    if _OPAQUE.fullmatch(value) is None:
        raise BadLaunchRequest(f"{name} is missing or has characters it cannot have")
    return value
