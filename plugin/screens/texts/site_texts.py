"""The texts under the knowledge base as this site has it."""

from __future__ import annotations

from functools import cache
from typing import Any

from plugin.knowledge.load import Knowledge
from plugin.knowledge.texts import Texts, read_texts, texts_of


def texts_under(knowledge: Knowledge) -> Texts:
    return texts_of(_data(), knowledge)


@cache
def _data() -> dict[str, Any]:
    """Read once: the files do not change while the app runs."""
    return read_texts()
