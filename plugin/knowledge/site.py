"""A hospital's own changes: hide, re-weight, add programmes, confirm help lines.

The file is JSON, validated by schema/site.schema.json and then, laid over the data of
the release, by the checks that the release's own data pass. It can add and hide; it
cannot take a safety rule away.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any

from plugin.knowledge.check import reference_findings
from plugin.knowledge.errors import KnowledgeBroken, SiteFileRefused
from plugin.knowledge.json_lines import line_of, lines_in
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.load import knowledge_from
from plugin.knowledge.schemas import problems

Json = dict[str, Any]
_OWN = re.compile(r"programme ([a-z0-9_]+): ")


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A file that keeps its schema."""

    file: Path
    text: str
    said: Json

    def refused(self, what: str, *path: str | int) -> SiteFileRefused:
        line = line_of(path, lines_in(self.text))
        place = f"{self.file}:{line}" if line else str(self.file)
        return SiteFileRefused(f"{place}: {what}")


def site_knowledge(data: Mapping[str, Json], file: Path) -> Knowledge:
    """The knowledge base with the site's changes.

    Takes:  the data of the release.
    Raises: SiteFileRefused, naming the file, the line and what is wrong there.
    """
    return knowledge_of_site(data, read_site(file))


def knowledge_of_site(data: Mapping[str, Json], site: SiteFile) -> Knowledge:
    try:
        knowledge = knowledge_from(apply_site(data, site))
    except SiteFileRefused:
        raise
    except KnowledgeBroken as error:
        raise site.refused(str(error)) from error
    for finding in reference_findings(knowledge):
        raise site.refused(finding, *_place_of(finding, site.said))
    return knowledge


def read_site(file: Path) -> SiteFile:
    """Raises: SiteFileRefused."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SiteFileRefused(f"{file} is not UTF-8 text") from error
    except OSError as error:
        raise SiteFileRefused(f"{file} cannot be read: {error.strerror}") from error
    try:
        said = loads(text)
    except JSONDecodeError as error:
        reason = f"{file}:{error.lineno}: this is not JSON: {error.msg}"
        raise SiteFileRefused(reason) from error
    except RecursionError as error:
        raise SiteFileRefused(f"{file} is not JSON of this form") from error
    site = SiteFile(file, text, said)
    for problem in problems("site", said):
        raise site.refused(str(problem), *problem.path)
    return site


def apply_site(data: Mapping[str, Json], site: SiteFile) -> dict[str, Json]:
    """The data of the release with the site's changes.

    Raises: SiteFileRefused, where the site names what is not known.
    """
    said = site.said
    programs = {p["id"]: p for p in data["programs"]["programs"]}
    lines = {line["id"]: line for line in data["help_lines"]["help_lines"]}
    citations = {c["id"]: c for c in data["citations"]["citations"]}
    programs |= {p["id"]: p for p in said.get("programs", ())}
    citations |= {c["id"]: c for c in said.get("citations", ())}
    lines |= {line["id"]: line for line in said.get("help_lines", ())}
    _refuse_unknown(site, "weights", said.get("weights", {}), programs)
    _refuse_unknown(site, "checked", said.get("checked", {}), lines)
    for place, hidden in enumerate(said.get("hide", ())):
        if hidden not in programs:
            raise site.refused(f"{hidden} is no programme", "hide", place)
    for name, weight in said.get("weights", {}).items():
        programs[name] = {**programs[name], "weight": weight}
    for name, day in said.get("checked", {}).items():
        lines[name] = {**lines[name], "last_checked": _day(site, name, day)}
    for hidden in said.get("hide", ()):
        programs.pop(hidden, None)
    return {
        **data,
        "knowledge": {**data["knowledge"], "site": said["version"]},
        "programs": {"programs": list(programs.values())},
        "citations": {"citations": list(citations.values())},
        "rules": _without_hidden(data["rules"], programs),
        "help_lines": {
            "help_lines": list(lines.values()),
            "emergency_numbers": {
                **data["help_lines"]["emergency_numbers"],
                **said.get("emergency_numbers", {}),
            },
        },
    }


def _without_hidden(rules: Json, programs: Mapping[str, Json]) -> Json:
    rows = []
    for rule in rules["rules"]:
        kept = [p for p in rule["removes"]["programs"] if p in programs]
        rows.append({**rule, "removes": {**rule["removes"], "programs": kept}})
    return {**rules, "rules": rows}


def _refuse_unknown(
    site: SiteFile, key: str, names: Iterable[str], known: Mapping[str, Json]
) -> None:
    for name in names:
        if name not in known:
            raise site.refused(f"{key} names {name}, which is not known", key, name)


def _day(site: SiteFile, name: str, day: str) -> str:
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise site.refused(f"{day} is no day", "checked", name) from error


def _place_of(finding: str, said: Json) -> tuple[str | int, ...]:
    """Which of the site's own programmes a finding is about, if it is about one."""
    match = _OWN.match(finding)
    ids = [program["id"] for program in said.get("programs", ())]
    if match and match[1] in ids:
        return "programs", ids.index(match[1])
    return ()
