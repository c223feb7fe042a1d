"""A hospital's own changes: hide, re-weight, add programmes, confirm help lines.

The file is JSON, validated by schema/site.schema.json, and laid over the data of the
release. It can add and hide; it cannot take a safety rule away.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from plugin.knowledge.errors import KnowledgeBroken
from plugin.knowledge.schemas import problems

Json = dict[str, Any]


def apply_site(data: Mapping[str, Json], site_file: Path) -> dict[str, Json]:
    """The data of the release with the site's changes.

    Raises: KnowledgeBroken, naming the file and what is wrong in it.
    """
    site = _read(site_file)
    programs = {p["id"]: p for p in data["programs"]["programs"]}
    lines = {line["id"]: line for line in data["help_lines"]["help_lines"]}
    _refuse_unknown(site_file, "hide", site.get("hide", ()), programs)
    _refuse_unknown(site_file, "weights", site.get("weights", ()), programs)
    for program in site.get("programs", ()):
        programs[program["id"]] = program
    for hidden in site.get("hide", ()):
        programs.pop(hidden, None)
    for name, weight in site.get("weights", {}).items():
        if name in programs:
            programs[name] = {**programs[name], "weight": weight}
    for line in site.get("help_lines", ()):
        lines[line["id"]] = line
    _refuse_unknown(site_file, "checked", site.get("checked", ()), lines)
    for name, day in site.get("checked", {}).items():
        lines[name] = {**lines[name], "last_checked": day}
    citations = data["citations"]["citations"] + site.get("citations", [])
    for rule in data["rules"]["rules"]:
        kept = [p for p in rule["removes"]["programs"] if p in programs]
        rule["removes"]["programs"] = kept
    return {
        **data,
        "knowledge": {**data["knowledge"], "site": site["version"]},
        "programs": {"programs": list(programs.values())},
        "citations": {"citations": citations},
        "help_lines": {**data["help_lines"], "help_lines": list(lines.values())},
    }


def _read(site_file: Path) -> Json:
    try:
        site = orjson.loads(site_file.read_bytes())
    except OSError as error:
        reason = f"{site_file} cannot be read: {error.strerror}"
        raise KnowledgeBroken(reason) from error
    except orjson.JSONDecodeError as error:
        raise KnowledgeBroken(f"{site_file} is not JSON: {error}") from error
    found = problems("site", site)
    if found:
        raise KnowledgeBroken(f"{site_file}: {found[0]}")
    assert isinstance(site, dict)
    return site


def _refuse_unknown(
    file: Path, key: str, names: Any, known: Mapping[str, Json]
) -> None:
    for name in names:
        if name not in known:
            raise KnowledgeBroken(f"{file}: {key} names {name}, which is not known")
