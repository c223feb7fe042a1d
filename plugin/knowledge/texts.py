"""Hand-outs, evidence pages and in-visit guides, from data, in English and Spanish.

The files are read at once; each text is put together when it is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from plugin.knowledge.errors import KnowledgeBroken
from plugin.knowledge.evidence_page import EvidencePage, evidence_page_of
from plugin.knowledge.guide import Guide, guide_of
from plugin.knowledge.handout import HandoutText, handout_of
from plugin.knowledge.knowledge import Knowledge
from plugin.knowledge.linkage import LinkageText, linkage_of
from plugin.knowledge.load import DATA, load_knowledge

TEXTS = DATA / "texts"
FILES = ("handouts", "evidence", "guides", "linkage")
LANGUAGES = ("en", "es")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts. A language without texts is answered in English."""

    knowledge: Knowledge
    handouts: Json
    evidence_data: Json
    guides_data: Json
    linkage_data: Json

    def handout(
        self, program_id: str, language: str, *, named: bool = True
    ) -> HandoutText:
        """What the patient takes home; general words where it must not be named.

        A programme that the release does not know, such as a site's own, has the
        general words under its own name.
        """
        program = self.knowledge.programs.get(program_id)
        spoken = spoken_in(language)
        return handout_of(self.handouts, program_id, program, spoken, named=named)

    def evidence(self, program_id: str, language: str) -> EvidencePage:
        """The clinician's page. Raises: KeyError for a programme that is not known."""
        program = self.knowledge.program(program_id)
        spoken = spoken_in(language)
        return evidence_page_of(self.evidence_data, program, self.knowledge, spoken)

    def guide(self, guide_id: str, language: str) -> Guide:
        """A guide for the visit. Raises: KeyError for one that is not known."""
        for row in self.guides_data["guides"]:
            if row["id"] == guide_id:
                return guide_of(row, spoken_in(language))
        raise KeyError(guide_id)

    def linkage(self, language: str) -> LinkageText:
        """The words of the active referral's steps."""
        return linkage_of(self.linkage_data, spoken_in(language))

    @property
    def version(self) -> str:
        """The version of the words, which may change without the rules."""
        return str(self.handouts["version"])

    @property
    def guide_ids(self) -> tuple[str, ...]:
        return tuple(row["id"] for row in self.guides_data["guides"])


def spoken_in(language: str) -> str:
    """The language of the texts for a language tag such as es-MX."""
    plain = language.lower().split("-", 1)[0]
    return plain if plain in LANGUAGES else LANGUAGES[0]


def load_texts(knowledge: Knowledge | None = None) -> Texts:
    """The texts of this release.

    Takes:  the knowledge base with a site's own changes; else that of the release.
    Raises: KnowledgeBroken.
    """
    return texts_of(read_texts(), knowledge or load_knowledge())


def texts_of(data: Mapping[str, Json], knowledge: Knowledge) -> Texts:
    """Takes: the decoded text files by name."""
    return Texts(
        knowledge, data["handouts"], data["evidence"], data["guides"], data["linkage"]
    )


def read_texts() -> dict[str, Json]:
    try:
        return {n: orjson.loads((TEXTS / f"{n}.json").read_bytes()) for n in FILES}
    except (OSError, orjson.JSONDecodeError) as error:
        raise KnowledgeBroken(str(error)) from error
