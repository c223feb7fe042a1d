"""A search's pages, read entry by entry into one result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from smart_launch.addresses import origin_of
from smart_launch.errors import UnreadableAnswer
from smart_launch.registration import Registration


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that was set aside; `entry` counts from 0 over all pages."""

    entry: int
    reason: str


@dataclass(slots=True)
class SearchResult:
    """`entries` are the matches, each a resource of the type that was asked for.

    `included` came along with them; `outcomes` are the server's remarks. `incomplete`
    says that there may be more than could be read: an empty result that is incomplete
    is not "none".
    """

    entries: list[dict[str, Any]] = field(default_factory=list, repr=False)
    unreadable: list[Unreadable] = field(default_factory=list)
    outcomes: list[dict[str, Any]] = field(default_factory=list, repr=False)
    included: list[dict[str, Any]] = field(default_factory=list, repr=False)
    incomplete: bool = False
    incomplete_because: str | None = None
    self_link: str | None = field(default=None, repr=False)

    def stop(self, reason: str) -> None:
        self.incomplete, self.incomplete_because = True, reason


@dataclass(slots=True)
class PageReader:
    """Collects the pages of one search for one resource type."""

    resource_type: str
    most_entries: int
    result: SearchResult = field(default_factory=SearchResult)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _count: int = 0

    def add(self, bundle: Mapping[str, Any]) -> None:
        """Raises: UnreadableAnswer, where it is no Bundle at all."""
        if bundle.get("resourceType") != "Bundle":
            raise UnreadableAnswer("the answer to a search is not a Bundle")
        if self.result.self_link is None:
            self.result.self_link = link(bundle, "self")
        entries = bundle.get("entry", [])
        if not isinstance(entries, list):
            self._set_aside("the list of entries is not a list")
            self.result.stop("a page's entries could not be read")
            return
        for entry in entries:
            if self._count >= self.most_entries:
                self.result.stop("there are more entries than can be shown")
                return
            self._add_entry(entry)

    def _add_entry(self, entry: Any) -> None:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            self._set_aside("an entry without a resource")
            return
        kind, search = resource.get("resourceType"), entry.get("search")
        mode = search.get("mode") if isinstance(search, dict) else None
        if kind == "OperationOutcome" or mode == "outcome":
            self._count += 1
            self.result.outcomes.append(resource)
        elif not isinstance(kind, str):
            self._set_aside("a resource without a type")
        elif mode == "include" and kind != self.resource_type:
            self._keep(self.result.included, kind, resource)
        elif kind != self.resource_type:
            self._set_aside("a resource of another type than was asked for")
        else:
            self._keep(self.result.entries, kind, resource)

    def _keep(
        self, into: list[dict[str, Any]], kind: str, resource: dict[str, Any]
    ) -> None:
        """Keep it once: pages overlap when something is added between them."""
        self._count += 1
        name = resource.get("id")
        if isinstance(name, str):
            if (kind, name) in self._seen:
                return
            self._seen.add((kind, name))
        into.append(resource)

    def _set_aside(self, reason: str) -> None:
        self.result.unreadable.append(Unreadable(self._count, reason))
        self._count += 1


def link(bundle: Mapping[str, Any], relation: str) -> str | None:
    links = bundle.get("link")
    for one in links if isinstance(links, list) else []:
        if isinstance(one, dict) and one.get("relation") == relation:
            url = one.get("url")
            return url if isinstance(url, str) else None
    return None


def next_address(
    bundle: Mapping[str, Any], current: str, registration: Registration
) -> str | None:
    """Where the next page is; None where this is the last.

    Raises: UnreadableAnswer, for a link that the token must not be sent to.
    """
    following = link(bundle, "next")
    if following is None:
        return None
    try:
        address = urljoin(current, following)
    except ValueError:
        raise UnreadableAnswer("the next page's address is not one") from None
    if origin_of(address) != registration.origin:
        raise UnreadableAnswer("the next page is on another server")
    return address
