"""Reads the knowledge base from its data files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from plugin.knowledge.building import build
from plugin.knowledge.errors import KnowledgeBroken
from plugin.knowledge.knowledge import Knowledge

__all__ = ["DATA", "Knowledge", "load_knowledge", "read_data"]

DATA = Path(__file__).parent / "data"
FILES = (
    "knowledge",
    "needs",
    "programs",
    "citations",
    "single_sessions",
    "help_lines",
    "rules",
    "code_groups",
    "medicines",
    "weights",
)
Json = dict[str, Any]


def load_knowledge(site_file: Path | None = None) -> Knowledge:
    """The knowledge base of this release, with a hospital's own changes on top.

    Raises: KnowledgeBroken; SiteFileRefused, naming the line of the hospital's file.
    """
    if site_file is None:
        return knowledge_from(read_data())
    from plugin.knowledge.site import site_knowledge  # noqa: PLC0415 - seldom needed

    return site_knowledge(read_data(), site_file)


def read_data() -> dict[str, Json]:
    try:
        return {n: orjson.loads((DATA / f"{n}.json").read_bytes()) for n in FILES}
    except (OSError, orjson.JSONDecodeError) as error:
        raise KnowledgeBroken(str(error)) from error


def knowledge_from(data: Mapping[str, Json]) -> Knowledge:
    """Build the frozen value from the data of the files."""
    try:
        return build(data)
    except re.error as error:
        raise KnowledgeBroken(f"{error.pattern!r} is no pattern: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise KnowledgeBroken(f"the data lacks or misuses {error}") from error
