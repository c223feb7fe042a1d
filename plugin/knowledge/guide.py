"""Guides that a clinician carries out in the visit, one page each.

What the patient says is written on the patient's own sheet. The note takes the summary
fields alone: minutes, scores, what is to be done and when; never what was talked about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    minutes: int
    title: str
    say: tuple[str, ...]
    write: str = ""  # on the patient's sheet
    note: str = ""  # to the clinician


@dataclass(frozen=True, slots=True)
class SummaryField:
    """One line that the note may take."""

    id: str
    label: str
    kind: Literal["number", "choice", "date", "line"]
    choices: Mapping[str, str]  # id -> words
    least: int = 0
    most: int = 0
    longest: int = 0  # characters of a line
    hint: str = ""

    def words(self, answer: str) -> str:
        """An answer as the note says it.

        Raises: ValueError for an answer that the field does not take.
        """
        if self.kind == "choice" and answer in self.choices:
            return self.choices[answer]
        if self.kind == "number" and self._holds(answer):
            return str(int(answer))
        if self.kind == "date":
            return date.fromisoformat(answer).isoformat()
        if self.kind == "line" and len(answer) <= self.longest and answer.isprintable():
            return answer
        raise ValueError(f"{self.id} does not take this answer")

    def _holds(self, answer: str) -> bool:
        plain = answer.isascii() and answer.isdigit() and len(answer) <= len("999")
        return plain and self.least <= int(answer) <= self.most


@dataclass(frozen=True, slots=True)
class Guide:
    id: str
    session: str  # the single session that it carries out, "" for none
    language: str
    title: str
    minutes: int
    purpose: str
    steps: tuple[Step, ...]
    not_when: tuple[str, ...]
    evidence: str
    sources: tuple[str, ...]
    summary: tuple[SummaryField, ...]
    substance_use: bool  # its summary is information on substance use

    def note_lines(self, answers: Mapping[str, str]) -> tuple[str, ...]:
        """The title and one line for each answered summary field, in their order.

        Takes:  field id -> answer; "" or absence for a field left open.
        Raises: ValueError for a field that is none, or an answer it does not take.
        """
        unknown = set(answers) - {field.id for field in self.summary}
        if unknown:
            raise ValueError(f"{self.id} has no field {', '.join(sorted(unknown))}")
        given = {key: answer.strip() for key, answer in answers.items()}
        lines = [
            f"{field.label}: {field.words(given[field.id])}"
            for field in self.summary
            if given.get(field.id)
        ]
        return (self.title, *lines) if lines else ()


def guide_of(row: Json, language: str) -> Guide:
    return Guide(
        id=row["id"],
        session=row["session"] or "",
        language=language,
        title=row["title"][language],
        minutes=row["minutes"],
        purpose=row["purpose"][language],
        steps=tuple(_steps(row["steps"], language)),
        not_when=tuple(row["not_when"][language]),
        evidence=row["evidence"][language],
        sources=tuple(row["sources"]),
        summary=tuple(_fields(row["summary"], language)),
        substance_use=row["substance_use"],
    )


def _steps(rows: Iterable[Json], language: str) -> Iterable[Step]:
    for row in rows:
        yield Step(
            minutes=row["minutes"],
            title=row["title"][language],
            say=tuple(row["say"][language]),
            write=row["write"][language] if "write" in row else "",
            note=row["note"][language] if "note" in row else "",
        )


def _fields(rows: Iterable[Json], language: str) -> Iterable[SummaryField]:
    for row in rows:
        yield SummaryField(
            id=row["id"],
            label=row["label"][language],
            kind=row["kind"],
            choices={c["id"]: c["label"][language] for c in row.get("choices", ())},
            least=row.get("least", 0),
            most=row.get("most", 0),
            longest=row.get("longest", 0),
            hint=row["hint"][language] if "hint" in row else "",
        )
