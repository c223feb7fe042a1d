"""One cookie per launch, and one per context, as strings for Set-Cookie.

`Partitioned` keeps the cookie working inside an EHR's frame where third-party cookies
are blocked; `SameSite=None` is needed for the same reason, so the app must check
`Origin` on every request that changes something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_PREFIX = "__Host-launch-"
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=None; Partitioned"
# Distinguishes the sealed cookie of a pending launch from a context's secret.
_PENDING_MARK = "p1."
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")


def is_cookie_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def cookie_name(cookie_id: str) -> str:
    return _PREFIX + cookie_id


def context_cookie(context_id: str, secret: str, *, seconds: int) -> str:
    return f"{_PREFIX}{context_id}={secret}; {_ATTRIBUTES}; Max-Age={seconds}"


def pending_cookie(pending_id: str, sealed: str, *, seconds: int) -> str:
    value = _PENDING_MARK + sealed
    return f"{_PREFIX}{pending_id}={value}; {_ATTRIBUTES}; Max-Age={seconds}"


def expired_cookie(cookie_id: str) -> str:
    return f"{_PREFIX}{cookie_id}=; {_ATTRIBUTES}; Max-Age=0"


def context_secret(cookies: Mapping[str, str], context_id: str) -> str | None:
    value = cookies.get(cookie_name(context_id)) if is_cookie_id(context_id) else None
    return None if value is None or value.startswith(_PENDING_MARK) else value


def sealed_pending(cookies: Mapping[str, str], pending_id: str) -> str | None:
    value = cookies.get(cookie_name(pending_id)) if is_cookie_id(pending_id) else None
    if value is None or not value.startswith(_PENDING_MARK):
        return None
    return value.removeprefix(_PENDING_MARK)


def pending_ids(cookies: Mapping[str, str]) -> Iterator[str]:
    for cookie_id, value in _ours(cookies):
        if value.startswith(_PENDING_MARK):
            yield cookie_id


def context_secrets(cookies: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The ids and secrets of the contexts that this browser holds."""
    for cookie_id, value in _ours(cookies):
        if value and not value.startswith(_PENDING_MARK):
            yield cookie_id, value


def _ours(cookies: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in cookies.items():
        cookie_id = name.removeprefix(_PREFIX)
        if name.startswith(_PREFIX) and is_cookie_id(cookie_id):
            yield cookie_id, value
