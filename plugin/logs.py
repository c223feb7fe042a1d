"""Logs: one JSON object a line, holding only what is listed here.

A key that is not listed is dropped, and a value that has not its key's form is
withheld; so a name, a note or a token cannot reach a log by mistake. An exception
gives its class and the line of our code that it passed through, never its message:
messages quote what they were handed.

    log().warning("write.refused", tenant="general", referral=id, status=422)
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import orjson
import structlog

_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9._-]{1,72}")
# A route's template and never its path, which holds ids.
_ROUTE = re.compile(r"[A-Za-z0-9/._{}:-]{1,128}")
_PLACE = re.compile(r"[A-Za-z0-9/._-]{1,128}:\d{1,6}")
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}")
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,6})?")

# Each key with the form of its value.
FORMS: Mapping[str, re.Pattern[str]] = {
    "attempt": _NUMBER,
    "at": _PLACE,
    "caused_by": _WORD,
    "context": _ID,
    "count": _NUMBER,
    "error": _WORD,
    "feed": _WORD,
    "host": _HOST,
    "job": _ID,
    "kid": _ID,
    "kind": _WORD,
    "line": _PLACE,
    "logger": _WORD,
    "method": re.compile(r"[A-Z]{1,10}"),
    "milliseconds": _NUMBER,
    "outcome": _WORD,
    "port": _NUMBER,
    "reason": _WORD,
    "referral": _ID,
    "removed": _NUMBER,
    "request": _ID,
    "resource": _WORD,
    "retry_in": _NUMBER,
    "revision": _WORD,
    "route": _ROUTE,
    "rows": _NUMBER,
    "rule": _WORD,
    "signal": _WORD,
    "status": _NUMBER,
    "step": _WORD,
    "stored": _NUMBER,
    "tenant": _WORD,
    "version": _WORD,
    "worker": _ID,
    "workers": _NUMBER,
}
WITHHELD = "withheld"
_EVENT = re.compile(r"[a-z0-9_. -]{1,80}", re.IGNORECASE)

# Loggers of ours: their message is an event name and their extras are allow-listed.
_OURS = ("smart_launch", "plugin")

# Libraries whose message templates are constants; their arguments are never printed.
_TEMPLATES_PRINTED = ("uvicorn.error",)

# Attributes that every record has; what a caller added with `extra=` is the rest.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Log(Protocol):
    """What `log()` gives: an event name, then listed keys."""

    def debug(self, event: str, **keys: object) -> None: ...
    def info(self, event: str, **keys: object) -> None: ...
    def warning(self, event: str, **keys: object) -> None: ...
    def error(self, event: str, **keys: object) -> None: ...
    def exception(self, event: str, **keys: object) -> None: ...
    def bind(self, **keys: object) -> "Log": ...


def log() -> Log:
    """The app's logger. What it is given passes the allow-list before anything else."""
    return cast(
        "Log",
        structlog.wrap_logger(
            logging.getLogger("selfhelp"),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                _only_listed,
                _to_record,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            context_class=dict,
        ),
    )


def send_to(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Send every log, the libraries' too, to one stream of JSON lines.

    Takes:  standard error unless told otherwise: standard output is for answers.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.setLevel(logging.NOTSET)
        library.propagate = name != "uvicorn.access"  # paths hold ids; see operations
    # At DEBUG these quote what they send.
    for name in ("authlib", "urllib3", "requests", "sqlalchemy", "alembic", "asyncio"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def listed(keys: Mapping[str, object]) -> dict[str, object]:
    """Keep the listed keys; withhold a value without its key's form."""
    kept: dict[str, object] = {}
    for key, value in keys.items():
        if key not in FORMS or value is None:
            continue
        fits = FORMS[key].fullmatch(str(value)) is not None
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        kept[key] = (value if plain else str(value)) if fits else WITHHELD
    return kept


class JsonLines(logging.Formatter):
    """One record, one JSON object, one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "event": _event_of(record),
        }
        if record.name != "selfhelp":
            line["logger"] = record.name
        keys = getattr(record, "listed", None)
        if not isinstance(keys, dict):
            keys = _extras(record) if _is_ours(record) else {}
        if record.exc_info and isinstance(record.exc_info[1], BaseException):
            keys = keys | failure(record.exc_info[1])
        return orjson.dumps(line | listed(keys)).decode()


def failure(error: BaseException) -> dict[str, object]:
    """What may be said of an exception: its class, its cause's, where it was raised."""
    said: dict[str, object] = {"error": type(error).__name__}
    if cause := error.__cause__ or error.__context__:
        said["caused_by"] = type(cause).__name__
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        root = Path(__file__).parents[1]
        ours = [f for f in frames if Path(f.filename).is_relative_to(root)]
        last = (ours or frames)[-1]
        path = Path(last.filename)
        short = path.relative_to(root) if path.is_relative_to(root) else path.name
        said["at"] = f"{short}:{last.lineno or 0}"
    return said


def _only_listed(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    name, level = str(event.pop("event", "")), event.pop("level", "info")
    exc_info = event.pop("exc_info", None)
    if isinstance(exc_info, BaseException):
        event.update(failure(exc_info))
    elif exc_info and (error := sys.exc_info()[1]):
        event.update(failure(error))
    return {"event": _event_name(name), "level": level, "listed": listed(event)}


def _to_record(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    return (event["event"],), {"extra": {"listed": event["listed"]}}


def _event_name(text: str) -> str:
    return text if _EVENT.fullmatch(text) else WITHHELD


def _event_of(record: logging.LogRecord) -> str:
    if record.name == "selfhelp" or _is_ours(record):
        return _event_name(str(record.msg))
    if record.name in _TEMPLATES_PRINTED:
        return str(record.msg).split("\n", maxsplit=1)[0][:120]
    return f"library.{record.levelname.lower()}"


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.split(".", maxsplit=1)[0] in _OURS


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD}
