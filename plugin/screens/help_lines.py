"""Crisis lines in the reader's words, with the day on which a site confirmed them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from plugin.knowledge.load import Knowledge
from plugin.screens.warning_lines import CrisisLine
from plugin.screens.words import Words


@dataclass(frozen=True, slots=True)
class HelpLines:
    knowledge: Knowledge
    words: Words

    def by_id(self, ids: Sequence[str]) -> Sequence[CrisisLine]:
        found = [
            self.knowledge.help_lines[i]
            for i in ids
            if i in (self.knowledge.help_lines)
        ]
        return [self._line(line.name, line.how, line.last_checked) for line in found]

    def for_paper(self, country: str) -> Sequence[CrisisLine]:
        """What every hand-out carries: lines for anybody, and the emergency number.

        Lines on violence or addiction are not among them: the paper may be read at
        home by others.
        """
        lines = [
            self._line(line.name, line.how, line.last_checked)
            for line in self.knowledge.lines_for(("crisis",), country)
        ]
        number = self.knowledge.emergency_numbers.get(country)
        where = number or self.words.say("Emergency services")
        in_danger = self.words.say("If a life is in danger.")
        return [*lines, CrisisLine(where, in_danger, "")]

    def checked_words(self, country: str) -> str:
        """When the numbers were last confirmed: the oldest date, or that none was."""
        lines = self.knowledge.lines_for(("crisis",), country)
        dates = [line.last_checked for line in lines]
        known = [day for day in dates if day is not None]
        if not lines:
            return ""
        if len(known) < len(dates):
            return self.words.say("Crisis numbers: not checked by this site yet.")
        return self.words.say(
            "Crisis numbers checked %(date)s.", date=self.words.full_date(min(known))
        )

    def _line(self, name: str, how: str, last_checked: object) -> CrisisLine:
        checked = (
            self.words.say("checked %(date)s", date=self.words.full_date(last_checked))
            if isinstance(last_checked, date)
            else self.words.say("number not checked by this site yet")
        )
        return CrisisLine(name, self.words.say(how), checked)
