"""A recommendation in the reader's language: said again, with no fact changed.

What is signed, sent and recorded keeps the recommendation as it was made; only what a
reader sees passes through here. The chart's own words stay as the chart has them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from plugin.knowledge.evidence_page import EvidencePage
from plugin.knowledge.programs import UNSEEN
from plugin.matching.recommendation import (
    Because,
    Evidence,
    Need,
    Recommendation,
    Recommended,
    SingleSession,
    UnreadableEntry,
)
from plugin.matching.recommendation import Warning as SafetyWarning
from plugin.matching.sentences import Sentence, said
from plugin.screens.words import SOURCE_LANGUAGE, Words


def said_in(words: Words, shown: Recommendation) -> Recommendation:
    """The same recommendation for this reader."""
    if words.language == SOURCE_LANGUAGE:
        return shown
    say = _Saying(words)
    return replace(
        shown,
        needs=needs_said_in(words, shown.needs),
        warnings=tuple(say.warning(w) for w in shown.warnings),
        programs=tuple(say.program(p) for p in shown.programs),
        single_sessions=tuple(say.session(s) for s in shown.single_sessions),
        removed=tuple(replace(r, reason=say.text(r.reason)) for r in shown.removed),
        unreadable=tuple(say.unreadable(u) for u in shown.unreadable),
        notes=say.texts(shown.notes),
    )


def evidence_said_in(words: Words, page: EvidencePage) -> EvidencePage:
    """A page has its own words in each language; these are the names that it quotes."""
    if words.language == SOURCE_LANGUAGE:
        return page
    say = _Saying(words)
    return replace(
        page,
        grades=tuple(replace(g, need_name=say.text(g.need_name)) for g in page.grades),
        ungraded=say.texts(page.ungraded),
        sources=tuple(
            replace(s, reference=say.reference(s.reference)) for s in page.sources
        ),
    )


def needs_said_in(words: Words, needs: Iterable[Need]) -> tuple[Need, ...]:
    if words.language == SOURCE_LANGUAGE:
        return tuple(needs)
    say = _Saying(words)
    return tuple(say.need(need) for need in needs)


class _Saying:
    def __init__(self, words: Words) -> None:
        self._say = words.say

    def text(self, text: str) -> str:
        return said(text, self._say)

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.text(text) for text in texts)

    def need(self, need: Need) -> Need:
        return replace(
            need,
            name=self.text(need.name),
            question=self.text(need.question),
            because=self._because(need.because),
        )

    def warning(self, warning: SafetyWarning) -> SafetyWarning:
        return replace(
            warning,
            title=self.text(warning.title),
            text=self.text(warning.text),
            must=self.texts(warning.must),
            because=self._because(warning.because),
        )

    def program(self, program: Recommended) -> Recommended:
        return replace(
            program,
            approach=self.texts(program.approach),
            evidence=self._evidence(program.evidence),
            reasons=self.texts(program.reasons),
            cautions=self.texts(program.cautions),
            features=tuple(
                replace(f, text=self.text(f.text)) for f in program.features
            ),
            because=self._because(program.because),
        )

    def session(self, session: SingleSession) -> SingleSession:
        return replace(
            session,
            name=self.text(session.name),
            reasons=self.texts(session.reasons),
            evidence=self._evidence(session.evidence),
        )

    def unreadable(self, entry: UnreadableEntry) -> UnreadableEntry:
        """`Condition: it has no code`: the kind is FHIR's own word, and so is what
        stands behind a second colon.
        """
        kind, *reasons = entry.reason.split(": ")
        return replace(entry, reason=": ".join((kind, *self.texts(reasons))))

    def reference(self, reference: str) -> str:
        known = reference.removesuffix(UNSEEN)
        return reference if known == reference else known + self.text(UNSEEN)

    def _evidence(self, evidence: Evidence) -> Evidence:
        references = tuple(self.reference(r) for r in evidence.references)
        return replace(evidence, note=self.text(evidence.note), references=references)

    def _because(self, lines: Iterable[Because]) -> tuple[Because, ...]:
        return tuple(
            replace(line, display=self.text(line.display))
            if isinstance(line.display, Sentence)
            else line
            for line in lines
        )
