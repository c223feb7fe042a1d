"""What was read of the chart, and what was not: it stands above everything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plugin.chart.chart import Chart
from plugin.matching.recommendation import Recommendation
from plugin.referral.record import doubts
from plugin.screens.words import Words

# Said elsewhere on the page, and not once more among the checks.
SAID_ABOVE = ("No risk codes found is", "Could not check:", "Read in part only:")


@dataclass(frozen=True, slots=True)
class CheckLine:
    head: str
    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    title: str
    text: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadingView:
    words: Words

    def values(self, chart: Chart, shown: Recommendation) -> dict[str, object]:
        return {
            "reading_notices": self._reading_notices(shown, chart),
            "checks": self._checks(chart, shown),
        }

    def _reading_notices(self, shown: Recommendation, chart: Chart) -> list[Notice]:
        words, notices = self.words, []
        if doubts(chart):
            title = words.say("Is this the right record?")
            notices.append(Notice(title, words.say(doubts(chart)), ()))
        if shown.could_not_check:
            notices.append(
                Notice(
                    words.say("Part of the chart could not be read"),
                    words.say(
                        "Could not check: %(sources)s. That is not the same as none: "
                        "a need or a risk may be missing below.",
                        sources=self._sources(shown.could_not_check),
                    ),
                    (),
                )
            )
        if chart.incomplete:
            notices.append(
                Notice(
                    words.say("A list in the chart is incomplete"),
                    words.say(
                        "Read in part: %(sources)s. A need or a risk may be missing "
                        "below.",
                        sources=self._sources(chart.incomplete),
                    ),
                    (),
                )
            )
        if shown.unreadable:
            notices.append(
                Notice(
                    words.count(
                        "%(num)s entry could not be read",
                        "%(num)s entries could not be read",
                        len(shown.unreadable),
                    ),
                    words.say(
                        "What follows uses the others. A need or a risk may be missing."
                    ),
                    tuple(
                        words.say(
                            "Entry %(number)s: %(reason)s",
                            number=words.number(line.entry + 1),
                            reason=line.reason,
                        )
                        for line in shown.unreadable
                    ),
                )
            )
        return notices

    def _sources(self, sources: Iterable[str]) -> str:
        return ", ".join(source_words(source, self.words) for source in sources)

    def _checks(self, chart: Chart, shown: Recommendation) -> list[CheckLine]:
        words = self.words
        above = (*SAID_ABOVE, *(words.say(start) for start in SAID_ABOVE))
        lines = [
            CheckLine(
                words.say("Rules"),
                words.say("version %(version)s", version=shown.knowledge_version),
            )
        ]
        if shown.could_not_check:
            lines.append(
                CheckLine(
                    words.say("Could not check"), self._sources(shown.could_not_check)
                )
            )
        if "MedicationRequest" not in shown.could_not_check:
            names = [m.text or _display(m.codings) for m in chart.medications]
            lines.append(
                CheckLine(
                    words.say("Medicines read"),
                    ", ".join(n for n in names if n) or words.say("none on record"),
                )
            )
        lines += [
            CheckLine("", words.say(note))
            for note in shown.notes
            if not note.startswith(above)
        ]
        return lines


def source_words(source: str, words: Words) -> str:
    return {
        "Patient": words.say("the patient's data"),
        "Condition": words.say("problems and diagnoses"),
        "Observation": words.say("screening scores"),
        "MedicationRequest": words.say("medicines"),
        "Encounter": words.say("visits"),
        "Consent": words.say("consents"),
        "QuestionnaireResponse": words.say("questionnaires"),
        "ServiceRequest": words.say("earlier referrals"),
        "SNOMED CT hierarchy": words.say("the hierarchy of SNOMED CT"),
    }.get(source, source)


def _display(codings: Sequence[object]) -> str:
    return next((str(d) for c in codings if (d := getattr(c, "display", ""))), "")
