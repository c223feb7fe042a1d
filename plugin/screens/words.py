"""Everything that is said in the reader's form: words, dates, times, distances.

The catalogues are gettext sources under `translations/`; they are compiled when they
are first asked for, so no compiled file is kept.
"""

from __future__ import annotations

import gettext
import io
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import (
    format_date,
    format_skeleton,
    format_time,
    get_timezone_name,
)
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

HERE = Path(__file__).parent / "translations"
SOURCE_LANGUAGE = "en"
DOMAINS = ("screens", "rules")

# Where roads are measured in miles. Source: CLDR supplemental data, measurementSystem.
MILES = frozenset({"US", "GB", "LR", "MM"})
KM_PER_MILE = 1.609344
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})


@cache
def languages() -> tuple[str, ...]:
    """The languages with a catalogue, English first."""
    found = sorted(p.parent.parent.name for p in HERE.glob("*/LC_MESSAGES/screens.po"))
    return (SOURCE_LANGUAGE, *found)


def nearest(language: str) -> str:
    """The catalogue for a BCP 47 tag; English where there is none."""
    primary = language.replace("_", "-").split("-", 1)[0].lower()
    return primary if primary in languages() else SOURCE_LANGUAGE


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The screens' own words; behind them, those of the rules and their sentences."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    ours, rules = (_compiled(language, domain) for domain in DOMAINS)
    ours.add_fallback(rules)
    return ours


def _compiled(language: str, domain: str) -> gettext.GNUTranslations:
    path = HERE / language / "LC_MESSAGES" / f"{domain}.po"
    with path.open("rb") as source:
        messages = read_po(source, locale=language, domain=domain)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@dataclass(frozen=True, slots=True)
class Words:
    """One reader's language and country."""

    language: str
    country: str
    locale: Locale

    @classmethod
    def of(cls, language: str, country: str) -> Words:
        chosen = nearest(language)
        return cls(chosen, country.upper(), _locale(chosen, country.upper()))

    @property
    def direction(self) -> str:
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    def say(self, message: str, **values: object) -> str:
        """The message in this language, with its `%(name)s` filled in."""
        text = catalogue(self.language).gettext(message) if message else ""
        return text % values if values else text

    def count(self, one: str, many: str, number: int) -> str:
        text = catalogue(self.language).ngettext(one, many, number)
        return text % {"num": self.number(number)}

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self.locale))

    def day(self, day: date | datetime) -> str:
        """Tue, Mar 3."""
        return format_skeleton("MMMEd", day, locale=self.locale, tzinfo=_zone(day))

    def full_date(self, day: date | datetime) -> str:
        """Mar 3, 2026."""
        return format_date(day, "medium", locale=self.locale)

    def spelled_date(self, day: date | datetime) -> str:
        """Tuesday, March 3, 2026: for the hand-out."""
        said = format_date(day, "full", locale=self.locale)
        return said[:1].upper() + said[1:]

    def clock(self, moment: datetime) -> str:
        return format_time(
            moment, "short", locale=self.locale, tzinfo=moment.tzinfo or _zone(moment)
        ).replace("\u202f", "\u00a0")

    def when(self, starts: datetime, now: datetime) -> str:
        """Today, 7:00 PM; or Tue, Mar 3, 6:30 PM: always at the meeting's own clock."""
        today = now.astimezone(starts.tzinfo).date()
        day = self.say("Today") if starts.date() == today else self.day(starts)
        return f"{day}, {self.clock(starts)}"

    def zone(self, starts: datetime, name: str) -> str:
        """The name of the zone, for meetings that people join from elsewhere."""
        try:
            moment = starts.astimezone(ZoneInfo(name)) if name else starts
        except (ZoneInfoNotFoundError, ValueError):
            moment = starts
        return get_timezone_name(moment, "short", locale=self.locale)

    def distance(self, km: float) -> str:
        """0.9 mi or 1.4 km, by the country."""
        if self.country in MILES:
            return self.say("%(distance)s mi", distance=self._short(km / KM_PER_MILE))
        return self.say("%(distance)s km", distance=self._short(km))

    def _short(self, value: float) -> str:
        pattern = "#,##0.0" if value < 10 else "#,##0"
        return str(format_decimal(value, pattern, locale=self.locale))

    def recorded(self, text: str) -> str:
        """A date as the chart has it, with the precision it was given in."""
        try:
            if len(text) == 4:
                return str(int(text))
            if len(text) == 7:
                month = date.fromisoformat(text + "-01")
                return format_skeleton("yMMM", month, locale=self.locale)
            return self.full_date(date.fromisoformat(text[:10]))
        except ValueError:
            return text


@cache
def own_names() -> tuple[tuple[str, str], ...]:
    """Each language of the catalogues, by its own name."""
    return tuple(
        (tag, str(Words.of(tag, "").locale.display_name or tag).capitalize())
        for tag in languages()
    )


def _zone(moment: date | datetime) -> tzinfo | None:
    return moment.tzinfo if isinstance(moment, datetime) else None


@cache
def _locale(language: str, country: str) -> Locale:
    for tag in (f"{language}_{country}", language):
        try:
            return Locale.parse(tag)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(SOURCE_LANGUAGE)
