"""From a recommendation to what the first screen shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from plugin.chart.chart import Chart
from plugin.directory.meeting import Place
from plugin.knowledge.guide import Guide
from plugin.matching.recommendation import (
    Need,
    Recommendation,
    Removed,
    SingleSession,
)
from plugin.screens.cards import Card, card
from plugin.screens.draft import Draft
from plugin.screens.map_view import map_of
from plugin.screens.needs_view import NeedsView
from plugin.screens.preferences_view import PreferencesView
from plugin.screens.reading_view import ReadingView
from plugin.screens.warning_lines import CrisisLines, WarningBoxes
from plugin.screens.words import Words

# What an explicit wish of the patient can bring back.
CAN_BE_PUT_BACK = frozenset({"gender", "on request"})
MOST_MORE_GROUPS = 40


@dataclass(frozen=True, slots=True)
class LeftOut:
    name: str
    reason: str
    back: str  # what the button asks for, "" where nothing brings it back


@dataclass(frozen=True, slots=True)
class SessionLine:
    id: str
    name: str
    length: str
    grade: str
    reasons: tuple[str, ...]
    taken: bool


@dataclass(frozen=True, slots=True)
class RecommendView:
    """Makes the values of the template for one reader."""

    words: Words
    crisis: CrisisLines
    now: datetime
    known_needs: Mapping[str, str]
    guides: Sequence[Guide] = ()  # those that may be of use in this visit

    def values(
        self,
        chart: Chart,
        shown: Recommendation,
        draft: Draft,
        *,
        near: Place | None,
        has_place: bool,
        every_need: Sequence[Need],
        waits: bool,
    ) -> dict[str, object]:
        """Everything but the frame.

        Takes: `near`, the place that is gone by; `every_need`, the chart's needs before
               the clinician took any out; `waits`, whether a red warning has no answer
               yet.
        """
        listed = listed_programs(shown, draft)
        cards = [self._card(shown, program, draft) for program in listed]
        more = [
            self._card(shown, p.id, draft)
            for p in shown.programs
            if p.id not in listed and p.id not in draft.left_out
        ][:MOST_MORE_GROUPS]
        boxes = WarningBoxes(self.words, self.crisis, self.now.date())
        return {
            "warnings": boxes.of(shown.warnings, draft.answers, {}),
            **ReadingView(self.words).values(chart, shown),
            "chosen_withdrawal": draft.withdrawal,
            "filing_waits": waits,
            "cards": cards,
            "map": map_of(
                cards, {p.id: p.meetings for p in shown.programs}, near, self.words
            ),
            "groups_words": self._groups_words(len(cards)),
            "one_approach": _one_approach(cards),
            "none_words": self._none_words(shown),
            "more_groups": more,
            "more_groups_words": self.words.count(
                "%(num)s more that fits", "%(num)s more that fit", len(more)
            ),
            "chosen_words": self._chosen_words(cards),
            "knowledge_version": shown.knowledge_version,
            **self._left_out(shown, draft),
            **NeedsView(self.words, self.known_needs).values(
                chart, shown, draft, every_need
            ),
            **self._sessions(shown.single_sessions, draft),
            "guides": self.guides,
            "kept_guides": tuple(draft.guides),
            **PreferencesView(self.words).values(draft, has_place=has_place),
        }

    def _card(self, shown: Recommendation, program: str, draft: Draft) -> Card:
        found = shown.program(program)
        assert found is not None
        return card(found, draft, self.words, self.now)

    # ---- groups ----

    def _groups_words(self, number: int) -> str:
        if not number:
            return self.words.say("No suitable group found")
        return self.words.count(
            "%(num)s group to discuss", "%(num)s groups to discuss", number
        )

    def _none_words(self, shown: Recommendation) -> str:
        if not shown.needs:
            return self.words.say(
                "The chart names no need that a group answers. Talk about what the "
                "patient would like, and add a need if there is one."
            )
        return self.words.say(
            "None of the groups that the rules know suits this patient. The list is "
            "not padded; see what was left out, and why."
        )

    def _chosen_words(self, cards: Sequence[Card]) -> str:
        picked = sorted((c for c in cards if c.picked), key=lambda c: c.order)
        return "; ".join(
            f"{c.name}, {c.meeting.when}" if c.meeting and c.meeting_id else c.name
            for c in picked
        )

    def _left_out(self, shown: Recommendation, draft: Draft) -> dict[str, object]:
        lines = []
        for program, reason in draft.left_out.items():
            found = shown.program(program)
            if found is not None:
                lines.append(
                    LeftOut(
                        found.name,
                        reason or self.words.say("left out by you, no reason given"),
                        f"back:{program}",
                    )
                )
        lines += [self._removed(line) for line in shown.removed]
        return {
            "left_out": lines,
            "left_out_words": self.words.count(
                "%(num)s left out, with the reason",
                "%(num)s left out, with reasons",
                len(lines),
            ),
        }

    def _removed(self, line: Removed) -> LeftOut:
        back = f"wish:{line.id}" if line.kind in CAN_BE_PUT_BACK else ""
        return LeftOut(line.name, line.reason, back)

    def _sessions(
        self, sessions: Sequence[SingleSession], draft: Draft
    ) -> dict[str, object]:
        return {
            "sessions": [
                SessionLine(
                    s.id,
                    s.name,
                    self.words.say("%(num)s min", num=self.words.number(s.minutes))
                    if s.minutes
                    else "",
                    s.evidence.grade or "",
                    s.reasons,
                    s.id in draft.sessions,
                )
                for s in sessions
            ]
        }


def listed_programs(shown: Recommendation, draft: Draft) -> list[str]:
    """What stands on the list: the offered, what was added or chosen, less what was
    left out."""
    wanted = dict.fromkeys((*shown.offered, *draft.shown_too, *draft.picks))
    return [p for p in wanted if p not in draft.left_out and shown.program(p)]


def _one_approach(cards: Sequence[Card]) -> bool:
    return len(cards) > 1 and len({c.approach for c in cards}) == 1
