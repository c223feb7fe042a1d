"""The page that a card's source leads to: what it rests on, for everybody to read.

Source: 45 CFR 170.315(b)(11)(iv)(A), source attributes of evidence-based decision
support.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import PlainTextResponse, Response

from plugin.cds_hooks.cards import GROUPS_SHEET
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.sheets import sheet_of


@dataclass(frozen=True, slots=True)
class RuleSheets:
    knowledge: Knowledge

    def answer(self, rule_id: str) -> Response:
        if rule_id == GROUPS_SHEET:
            lines = self._groups()
        elif rule_id in self.knowledge.rules:
            lines = sheet_of(rule_id, self.knowledge).lines()
        else:
            return PlainTextResponse("There is no such rule.\n", 404)
        text = "".join(f"{name}: {value}\n" for name, value in lines)
        return PlainTextResponse(text, headers={"Cache-Control": "max-age=3600"})

    def _groups(self) -> Iterable[tuple[str, str]]:
        """What the choice of groups rests on, where no single rule is at work."""
        known = self.knowledge
        yield "Choice of groups", known.attributes["intervention"]
        yield "Version", known.version
        yield "Released", known.released
        yield "Needs", ", ".join(need.name for need in known.needs.values())
        yield "Developer", known.attributes["developer"]
        yield "Funding", known.attributes["funding"]
        for name, used in known.demographics.items():
            yield f"Uses {name.replace('_', ' ')}", "yes" if used else "no"
        yield "Weights", known.weights.note
        yield "Validation", known.attributes["validation"]
        yield "Fairness", known.attributes["fairness"]
        yield "External review", known.attributes["external_review"]
        yield "Maintenance", known.attributes["maintenance"]
        yield "Sources", "; ".join(c.full for c in known.citations.values())
