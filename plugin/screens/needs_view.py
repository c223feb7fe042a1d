"""The needs that the chart speaks for, each with what speaks, to be ticked or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from plugin.chart.chart import Chart
from plugin.matching.recommendation import Need, Recommendation
from plugin.screens.draft import Draft
from plugin.screens.warning_lines import codes_of
from plugin.screens.words import Words


@dataclass(frozen=True, slots=True)
class NeedLine:
    id: str
    name: str
    stage: str
    stage_words: str
    codes: tuple[str, ...]
    question: str
    taken: bool


@dataclass(frozen=True, slots=True)
class CodeLine:
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class NeedsView:
    """`known` is every need of the knowledge base, by id, with its name."""

    words: Words
    known: Mapping[str, str]

    def values(
        self,
        chart: Chart,
        shown: Recommendation,
        draft: Draft,
        every_need: Sequence[Need],
    ) -> dict[str, object]:
        """Takes: `every_need`, the chart's own, before any was taken out."""
        in_chart = {need.id for need in every_need}
        by_hand = [n for n in shown.needs if n.id not in in_chart]
        lines = [self._need(need, draft) for need in (*every_need, *by_hand)]
        taken = [line.name for line in lines if line.taken]
        asked = sum(1 for line in lines if line.stage == "ask" and not line.taken)
        said = ", ".join(taken) or self.words.say("none taken up")
        if asked:
            said += "; " + self.words.count("%(num)s to ask", "%(num)s to ask", asked)
        sources = self._source_lines(chart, every_need)
        summary = self.words.say("Sources")
        if shown.unmapped:
            summary += "; " + self.words.count(
                "%(num)s not matched", "%(num)s not matched", len(shown.unmapped)
            )
        return {
            "needs": lines,
            "needs_line": said,
            "other_needs": [
                (need, self.words.say(name))
                for need, name in self.known.items()
                if need not in in_chart | {n.id for n in by_hand}
            ],
            "sources": sources,
            "sources_words": summary,
            "unmapped": [CodeLine(u.code, u.display) for u in shown.unmapped],
        }

    def _need(self, need: Need, draft: Draft) -> NeedLine:
        asked = need.stage == "ask"
        taken = (
            need.id in draft.added_needs
            if asked
            else need.id not in (draft.dropped_needs)
        )
        stage = {
            "active": self.words.say("active"),
            "remission": self.words.say("in remission"),
            "ask": self.words.say("ask"),
        }[need.stage]
        if need.derived:
            stage = self.words.say("derived")
        return NeedLine(
            need.id,
            self.words.say(need.name),
            need.stage,
            stage,
            # Words would crowd out the name: they stand among the sources.
            codes_of([b for b in need.because if b.is_icd]),
            self.words.say(need.question),
            taken,
        )

    def _source_lines(self, chart: Chart, needs: Sequence[Need]) -> list[CodeLine]:
        """Each entry of the chart that speaks for a need, once, with its date."""
        dated = {c.reference: c.recorded or c.onset for c in chart.conditions}
        dated |= {o.reference: o.effective for o in chart.observations}
        lines = {}
        for need in needs:
            for b in need.because:
                when = dated.get(b.resource, "")
                parts = [b.display, self.words.recorded(when) if when else ""]
                lines[b.resource, b.code] = CodeLine(
                    b.code, "; ".join(p for p in parts if p)
                )
        return list(lines.values())
