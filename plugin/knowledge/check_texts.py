"""Checks the texts: their shape, and that each page can be put together."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from plugin.knowledge.evidence_page import evidence_page_of
from plugin.knowledge.guide import guide_of
from plugin.knowledge.handout import handout_of
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.schemas import problems
from plugin.knowledge.texts import FILES, LANGUAGES

Json = dict[str, Any]


def text_findings(texts: Mapping[str, Json], knowledge: Knowledge) -> list[str]:
    """Everything that is wrong, one line each; empty where all is well.

    Takes: the data of the text files; the knowledge base of the same release.
    """
    found = [
        f"texts/{name}.json: {problem}"
        for name in FILES
        for problem in problems(f"texts_{name}", texts[name])
    ]
    if found:
        return found
    return [
        *_handouts(texts["handouts"], knowledge),
        *_evidence(texts["evidence"], knowledge),
        *_guides(texts["guides"], knowledge),
    ]


def _handouts(data: Json, knowledge: Knowledge) -> Iterable[str]:
    written = {row["id"] for row in data["programs"]}
    yield from _unknown("texts/handouts.json", written, knowledge.programs)
    for program in knowledge.programs.values():
        if program.id not in written:
            yield f"texts/handouts.json: {program.id} has no text"
        for language in LANGUAGES:
            try:
                handout_of(data, program.id, program, language, named=True)
            except KeyError as error:
                yield f"texts/handouts.json: {program.id} ({language}) lacks {error}"


def _evidence(data: Json, knowledge: Knowledge) -> Iterable[str]:
    where = "texts/evidence.json"
    yield from _unknown(where, [r["id"] for r in data["programs"]], knowledge.programs)
    yield from _unknown(where, data["studies"], knowledge.citations)
    yield from _unknown(where, sorted(_cited(data)), knowledge.citations)
    for program in knowledge.programs.values():
        for language in LANGUAGES:
            try:
                evidence_page_of(data, program, knowledge, language)
            except KeyError as error:
                yield f"{where}: {program.id} ({language}) lacks {error}"


def _guides(data: Json, knowledge: Knowledge) -> Iterable[str]:
    where = "texts/guides.json"
    sessions = [row["session"] for row in data["guides"] if row["session"]]
    yield from _unknown(where, sessions, knowledge.single_sessions)
    for row in data["guides"]:
        for language in LANGUAGES:
            try:
                guide_of(row, language)
            except KeyError as error:
                yield f"{where}: {row['id']} ({language}) lacks {error}"


def _unknown(where: str, names: Iterable[str], known: Collection[str]) -> Iterable[str]:
    for name in names:
        if name not in known:
            yield f"{where}: {name} is not known"


def _cited(node: Any) -> set[str]:
    """Every citation that stands anywhere in a text."""
    if isinstance(node, list):
        return {key for part in node for key in _cited(part)}
    if not isinstance(node, dict):
        return set()
    own = set(node.get("citations", ()))
    return own | {key for part in node.values() for key in _cited(part)}
