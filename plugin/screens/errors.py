"""The one place where an error becomes a page or a JSON body.

ScreenError
    UnknownHost         the request names a host that is not ours
    ForeignOrigin       a change that does not come from our own pages
    NotJson             an API body that does not say that it is JSON
    BodyUnreadable      a body or form that cannot be read
    PatientDiffers      the page was of another patient than the launch
    NothingHere         no such page, group or referral for this launch
    DraftChanged        the page is older than what has been chosen since
    NoCookieKept        the browser sent no session back
    └── NoCookieAtSignIn  ... and none when the EHR led back here either

An error of another room has `status` and `public` too; its own message never leaves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from plugin.screens.render import page
from plugin.screens.words import Words
from smart_launch.errors import ContextEnded

_API = re.compile(r"^/launches/[^/]+/api(/|$)|^/cds-services(/|$)|^/metrics$")
RELAUNCH = "Open the app again from the patient's chart."


class ScreenError(Exception):
    status = 400
    title = "This did not work"
    public = "Something in the request was not as expected."
    kind = "bad_request"


class UnknownHost(ScreenError):
    public = "This address does not belong to this app."
    kind = "unknown_host"


class ForeignOrigin(ScreenError):
    status = 403
    title = "Not accepted"
    public = (
        "This request did not come from a page of this app, so nothing was done. "
        + RELAUNCH
    )
    kind = "foreign_origin"


class NotJson(ScreenError):
    status = 415
    public = "The body has to be JSON, sent as application/json."
    kind = "not_json"


class BodyUnreadable(ScreenError):
    public = "What was sent could not be read. Nothing was done."
    kind = "unreadable"


class PatientDiffers(ScreenError):
    status = 409
    title = "The chart has moved to another patient"
    public = (
        "This page was opened for another patient than this launch. Nothing was "
        "written. " + RELAUNCH
    )
    kind = "patient_differs"


class NothingHere(ScreenError):
    status = 404
    title = "Nothing here"
    public = "There is no such page in this launch."
    kind = "not_found"


class DraftChanged(ScreenError):
    status = 409
    title = "Already signed"
    public = (
        "This page is older than what was signed since. Nothing was written a second "
        "time. Look at the follow-up page for what was filed."
    )
    kind = "draft_changed"


class NoCookieKept(ScreenError):
    status = 404
    title = "This browser cannot keep a secure session"
    public = (
        "The browser did not send back the app's own cookie. Inside an EHR's window "
        "that needs partitioned cookies: a current Chrome, Edge, Firefox or Safari, "
        "without a rule that blocks all cookies. Nothing was read or written. The app "
        "never puts a session into the address instead."
    )
    kind = "no_cookie"


class NoCookieAtSignIn(NoCookieKept):
    status = 400


@dataclass(frozen=True, slots=True)
class Told:
    """An error in the form in which it may be told."""

    status: int
    kind: str
    title: str
    public: str
    problems: tuple[str, ...] = ()
    retry_after: int | None = None


_TITLES = {
    400: "This request was not in order",
    401: "This session has ended",
    403: "Not permitted",
    404: "Nothing here",
    405: "Not possible this way",
    409: "This launch is over",
    413: "Too much was sent",
    415: "Not in a form that can be read",
    422: "Something is missing",
    429: "Too many requests",
    500: "Something went wrong in this app",
    502: "The EHR gave no usable answer",
    503: "Not available just now",
}
_PUBLIC = {
    404: "There is no such page. " + RELAUNCH,
    405: "This address does not answer to this kind of request. Nothing was done.",
    413: "What was sent is too large. Nothing was done. Shorten it and try again.",
    422: "What was sent is not in the form that was expected. Nothing was done.",
    500: "Something went wrong in this app. Nothing more was done. " + RELAUNCH,
}
# What a status is called in a JSON body, where the error has no name of its own.
_KINDS = {
    400: "bad_request",
    401: "session_ended",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many",
    500: "failed",
    502: "ehr_unavailable",
    503: "unavailable",
}


# Why a launch was ended, where there is more to say than that it was.
_ENDED = {
    "superseded": (
        "The chart has moved to another patient",
        "This panel was closed so that nothing can be filed to the wrong chart. "
        "What was not signed was not written. " + RELAUNCH,
    ),
    "another user launched in this browser": (
        "Another person signed in here",
        "This panel belonged to the person before and was closed. What that person "
        "signed is filed. " + RELAUNCH,
    ),
    "logged out": (
        "This session has ended",
        "You ended this session. What you signed is filed. " + RELAUNCH,
    ),
}


def told_as(error: BaseException) -> Told:
    """What may be said of an error: its status, and its class's own public text."""
    if isinstance(error, HTTPException):
        status = error.status_code
        return Told(status, *_plain(status))
    if isinstance(error, RequestValidationError):
        return Told(422, *_plain(422))  # never what was sent: it may name a patient
    if isinstance(error, ContextEnded) and error.reason in _ENDED:
        return Told(error.status, "context_ended", *_ENDED[error.reason])
    status = int(getattr(error, "status", 500))
    kind, title, public = _plain(status)
    retry = getattr(error, "retry_after", None)
    problems = getattr(error, "problems", ())
    return Told(
        status,
        str(getattr(error, "kind", kind)),
        str(getattr(error, "title", title)),
        str(getattr(error, "public", public)),
        tuple(str(p) for p in problems),
        int(retry) if isinstance(retry, int | float) else None,
    )


def _plain(status: int) -> tuple[str, str, str]:
    return (
        _KINDS.get(status, "failed"),
        _TITLES.get(status, "This did not work"),
        _PUBLIC.get(status, "This did not work. " + RELAUNCH),
    )


def told(request: Request, error: Exception) -> Response:
    """Answer with the error: a page for people, JSON for programs."""
    said = told_as(error)
    headers: dict[str, str] = {}
    if said.retry_after is not None or said.status == 503:
        headers["Retry-After"] = str(said.retry_after or 5)
    if isinstance(error, HTTPException) and "Allow" in (error.headers or {}):
        headers["Allow"] = (error.headers or {})["Allow"]
    answer = _json(said) if wants_json(request) else _page(request, said)
    answer.headers.update(headers)
    return answer


def failed(request: Request) -> Response:
    """What is said of an error that nobody foresaw."""
    return told(request, HTTPException(500))


def wants_json(request: Request) -> bool:
    return _API.match(request.url.path) is not None


def _json(said: Told) -> Response:
    body: dict[str, Any] = {"error": said.kind, "message": said.public}
    if said.problems:
        body["problems"] = list(said.problems)
    return Response(
        orjson.dumps(body), status_code=said.status, media_type="application/json"
    )


@dataclass(frozen=True, slots=True)
class Said:
    """An error in the reader's words."""

    title: str
    lines: tuple[str, ...]


def said(error: BaseException, words: Words) -> Said:
    return _in_words(told_as(error), words)


def _in_words(told: Told, words: Words) -> Said:
    lines = (told.public, *told.problems)
    return Said(words.say(told.title), tuple(words.say(line) for line in lines))


def _page(request: Request, told: Told) -> Response:
    words = words_of(request)
    shown = _in_words(told, words)
    values: Mapping[str, object] = {
        "sign": "lock" if told.status in (401, 403) else "caution",
        "title": shown.title,
        "lines": shown.lines,
        "next_step": "",
        "link": _next_step(told, words_of(request)),
        "desk": "",
    }
    return page("message.html", words, values, status=told.status)


def _next_step(told: Told, words: Words) -> dict[str, str] | None:
    """A reviewer whose session is over comes back by the identity provider."""
    if told.kind != "not_signed_in":
        return None
    return {"href": "/audit/sign-in", "text": words.say("Sign in")}


def words_of(request: Request) -> Words:
    """The launch's language where it is known, else the browser's, else English."""
    known = getattr(request.state, "words", None)
    if isinstance(known, Words):
        return known
    asked = request.headers.get("accept-language", "")[:100]
    return Words.of(asked.split(",", 1)[0].split(";", 1)[0].strip() or "en", "")
