"""The draft of a launch, where it is kept; and the visit it leads to."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from plugin.chart.chart import Chart
from plugin.house import House
from plugin.screens.draft import Draft, draft_from, restored
from plugin.screens.gate import Passed
from plugin.visit import Stated, Visit
from smart_launch.context import LaunchContext

NAME = "screens"


def draft_of_launch(launch: Passed) -> Draft:
    return draft_from(launch.house.contexts.draft(launch.context, NAME))


def keep(launch: Passed, draft: Draft) -> Draft:
    launch.house.contexts.keep_draft(launch.context, NAME, draft.to_bytes())
    return draft


def go_on(house: House, context: LaunchContext) -> None:
    """Take up what this user left with this patient when the session before ran out."""
    left = house.contexts.take_left_draft(context, NAME)
    if left is not None:
        house.contexts.keep_draft(context, NAME, restored(left).to_bytes())


def begin_from_card(house: House, context: LaunchContext) -> None:
    """Where the app was opened from a card, its first group is ticked to begin with."""
    program = house.cds.reporting.opened_from(context)
    if program:
        draft = Draft(picks=(program,))
        house.contexts.keep_draft(context, NAME, draft.to_bytes())


def visit_of(
    launch: Passed,
    draft: Draft,
    seen: Callable[[Chart], None] = lambda _chart: None,
) -> Visit:
    """The visit as this draft wants it: also after a restart, or in another process.

    Takes: `seen`, which is told of a chart that is read now.
    """
    return launch.house.visits.open(launch.context, stated_in(draft), seen=seen)


def stated_in(draft: Draft) -> Stated:
    return Stated(
        preferences=draft.preferences,
        dropped_needs=frozenset(draft.dropped_needs),
        added_needs=frozenset(draft.added_needs),
        anywhere=draft.place == "none",
    )


def with_key(draft: Draft) -> Draft:
    """The draft with the key by which a second press of Sign is the same signature."""
    return draft if draft.key else replace(draft, key=secrets.token_urlsafe(16))
