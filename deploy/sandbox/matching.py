"""Does a resource match a search parameter? Source: FHIR R4, section 3.1.1 Search."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from deploy.sandbox.parameters import Parameter
from deploy.sandbox.refusals import refuse
from deploy.sandbox.wire import Json

_PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
_PARTIAL = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?"
    r"(Z|[+-]\d\d:\d\d)?)?)?)?"
)

Span = tuple[datetime, datetime]


def matches(resource: Json, parameter: Parameter, wanted: str) -> bool:
    """Say whether a resource has one of the values of a parameter (`a,b` is a or b)."""
    values = [value for path in parameter.elements for value in reached(resource, path)]
    return any(
        _MATCHERS[parameter.form](values, part) for part in _alternatives(wanted)
    )


def reached(value: object, path: str) -> Iterator[object]:
    """Give every value at a path of element names, through lists."""
    if isinstance(value, list):
        for item in value:
            yield from reached(item, path)
    elif not path:
        if value is not None:
            yield value
    elif isinstance(value, dict):
        name, _, rest = path.partition(".")
        if name in value:
            yield from reached(value[name], rest)


def _alternatives(wanted: str) -> list[str]:
    parts = re.split(r"(?<!\\),", wanted)
    return [part.replace("\\,", ",") for part in parts if part]


def _token(values: Sequence[object], wanted: str) -> bool:
    system, bar, code = wanted.rpartition("|")
    return any(
        (not code or found_code == code)
        and (not bar or found_system is None or found_system == system)
        for value in values
        for found_system, found_code in _codes(value)
    )


def _codes(value: object) -> Iterator[tuple[str | None, str]]:
    """Give system and code; a plain code has no system, so any may be asked for."""
    if isinstance(value, str):
        yield None, value
    elif isinstance(value, dict):
        for coding in value.get("coding") or [value]:
            if isinstance(coding, dict):
                code = coding.get("code", coding.get("value", ""))
                yield str(coding.get("system", "")), str(code)


def _reference(values: Sequence[object], wanted: str) -> bool:
    for value in values:
        literal = value.get("reference") if isinstance(value, dict) else None
        if isinstance(literal, str) and wanted in {literal, literal.rpartition("/")[2]}:
            return True
    return False


def _string(values: Sequence[object], wanted: str) -> bool:
    return any(
        isinstance(value, str) and value.casefold().startswith(wanted.casefold())
        for value in values
    )


def _date(values: Sequence[object], wanted: str) -> bool:
    prefix = wanted[:2] if wanted[:2] in _PREFIXES else "eq"
    asked = span_of(wanted.removeprefix(prefix) if wanted[:2] == prefix else wanted)
    if asked is None:
        raise refuse(400, "value", f"not a date: {wanted}")
    spans = [span for value in values if (span := _span(value)) is not None]
    return any(_compared(prefix, span, asked) for span in spans)


def _compared(prefix: str, found: Span, asked: Span) -> bool:
    start, end = found
    return {
        "eq": asked[0] <= start and end <= asked[1],
        "ne": not (asked[0] <= start and end <= asked[1]),
        "gt": end > asked[1],
        "ge": end > asked[1] or asked[0] <= start <= asked[1],
        "lt": start < asked[0],
        "le": start < asked[0] or asked[0] <= end <= asked[1],
        "sa": start > asked[1],
        "eb": end < asked[0],
    }[prefix]


def _span(value: object) -> Span | None:
    if isinstance(value, str):
        return span_of(value)
    if isinstance(value, dict):  # a Period, open where an end is not given
        start = span_of(str(value.get("start", "0001")))
        end = span_of(str(value.get("end", "9998")))
        return (start[0], end[1]) if start and end else None
    return None


def span_of(text: str) -> Span | None:
    """Give the first and the last moment that a date of any precision may mean."""
    found = _PARTIAL.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        offset = datetime.fromisoformat(f"2000-01-01T00:00{zone or '+00:00'}").tzinfo
        start = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=offset,
        )
    except ValueError:
        return None
    return start, _end(start, month, day, hour, second)


def _end(start: datetime, *given: str | None) -> datetime:
    month, day, hour, second = given
    if second:
        step = timedelta(seconds=1)
    elif hour:
        step = timedelta(minutes=1)
    elif day:
        step = timedelta(days=1)
    elif month:
        step = timedelta(days=32 - (start + timedelta(days=31)).day)
    else:
        year = start.year + 1
        return datetime(year, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
    return start + step - timedelta(microseconds=1)


_MATCHERS = {"token": _token, "reference": _reference, "string": _string, "date": _date}
