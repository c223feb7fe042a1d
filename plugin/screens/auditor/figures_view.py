"""The figures as drawings and tables, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from babel.dates import format_skeleton

from plugin.audit.equity import SMALLEST, Group
from plugin.audit.figures import (
    PUBLISHED_LITERATURE,
    PUBLISHED_REFERRAL,
    Figures,
    Share,
)
from plugin.screens.auditor.plots import Plot, Table, bars, rows
from plugin.screens.words import Words


@dataclass(frozen=True, slots=True)
class Drawn:
    """Takes: `program`, a programme's name from its id."""

    figures: Figures
    words: Words
    program: Callable[[str], str]

    def plots(self) -> Sequence[Plot]:
        return (
            self._by_month(),
            self._shares(),
            self._linkage(),
            self._by_program(),
            self._minutes(),
            self._unknown(),
            self._declines(),
            *(self._equity(name) for name in self.figures.equity),
        )

    def _by_month(self) -> Plot:
        say, number = self.words.say, self.words.number
        months = self.figures.linkage_by_month
        listed = [(self._month(m), one.whole) for m, one in months.items()]
        return Plot(
            "months",
            say("Referrals signed each month"),
            _said(say("Referrals signed each month"), listed, number),
            self.words.count(
                "%(num)s referral in all.",
                "%(num)s referrals in all.",
                self.figures.linkage.whole,
            ),
            Table(
                (say("Month"), say("Referrals")),
                [(month, number(count)) for month, count in listed],
            ),
            bars=bars([(month, count, number(count)) for month, count in listed]),
        )

    def _shares(self) -> Plot:
        say = self.words.say
        told = (
            (say("Discussed"), self.figures.discussed, PUBLISHED_LITERATURE),
            (say("Literature given"), self.figures.literature, PUBLISHED_LITERATURE),
            (say("Referred"), self.figures.referred, PUBLISHED_REFERRAL),
        )
        title = say("Of visits with a matched need")
        return Plot(
            "shares",
            title,
            _said(
                title, [(name, share.share or 0) for name, share, _ in told], self.per
            ),
            say(
                "The lines are what psychiatrists said of themselves (Powell 2000): "
                "about 75% referred, under half gave literature or discussed it."
            ),
            Table(
                (say("What came of it"), say("Visits"), say("Of"), say("Share")),
                [(name, *self._cells(share)) for name, share, _ in told],
            ),
            rows=rows(
                [(name, s.share or 0, self._of(s)) for name, s, _ in told],
                top=1.0,
                marks=[mark for *_, mark in told],
            ),
        )

    def _linkage(self) -> Plot:
        say = self.words.say
        months = self.figures.linkage_by_month
        title = say("Went at least once within 30 days")
        listed = [(self._month(m), one) for m, one in months.items()]
        return Plot(
            "linkage",
            title,
            _said(title, [(month, one.share or 0) for month, one in listed], self.per),
            say(
                "%(share)s of all referrals; %(heard)s were heard of. The newest month "
                "is not over.",
                share=self.per(self.figures.linkage.share or 0),
                heard=self.words.number(self.figures.heard_of),
            ),
            Table(
                (say("Month"), say("Went"), say("Referrals"), say("Share")),
                [(month, *self._cells(one)) for month, one in listed],
            ),
            bars=bars(
                [
                    (month, one.share or 0, self.per(one.share) if one.share else "")
                    for month, one in listed
                ],
                top=1.0,
            ),
        )

    def _by_program(self) -> Plot:
        say = self.words.say
        listed = [(self.program(name), n) for name, n in self.figures.by_program]
        return self._counted(
            "programs", say("Groups referred to"), say("Group"), listed
        )

    def _minutes(self) -> Plot:
        say, number = self.words.say, self.words.number
        middle = self.figures.median_minutes
        title = say("Minutes from opening to signing")
        listed = self.figures.minutes_by_bin
        return Plot(
            "minutes",
            title,
            _said(title, listed, number),
            say(
                "Half took no more than %(minutes)s minutes.",
                minutes=_one(self, middle),
            )
            if middle is not None
            else say("Nothing was signed in this time."),
            Table(
                (say("Minutes"), say("Visits")),
                [(name, number(count)) for name, count in listed],
            ),
            bars=bars([(name, count, number(count)) for name, count in listed]),
        )

    def _unknown(self) -> Plot:
        say = self.words.say
        named = {
            "under 1 h": say("under 1 h"),
            "1 to 24 h": say("1 to 24 h"),
            "1 to 7 days": say("1 to 7 days"),
            "over 7 days": say("over 7 days"),
        }
        listed = [(named[name], n) for name, n in self.figures.unknown_by_age]
        title = say("Writes without an answer, now")
        return self._counted("unknown", title, say("For how long"), listed)

    def _declines(self) -> Plot:
        say = self.words.say
        named = {
            "": say("No reason given"),
            "not_interested": say("Not interested"),
            "not_ready": say("Not ready yet"),
            "bad_experience": say("Bad experience with groups"),
            "time": say("Time"),
            "travel": say("Travel"),
            "privacy": say("Privacy"),
            "other": say("Something else"),
        }
        listed = [(named.get(reason, reason), n) for reason, n in self.figures.declines]
        title = say("Why patients declined")
        return self._counted("declines", title, say("Reason"), listed)

    def _counted(
        self, name: str, title: str, column: str, listed: Sequence[tuple[str, int]]
    ) -> Plot:
        say, number = self.words.say, self.words.number
        return Plot(
            name,
            title,
            _said(title, listed, number),
            "" if any(count for _, count in listed) else say("None in this time."),
            Table((column, say("How many")), [(one, number(n)) for one, n in listed]),
            rows=rows([(one, count, number(count)) for one, count in listed]),
        )

    def _equity(self, dimension: str) -> Plot:
        say = self.words.say
        titles = {
            "language": say("Referred, by language"),
            "age": say("Referred, by age"),
            "sex": say("Referred, by sex"),
        }
        groups = self.figures.equity[dimension]
        return Plot(
            f"equity-{dimension}",
            titles[dimension],
            _said(
                titles[dimension],
                [(g.name, _share(g)) for g in groups if g.offered is not None],
                self.per,
            ),
            say(
                "Visits with a matched need. Groups under %(least)s are not shown, nor "
                "is what would give them away.",
                least=self.words.number(SMALLEST),
            ),
            Table(
                (say("Group of people"), say("Visits"), say("Referred"), say("Went")),
                [
                    (g.name, *map(self._hidden, (g.seen, g.offered, g.linked)))
                    for g in groups
                ],
            ),
            rows=rows(
                [
                    (g.name, _share(g), self.per(_share(g)))
                    for g in groups
                    if g.offered is not None
                ],
                top=1.0,
            ),
        )

    def _hidden(self, count: int | None) -> str:
        return self.words.say("hidden") if count is None else self.words.number(count)

    def _cells(self, share: Share) -> tuple[str, str, str]:
        number = self.words.number
        told = "" if share.share is None else self.per(share.share)
        return number(share.part), number(share.whole), told

    def _of(self, share: Share) -> str:
        return "" if share.share is None else self.per(share.share)

    def per(self, share: float) -> str:
        return f"{self.words.number(round(share * 100))}%"

    def _month(self, month: str) -> str:
        first = date.fromisoformat(f"{month}-01")
        return format_skeleton("yMMM", first, locale=self.words.locale)


def _one(drawn: Drawn, minutes: float | None) -> str:
    return drawn.words.number(round(minutes or 0, 1))


def _share(group: Group) -> float:
    return (group.offered or 0) / group.seen if group.seen else 0.0


def _said(
    title: str, listed: Sequence[tuple[str, float]], written: Callable[[float], str]
) -> str:
    """The drawing as one line of text, for who does not see it."""
    return f"{title}: " + "; ".join(f"{name} {written(n)}" for name, n in listed)
