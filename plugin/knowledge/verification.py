"""The table of what is verified in the knowledge base, and what is not.

`python -m plugin.knowledge.verification > docs/knowledge/verification.md` writes it
anew after the data have changed; a test holds the two together.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from plugin.knowledge.load import read_data

Json = dict[str, Any]
SEEN, MEMORY, NONE = "seen", "from memory", "-"
PREFACE = """\
# What is verified, and what is not

Written from the data by `python -m plugin.knowledge.verification`; do not edit it.

*Seen* means that an abstract, a record or a page naming the fact was read; such pages
differ in age. *From memory* means that nothing was read: ask the group, or open the
address, before you rely on it. Costs, formats, languages and countries are from memory
unless a fact below says them. **No clinician has reviewed any of it yet**, and no
speaker of Spanish who works with patients has reviewed the Spanish texts.
"""
AWAITING = (
    "which codes speak for which need, and with what confidence",
    "the safety rules, their levels and their look-back times",
    "which programme serves which need, its exclusions and its evidence grades",
    "the weights of the ranking, which are not validated",
    "the words of hand-outs, evidence pages and in-visit guides, in both languages",
)


def verification_page(data: Mapping[str, Json]) -> str:
    """The whole document, from the data of the files."""
    programs = data["programs"]["programs"]
    parts = [
        PREFACE,
        _section("Counts", _counts(data)),
        _list("Awaits a clinician's review", AWAITING),
        _section("Programmes", _programs(programs)),
        _facts(programs),
        _section("Evidence grades", _grades(data)),
        _section("Citations", _citations(data["citations"]["citations"])),
        _section("Single sessions", _sessions(data)),
        _section("Help lines", _help_lines(data["help_lines"]["help_lines"])),
        _list("Code systems", data["knowledge"]["sources"]),
    ]
    return "\n".join(parts)


def _counts(data: Mapping[str, Json]) -> Iterable[Sequence[str]]:
    programs = data["programs"]["programs"]
    medication = [p["medication"] for p in programs]
    yield "what", "all", "verified", "not verified"
    yield _count("programmes: web address", [p["url_verified"] for p in programs])
    yield _count("programmes: ages", [p["age_verified"] for p in programs])
    for kind, name in (("psychiatric", "psychiatric medicines"), ("moud", "MOUD")):
        views = [m[kind] for m in medication if m[kind]["stance"] != "not_applicable"]
        yield _count(f"programmes: stance on {name}", [v["verified"] for v in views])
    citations = data["citations"]["citations"]
    yield _count("citations", [c["verified"] for c in citations])
    lines = data["help_lines"]["help_lines"]
    yield _count("help lines: number", [h["number_seen"] for h in lines])
    checked = [h["last_checked"] is not None for h in lines]
    yield _count("help lines: confirmed by a site", checked)


def _count(what: str, seen: Sequence[bool]) -> Sequence[str]:
    return what, str(len(seen)), str(sum(seen)), str(len(seen) - sum(seen))


def _programs(programs: Iterable[Json]) -> Iterable[Sequence[str]]:
    yield (
        *("id", "programme", "address", "ages", "psychiatric medicines", "MOUD"),
        *("facts with a source", "not confirmed"),
    )
    for p in programs:
        yield (
            p["id"],
            p["name"],
            _seen(p["url_verified"]) if p["url"] else NONE,
            _seen(p["age_verified"]),
            _stance(p["medication"]["psychiatric"]),
            _stance(p["medication"]["moud"]),
            str(len(p["facts"])),
            "; ".join(p["unconfirmed"]) or NONE,
        )


def _seen(verified: bool) -> str:
    return SEEN if verified else MEMORY


def _stance(view: Json) -> str:
    if view["stance"] == "not_applicable":
        return NONE
    return f"{view['stance']}: {_seen(view['verified'])}"


def _facts(programs: Iterable[Json]) -> str:
    lines = ["## Facts of programmes, with their sources", ""]
    for p in programs:
        lines += [f"- **{p['id']}**: {fact}" for fact in p["facts"]]
    return "\n".join([*lines, ""])


def _grades(data: Mapping[str, Json]) -> Iterable[Sequence[str]]:
    verified = _verified(data)
    yield "programme", "need", "grade", "sources", "note"
    for p in data["programs"]["programs"]:
        for e in p["evidence"]:
            sources = _sources(e["citations"], verified)
            yield p["id"], e["need"], e["grade"], sources, e["note"] or NONE


def _verified(data: Mapping[str, Json]) -> Mapping[str, bool]:
    return {c["id"]: c["verified"] for c in data["citations"]["citations"]}


def _sources(keys: Iterable[str], verified: Mapping[str, bool]) -> str:
    return ", ".join(f"{key} ({_seen(verified[key])})" for key in keys) or NONE


def _citations(citations: Iterable[Json]) -> Iterable[Sequence[str]]:
    yield "key", "reference", "DOI", "status", "note"
    for c in citations:
        status = _seen(c["verified"])
        yield c["id"], c["reference"], c["doi"] or NONE, status, c["note"] or NONE


def _sessions(data: Mapping[str, Json]) -> Iterable[Sequence[str]]:
    verified = _verified(data)
    yield "id", "single session", "grade", "sources", "limits"
    for s in data["single_sessions"]["single_sessions"]:
        sources = _sources(s["citations"], verified)
        yield s["id"], s["name"], s["grade"], sources, s["note"]


def _help_lines(lines: Iterable[Json]) -> Iterable[Sequence[str]]:
    yield "id", "help line", "countries", "number", "confirmed by a site"
    for h in lines:
        countries = ", ".join(h["countries"])
        checked = h["last_checked"] or "not checked"
        yield h["id"], h["name"], countries, _seen(h["number_seen"]), checked


def _section(title: str, rows: Iterable[Sequence[str]]) -> str:
    head, *body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    table = [head, ["---"] * len(head), *body]
    return "\n".join([f"## {title}", "", *map(_row, table), ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _list(title: str, items: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {item}" for item in items), ""])


if __name__ == "__main__":
    sys.stdout.write(verification_page(read_data()))
