"""What a patient takes home about one programme, in plain words.

Nothing in it names a diagnosis, unless the programme's own name does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.knowledge.programs import Program

Json = dict[str, Any]
PARTS = ("what", "first_meeting", "cost", "medicine", "spirituality", "find")


@dataclass(frozen=True, slots=True)
class Part:
    """One heading with its sentences."""

    kind: str  # one of PARTS
    heading: str
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


@dataclass(frozen=True, slots=True)
class HandoutText:
    program: str
    language: str
    title: str
    parts: tuple[Part, ...]
    safety: str
    discreet: bool  # neither the programme's name nor its address may stand beside it

    def part(self, kind: str) -> Part | None:
        return next((part for part in self.parts if part.kind == kind), None)

    @property
    def text(self) -> str:
        """All that a patient reads, headings and title aside."""
        return " ".join([*(part.text for part in self.parts), self.safety])


def handout_of(
    data: Json, program_id: str, program: Program | None, language: str, *, named: bool
) -> HandoutText:
    """The text of a programme; a general one where it has none, or may not be named.

    Takes: the data of handouts.json; the programme as this site knows it.
    """
    rows: Mapping[str, Json] = {row["id"]: row for row in data["programs"]}
    own = rows.get(program_id) if named else None
    row = own or data["general"]
    foreign = own is not None and program is not None and not meets(program, language)
    further = {"find": (data["other_language"][language],)} if foreign else {}
    return HandoutText(
        program=program_id,
        language=language,
        title=_title(row, program if named else None, language),
        parts=tuple(_parts(data, row, language, further)),
        safety=data["safety"][language],
        discreet=bool(row.get("discreet")) or not named,
    )


def meets(program: Program, language: str) -> bool:
    """Whether meetings in a language are known of; any language counts."""
    return program.any_language or language in program.languages


def _title(row: Json, program: Program | None, language: str) -> str:
    own = row.get("title", {}).get(language, "")
    if row.get("discreet"):
        return str(own)
    if "id" not in row and program is not None:
        return program.name  # a site's own programme: a general text under its name
    return str(own) or (program.name if program else "")


def _parts(
    data: Json, row: Json, language: str, further: Mapping[str, tuple[str, ...]]
) -> Iterable[Part]:
    for kind in PARTS:
        chosen = row[kind]
        if chosen is None:
            continue
        said = chosen if kind == "what" else data["shared"][kind][chosen]
        sentences = (*said[language], *further.get(kind, ()))
        yield Part(kind, data["headings"][kind][language], sentences)
