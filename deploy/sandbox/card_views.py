"""What the chart shows of a CDS card, whatever the card is like."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.sandbox.card_text import Block, blocks
from deploy.sandbox.cds_client import Shown
from deploy.sandbox.wire import Json

_KINDS = {"info": "Suggestion", "warning": "Warning", "critical": "Urgent"}


@dataclass(frozen=True, slots=True)
class CardView:
    uuid: str
    indicator: str
    kind: str
    summary: str
    detail: Sequence[Block]
    source: str
    source_url: str
    link: str  # the words of the link to the app, "" for none
    reasons: Sequence[tuple[str, str]]
    suggestions: Sequence[tuple[str, str]]  # the id and the words of each


def card_view(shown: Shown) -> CardView:
    card = shown.card
    indicator = str(card.get("indicator", ""))
    source: Json = card.get("source") or {}
    url = str(source.get("url", ""))
    links = [one for one in card.get("links", []) if one.get("type") == "smart"]
    return CardView(
        uuid=shown.uuid,
        indicator=indicator if indicator in _KINDS else "info",
        kind=_KINDS.get(indicator, _KINDS["info"]),
        summary=str(card.get("summary", "")),
        detail=blocks(str(card.get("detail", ""))),
        source=str(source.get("label", "")),
        source_url=url if url.startswith(("https://", "http://")) else "",
        link=str(links[0].get("label", "")) if links else "",
        reasons=[
            (str(one.get("code", "")), str(one.get("display", "")))
            for one in card.get("overrideReasons", [])
        ],
        suggestions=[
            (str(one.get("uuid", "")), str(one.get("label", "")))
            for one in card.get("suggestions", [])
        ],
    )
