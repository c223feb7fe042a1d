"""The feeds' health, for a terminal."""

from collections.abc import Iterator, Sequence

from plugin.directory.report import FeedStatus


def status_lines(statuses: Sequence[FeedStatus]) -> Iterator[str]:
    if not statuses:
        yield "No feed yet. Import one, or try: selfhelp directory demo"
        return
    width = max(len(one.feed) for one in statuses)
    for one in statuses:
        yield f"{one.feed:<{width}}  {_state(one)}  {_counts(one)}"
        yield f"{'':<{width}}  {one.program}, {one.format}, {one.source}"
        if one.licence:
            yield f"{'':<{width}}  licence: {one.licence}"
        if one.reason:
            yield f"{'':<{width}}  {one.reason}"


def _state(one: FeedStatus) -> str:
    if one.age_days is None:
        return f"{one.state}, never read"
    age = {0: "today", 1: "yesterday"}.get(one.age_days, f"{one.age_days} days ago")
    stale = ", stale: phone first" if one.stale else ""
    return f"{one.state}, read {age}{stale}"


def _counts(one: FeedStatus) -> str:
    said = [f"{one.meetings} meetings"]
    for number, what in (
        (one.rejected, "rows rejected"),
        (one.without_zone, "without a time zone"),
        (one.by_appointment, "by appointment"),
        (one.inactive, "closed for now"),
    ):
        if number:
            said.append(f"{number} {what}")
    return ", ".join(said)
